#include "facedge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "engine.h"
#include "prep.h"

enum { FRAME_WIDTH = 178, FRAME_HEIGHT = 218, MOST_THREADS = 256 };

/* The least contrast of an input that may be scored, in grey levels: FORMAT.md, section 4. */
static const double LEAST_QUALITY = 8.0, HALF_RANGE = 127.5;

struct facedge {
    bundle bundle;
    engine *engine;
    session *backbone, *head;
};

static session *load(facedge *f, const char *name, int threads, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(&f->bundle, name);
    if (!file) return fail(FACEDGE_BAD_BUNDLE, why, why_size, "the bundle has no %s", name), NULL;
    return session_open(f->engine, file->data, file->size, threads, why, why_size);
}

facedge_status facedge_open(const char *path, const facedge_options *options, facedge **verifier, char *why,
                            size_t why_size) {
    static const facedge_options defaults = {NULL, 1, FACEDGE_AS_CALIBRATED};
    if (!options) options = &defaults;
    if (!path || !verifier || options->threads < 0 || options->threads > MOST_THREADS)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_open: a path, a place for the verifier, 0 to 256 threads");
    *verifier = NULL;
    facedge *f = calloc(1, sizeof *f);
    if (!f) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_status status = bundle_read(path, &f->bundle, why, why_size);
    if (status != FACEDGE_OK) return free(f), status;

    int threads = options->threads ? options->threads : 1;
    int int8 = options->precision == FACEDGE_INT8 || (options->precision == FACEDGE_AS_CALIBRATED && f->bundle.int8);
    if ((f->engine = engine_open(options->onnxruntime, why, why_size)) &&
        (f->backbone = load(f, int8 ? "backbone.int8.onnx" : "backbone.onnx", threads, why, why_size)) &&
        (f->head = load(f, "head.onnx", 1, why, why_size)))
        return *verifier = f, FACEDGE_OK;
    status = f->engine ? FACEDGE_BAD_BUNDLE : FACEDGE_NO_ENGINE;
    facedge_close(f);
    return status;
}

void facedge_close(facedge *f) {
    if (!f) return;
    if (f->engine) {
        session_close(f->engine, f->head);
        session_close(f->engine, f->backbone);
    }
    engine_close(f->engine);
    bundle_free(&f->bundle);
    free(f);
}

int64_t facedge_size(const facedge *f) { return f->bundle.size; }
int64_t facedge_embedding_size(const facedge *f) { return f->bundle.embedding_size; }
int64_t facedge_attribute_count(const facedge *f) { return f->bundle.attribute_count; }

const char *facedge_attribute_name(const facedge *f, int64_t column) {
    if (column < 0) return NULL;
    return json_text(json_at(json_get(f->bundle.manifest, "attribute_names"), (size_t)column));
}

/* A corner of the crop on an image of so many pixels, in 1/256 pixel: halves up, as PreprocessSpec.box_for has it. */
static int64_t corner(long long crop, int64_t pixels, int64_t frame) { return (2 * crop * pixels + frame) / (2 * frame); }

static facedge_status prepare(const facedge *f, const facedge_image *image, float *tensor, char *why, size_t why_size) {
    const long long *crop = f->bundle.crop;
    int64_t h = image->height, w = image->width, size = f->bundle.size;
    if (h < 1 || w < 1 || h > FE_MAX_SIDE || w > FE_MAX_SIDE || !image->pixels)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "an image has 1 to %d pixels on a side", FE_MAX_SIDE);
    fe_geometry geometry = {h, w, 3, 3, 1, size, size,
                            {corner(crop[0], w, FRAME_WIDTH), corner(crop[1], h, FRAME_HEIGHT),
                             corner(crop[2], w, FRAME_WIDTH), corner(crop[3], h, FRAME_HEIGHT)}};
    fe_plan *plan = NULL;
    fe_status status = fe_plan_create(&geometry, &plan);
    fe_source source = {image->pixels, image->row_stride, 0};
    if (status == FE_OK) status = fe_prepare_f32(plan, fe_best_isa(), source, 1, tensor, (ptrdiff_t)(size * size));
    fe_plan_destroy(plan);
    if (status == FE_NO_MEMORY) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (status != FE_OK) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "the image's size or row_stride makes no sense");
    return FACEDGE_OK;
}

