#include "facedge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verifier.h"

enum { FRAME_WIDTH = 178, FRAME_HEIGHT = 218, MOST_THREADS = 256 };

const char *facedge_version(void) { return FACEDGE_VERSION; }

static session *load(facedge *f, const char *name, int threads, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(&f->bundle, name);
    if (!file) return fail(FACEDGE_BAD_BUNDLE, why, why_size, "the bundle has no %s", name), NULL;
    return session_open(f->engine, file->data, file->size, threads, why, why_size);
}

static facedge_status load_models(facedge *f, const facedge_options *options, char *why, size_t why_size) {
    int threads = options->threads ? options->threads : 1;
    int int8 = options->precision == FACEDGE_INT8 || (options->precision == FACEDGE_AS_CALIBRATED && f->bundle.int8);
    if (!(f->engine = engine_open(options->onnxruntime, why, why_size))) return FACEDGE_NO_ENGINE;
    if (!(f->backbone = load(f, int8 ? "backbone.int8.onnx" : "backbone.onnx", threads, why, why_size)) ||
        !(f->head = load(f, "head.onnx", 1, why, why_size)))
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

/* Opens the bundle that lies in `from`, which ends here, where `status` is FACEDGE_OK. */
static facedge_status open_from(facedge_status status, place *from, const facedge_options *options, facedge **verifier,
                                char *why, size_t why_size) {
    static const facedge_options defaults = FACEDGE_OPTIONS;
    if (!options) options = &defaults;
    if (status == FACEDGE_OK) status = check_options(options, verifier, why, why_size);
    facedge *f = status == FACEDGE_OK ? calloc(1, sizeof *f) : NULL;
    if (status == FACEDGE_OK && !f) status = fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (status == FACEDGE_OK) status = bundle_read_from(from, &f->bundle, why, why_size);
    place_close(from);
    if (status == FACEDGE_OK) status = load_models(f, options, why, why_size);
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

int64_t facedge_size(const facedge *f) { return f->bundle.size; }
int64_t facedge_embedding_size(const facedge *f) { return f->bundle.embedding_size; }
int64_t facedge_attribute_count(const facedge *f) { return f->bundle.attribute_count; }

const char *facedge_attribute_name(const facedge *f, int64_t column) {
    if (column < 0) return NULL;
    return json_text(json_at(json_get(f->bundle.manifest, "attribute_names"), (size_t)column));
}

/* A corner of the crop on an image of so many pixels, in 1/256 pixel: halves up, as PreprocessSpec.box_for has it. */
static int64_t corner(long long crop, int64_t pixels, int64_t frame) { return (2 * crop * pixels + frame) / (2 * frame); }

static facedge_status prepare(const facedge *f, const fe_frame *image, float *tensor, char *why, size_t why_size) {
    const long long *crop = f->bundle.crop;
    int64_t h = image->height, w = image->width, size = f->bundle.size;
    if (h < 1 || w < 1 || h > FE_MAX_SIDE || w > FE_MAX_SIDE || !image->pixels)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "an image has 1 to %d pixels on a side", FE_MAX_SIDE);
    fe_geometry geometry = {h, w, 3, image->pixel_stride, image->channel_stride, size, size,
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
    tensor image = {"image", input, {1, 1, size, size}, 4, 0}, face = {"embedding", embedding, {1, d}, 2, 0};
    tensor seen[] = {face, {"attributes", attributes, {1, a}, 2, 0}}, score = {"probability", probability, {1, 1}, 2, 0};
    if (!session_run(f->engine, f->backbone, &image, seen, 2, why, why_size) ||
        !session_run(f->engine, f->head, &face, &score, 1, why, why_size))
        return FACEDGE_BAD_BUNDLE;
    return FACEDGE_OK;
}

static void copy(float *to, const float *from, int64_t count) {
    if (to) memcpy(to, from, (size_t)count * sizeof *to);
}

facedge_status infer(const facedge *f, const fe_frame *image, const facedge_answer *answer, char *why, size_t why_size) {
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

static fe_frame frame_of(const facedge_image *image) {
    return (fe_frame){image->pixels, image->height, image->width, image->row_stride, 3, 1};
}

facedge_status facedge_infer(const facedge *f, const facedge_image *image, const facedge_answer *answer, char *why,
                             size_t why_size) {
    if (!f || !image || !answer) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_infer: a pointer is NULL");
    fe_frame frame = frame_of(image);
    return infer(f, &frame, answer, why, why_size);
}

facedge_status decide(const facedge *f, const fe_frame *crop, facedge_decision *decision, char *why, size_t why_size) {
    int64_t pixels = f->bundle.size * f->bundle.size;
    float score = NAN, *input = malloc((size_t)pixels * sizeof *input);
    if (!input) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_answer wanted = {input, NULL, NULL, &score};
    facedge_status status = infer(f, crop, &wanted, why, why_size);
    int scored = status == FACEDGE_OK && fe_input_contrast(input, pixels) >= FE_LEAST_CONTRAST && score >= 0 && score <= 1;
    free(input);
    if (status != FACEDGE_OK) return status;
    decision->score = scored ? score : NAN;
    decision->threshold = f->bundle.threshold;
    decision->accepted = scored && (double)score >= f->bundle.threshold;
    decision->reason = decision->accepted ? NULL : scored ? "below_threshold" : "low_quality";
    return FACEDGE_OK;
}

facedge_status facedge_verify(const facedge *f, const facedge_image *image, facedge_decision *decision, char *why,
                              size_t why_size) {
    if (decision) memset(decision, 0, sizeof *decision);
    if (!f || !image || !decision) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_verify: a pointer is NULL");
    if (!f->bundle.enrolled)
        return fail(FACEDGE_NOT_ENROLLED, why, why_size, "nobody is enrolled in this bundle: run facedge enroll");
    fe_frame frame = frame_of(image);
    return decide(f, &frame, decision, why, why_size);
}

facedge_status facedge_verify_batch(const facedge *f, const facedge_image *images, size_t count,
                                    facedge_decision *decisions, char *why, size_t why_size) {
    char sentence[256];
    if (count && (!images || !decisions))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_verify_batch: a pointer is NULL");
    if (count) memset(decisions, 0, count * sizeof *decisions);
    for (size_t k = 0; k < count; k++) {
        facedge_status status = facedge_verify(f, &images[k], &decisions[k], sentence, sizeof sentence);
        if (status != FACEDGE_OK) return fail(status, why, why_size, "crop %zu: %s", k, sentence);
    }
    return FACEDGE_OK;
}
