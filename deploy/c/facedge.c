#include "facedge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verifier.h"

enum { FRAME_WIDTH = 178, FRAME_HEIGHT = 218 };

const char *facedge_version(void) { return FACEDGE_VERSION; }

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
    if (count && decisions) memset(decisions, 0, count * sizeof *decisions);
    if (count && (!images || !decisions))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "facedge_verify_batch: a pointer is NULL");
    for (size_t k = 0; k < count; k++) {
        facedge_status status = facedge_verify(f, &images[k], &decisions[k], sentence, sizeof sentence);
        if (status != FACEDGE_OK) return fail(status, why, why_size, "crop %zu: %s", k, sentence);
    }
    return FACEDGE_OK;
}
