/* Opening a verifier: onnxruntime is loaded while the bundle is read and hashed, as each takes a dozen milliseconds. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include <pthread.h>
#include <stdlib.h>

#include "verifier.h"

enum { MOST_THREADS = 256 };

typedef struct {
    const char *library;
    engine *opened;
    char why[512];
    pthread_t thread;
    int apart; /* on a thread of its own */
} loading;

static void *load_engine(void *given) {
    loading *l = given;
    l->opened = engine_open(l->library, l->why, sizeof l->why);
    return NULL;
}

static void begin_loading(loading *l, const char *library) {
    *l = (loading){.library = library};
    setenv("ORT_DISABLE_TELEMETRY", "1", 0); /* not beside other threads' getenv */
    l->apart = pthread_create(&l->thread, NULL, load_engine, l) == 0;
    if (!l->apart) load_engine(l);
}

static engine *end_loading(loading *l) {
    if (l->apart) pthread_join(l->thread, NULL);
    return l->opened;
}

static session *load_graph(facedge *f, const char *name, int threads, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(&f->bundle, name);
    if (!file) return fail(FACEDGE_BAD_BUNDLE, why, why_size, "the bundle has no %s", name), NULL;
    return session_open(f->engine, file->data, file->size, threads, why, why_size);
}

static facedge_status load_models(facedge *f, const facedge_options *options, char *why, size_t why_size) {
    int threads = options->threads ? options->threads : 1;
    int int8 = options->precision == FACEDGE_INT8 || (options->precision == FACEDGE_AS_CALIBRATED && f->bundle.int8);
    if (!(f->backbone = load_graph(f, int8 ? "backbone.int8.onnx" : "backbone.onnx", threads, why, why_size)) ||
        !(f->head = load_graph(f, "head.onnx", 1, why, why_size)))
        return FACEDGE_BAD_BUNDLE;
    f->detector = detector_create(f->engine, options->detector, threads);
    return f->detector ? FACEDGE_OK : fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
}

static facedge_status check_options(const facedge_options *options, facedge **verifier, char *why, size_t why_size) {
    if (!verifier || options->struct_size < sizeof *options || options->threads < 0 || options->threads > MOST_THREADS)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size,
                    "expected a place for the verifier, options made by FACEDGE_OPTIONS, 0 to %d threads", MOST_THREADS);
    return FACEDGE_OK;
}

static facedge_status open_verifier(const place *from, const facedge_options *options, facedge *f, char *why, size_t why_size) {
    loading engine;
    begin_loading(&engine, options->onnxruntime);
    facedge_status status = bundle_read_from(from, &f->bundle, why, why_size);
    f->engine = end_loading(&engine);
    if (status != FACEDGE_OK) return status;
    if (!f->engine) return fail(FACEDGE_NO_ENGINE, why, why_size, "%s", engine.why);
    return load_models(f, options, why, why_size);
}

/* Opens the bundle that lies in `from`, which ends here, where `status` is FACEDGE_OK. */
static facedge_status open_from(facedge_status status, place *from, const facedge_options *options, facedge **verifier,
                                char *why, size_t why_size) {
    static const facedge_options defaults = FACEDGE_OPTIONS;
    if (!options) options = &defaults;
    if (status == FACEDGE_OK) status = check_options(options, verifier, why, why_size);
    facedge *f = status == FACEDGE_OK ? calloc(1, sizeof *f) : NULL;
    if (status == FACEDGE_OK && !f) status = fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (status == FACEDGE_OK) status = open_verifier(from, options, f, why, why_size);
    place_close(from);
    if (status == FACEDGE_OK)
        *verifier = f;
    else
        facedge_close(f);
    return status;
}

facedge_status facedge_open(const char *path, const facedge_options *options, facedge **verifier, char *why,
                            size_t why_size) {
    place *from = NULL;
    if (verifier) *verifier = NULL;
    facedge_status status = path ? place_open(path, &from, why, why_size)
                                 : fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected the path of a bundle");
    return open_from(status, from, options, verifier, why, why_size);
}

facedge_status facedge_open_files(const facedge_file *files, size_t count, const facedge_options *options,
                                  facedge **verifier, char *why, size_t why_size) {
    place *from = NULL;
    if (verifier) *verifier = NULL;
    facedge_status status = files ? place_of_files(files, count, &from, why, why_size)
                                  : fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected the files of a bundle");
    return open_from(status, from, options, verifier, why, why_size);
}

facedge_status facedge_open_zip(const void *zip, size_t size, const facedge_options *options, facedge **verifier, char *why,
                                size_t why_size) {
    place *from = NULL;
    if (verifier) *verifier = NULL;
    facedge_status status = zip ? place_of_zip(zip, size, &from, why, why_size)
                                : fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected the bytes of a zip");
    return open_from(status, from, options, verifier, why, why_size);
}

void facedge_close(facedge *f) {
    if (!f) return;
    detector_destroy(f->detector);
    if (f->engine) {
        session_close(f->engine, f->head);
        session_close(f->engine, f->backbone);
    }
    engine_close(f->engine);
    bundle_free(&f->bundle);
    free(f);
}