static facedge_status models(const facedge *f, float *input, float *embedding, float *attributes, float *probability,
                             char *why, size_t why_size) {
    int64_t size = f->bundle.size, d = f->bundle.embedding_size, a = f->bundle.attribute_count;
    tensor image = {"image", input, {1, 1, size, size}, 4}, face = {"embedding", embedding, {1, d}, 2};
    tensor seen[] = {face, {"attributes", attributes, {1, a}, 2}}, score = {"probability", probability, {1, 1}, 2};
    if (!session_run(f->engine, f->backbone, &image, seen, 2, why, why_size) ||
        !session_run(f->engine, f->head, &face, &score, 1, why, why_size))
        return FACEDGE_BAD_BUNDLE;
    return FACEDGE_OK;
}

static void copy(float *to, const float *from, int64_t count) {
    if (to) memcpy(to, from, (size_t)count * sizeof *to);
}

facedge_status facedge_infer(const facedge *f, const facedge_image *image, const facedge_answer *answer, char *why,
                             size_t why_size) {
    if (!f || !image || !answer) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_infer: a pointer is NULL");
    int64_t pixels = f->bundle.size * f->bundle.size, d = f->bundle.embedding_size, a = f->bundle.attribute_count;
    float *input = malloc((size_t)(pixels + d + a) * sizeof *input), probability = NAN;
    if (!input) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    float *embedding = input + pixels, *attributes = embedding + d;
    facedge_status status = prepare(f, image, input, why, why_size);
    if (status == FACEDGE_OK) status = models(f, input, embedding, attributes, &probability, why, why_size);
    if (status == FACEDGE_OK) {
        copy(answer->tensor, input, pixels);
        copy(answer->embedding, embedding, d);
        copy(answer->attributes, attributes, a);
        copy(answer->probability, &probability, 1);
    }
    free(input);
    return status;
}

/* The standard deviation of the backbone's input, in grey levels; NaN for one that is not finite. */
static double contrast(const float *input, int64_t count) {
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < count; k++) sum += input[k];
    for (int64_t k = 0; k < count; k++) squares += (input[k] - sum / (double)count) * (input[k] - sum / (double)count);
    return sqrt(squares / (double)count) * HALF_RANGE;
}

facedge_status facedge_verify(const facedge *f, const facedge_image *image, facedge_decision *decision, char *why,
                              size_t why_size) {
    if (decision) memset(decision, 0, sizeof *decision);
    if (!f || !decision) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_verify: a pointer is NULL");
    if (!f->bundle.enrolled)
        return fail(FACEDGE_NOT_ENROLLED, why, why_size, "nobody is enrolled in this bundle: run facedge enroll");
    int64_t pixels = f->bundle.size * f->bundle.size;
    float score = NAN, *input = malloc((size_t)pixels * sizeof *input);
    if (!input) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_answer wanted = {input, NULL, NULL, &score};
    facedge_status status = facedge_infer(f, image, &wanted, why, why_size);
    int scored = status == FACEDGE_OK && contrast(input, pixels) >= LEAST_QUALITY && score >= 0 && score <= 1; /* no NaN */
    free(input);
    if (status != FACEDGE_OK) return status;
    decision->score = scored ? score : NAN;
    decision->threshold = f->bundle.threshold;
    decision->accepted = scored && (double)score >= f->bundle.threshold;
    decision->reason = decision->accepted ? NULL : scored ? "below_threshold" : "low_quality";
    return FACEDGE_OK;
}
