#include "photo_sample.h"

#include <math.h>
#include <stdlib.h>

static const char *const faults[] = {NULL, "far", "bright", "dark", "blurred", "turned"}; /* by fe_fault */

/* The embedding of a crop that may be scored; otherwise the fault. */
static facedge_status embed(const facedge *base, const fe_frame *crop, float *embedding, const char **fault, char *why, size_t why_size) {
    int64_t pixels = base->bundle.size * base->bundle.size;
    float *input = malloc((size_t)pixels * sizeof *input);
    if (!input) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_answer wanted = {input, embedding, NULL, NULL};
    facedge_status status = infer(base, crop, &wanted, why, why_size);
    int scored = status == FACEDGE_OK && fe_input_contrast(input, pixels) >= FE_LEAST_CONTRAST;
    for (int64_t k = 0; scored && k < base->bundle.embedding_size; k++) scored = isfinite(embedding[k]) != 0;
    free(input);
    if (status == FACEDGE_OK && !scored) *fault = "dark";
    return status;
}

static fe_status find_fault(const fe_frame *crop, const fe_found *found, const char **fault) {
    fe_measures measures;
    fe_status status = fe_measure(fe_best_isa(), crop, &measures);
    if (status != FE_OK) return status;
    double eyes = found ? fe_eye_distance(found->face.landmarks) : INFINITY, yaw = found ? fe_yaw(found->face.landmarks) : 0;
    *fault = faults[fe_quality_fault(&measures, eyes, yaw)];
    return FE_OK;
}

static fe_status find_fingerprint(const fe_frame *crop, fe_fingerprint *photo, double *work) {
    uint8_t half[FE_HALF_PIXELS];
    fe_status status = fe_half_scale(fe_best_isa(), crop, half);
    if (status == FE_OK) fe_take_fingerprint(half, photo, work);
    return status;
}

facedge_status take_sample(const facedge *base, const job *j, double *work, sample *s, const char **fault, char *why, size_t why_size) {
    fe_frame crop = crop_of(j);
    const fe_found *found = j->search ? fe_search_found(j->search) : NULL;
    s->embedding = malloc((size_t)base->bundle.embedding_size * sizeof *s->embedding);
    s->fingerprint = work ? malloc(sizeof *s->fingerprint) : NULL;
    if (!s->embedding || (work && !s->fingerprint)) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_status status = embed(base, &crop, s->embedding, fault, why, why_size);
    if (status != FACEDGE_OK || *fault) return status;
    fe_status measured = find_fault(&crop, found, fault);
    if (measured == FE_OK && !*fault && work) measured = find_fingerprint(&crop, s->fingerprint, work);
    if (measured != FE_OK) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "the crop's size makes no sense, or there is no memory");
    return FACEDGE_OK;
}
