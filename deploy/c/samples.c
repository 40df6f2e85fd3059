#include "samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF_SCALE_HEIGHT = 109, HALF_SCALE_WIDTH = 89, FACE_ROW = 30, FACE_COLUMN = 12, FOLDS = 10 };
static const double same_embedding = 0.955, same_crop = 0.93, same_place = 0.02, too_alike = 0.995, least_length = 1e-6;

fe_status sample_crop(const fe_frame *crop, double *grey) {
    uint8_t half[HALF_SCALE_HEIGHT * HALF_SCALE_WIDTH];
    fe_geometry geometry = {crop->height, crop->width, 3, crop->pixel_stride, crop->channel_stride, HALF_SCALE_HEIGHT, HALF_SCALE_WIDTH,
                            {0, 0, crop->width * 256, crop->height * 256}};
    fe_plan *plan = NULL;
    fe_source source = {crop->pixels, crop->row_stride, 0};
    fe_status status = fe_plan_create(&geometry, &plan);
    if (status == FE_OK) status = fe_prepare_u8(plan, fe_best_isa(), source, 1, half, sizeof half);
    fe_plan_destroy(plan);
    if (status != FE_OK) return status;
    double sum = 0, squares = 0;
    for (int k = 0; k < FACE_PIXELS; k++) {
        grey[k] = half[(FACE_ROW + k / FACE_SIDE) * HALF_SCALE_WIDTH + FACE_COLUMN + k % FACE_SIDE];
        sum += grey[k];
    }
    for (int k = 0; k < FACE_PIXELS; k++) {
        grey[k] -= sum / FACE_PIXELS;
        squares += grey[k] * grey[k];
    }
    double length = sqrt(squares) > 1e-9 ? sqrt(squares) : 1e-9;
    for (int k = 0; k < FACE_PIXELS; k++) grey[k] /= length;
    return FE_OK;
}

static double cosine_of(const float *one, const float *other, int64_t size) {
    double sum = 0;
    for (int64_t k = 0; k < size; k++) sum += (double)one[k] * other[k];
    return sum;
}

int sample_is_copy(const sample *one, const sample *other, int64_t size) {
    double likeness = 0;
    if (cosine_of(one->embedding, other->embedding, size) < same_embedding) return 0;
    for (int k = 0; k < FACE_PIXELS; k++) likeness += one->crop[k] * other->crop[k];
    if (likeness < same_crop || one->placed != other->placed) return 0;
    for (int k = 0; one->placed && k < 4; k++)
        if (fabs(one->place[k] - other->place[k]) > same_place) return 0;
    return 1;
}

void sample_free(sample *one) {
    free(one->embedding);
    free(one->crop);
}

static int ascending_places(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return a < b ? -1 : a > b;
}

/* Farthest-first traversal (T. F. Gonzalez, 1985) from the sample nearest to the mean. */
int64_t samples_varied(const sample *samples, int64_t count, int64_t most, int64_t size, int64_t *kept) {
    double *nearest = malloc((size_t)(count + size) * sizeof *nearest), *mean = nearest + count;
    int64_t n = 1, first = 0;
    if (!nearest) return -1;
    for (int64_t d = 0; d < size; d++) {
        mean[d] = 0;
        for (int64_t k = 0; k < count; k++) mean[d] += samples[k].embedding[d];
        mean[d] /= (double)count;
    }
    for (int64_t k = 0; k < count; k++) {
        nearest[k] = sample_score(samples[k].embedding, mean, size);
        if (nearest[k] > nearest[first]) first = k;
    }
    kept[0] = first;
    for (int64_t k = 0; k < count; k++) nearest[k] = cosine_of(samples[k].embedding, samples[first].embedding, size);
    for (; n < most && n < count; n++) {
        int64_t farthest = 0;
        for (int64_t k = 1; k < count; k++)
            if (nearest[k] < nearest[farthest]) farthest = k;
        if (nearest[farthest] > too_alike) break;
        kept[n] = farthest;
        for (int64_t k = 0; k < count; k++)
            nearest[k] = fmax(nearest[k], cosine_of(samples[k].embedding, samples[farthest].embedding, size));
    }
    free(nearest);
    qsort(kept, (size_t)n, sizeof *kept, ascending_places);
    return n;
}

int samples_template(const sample *samples, const int64_t *kept, int64_t count, int64_t folds, int64_t left_out, int64_t size,
                     double *mean, double *direction) {
    double squares = 0;
    int64_t used = 0;
    memset(direction, 0, (size_t)size * sizeof *direction);
    for (int64_t k = 0; k < count; k++) {
        if (folds && k % folds == left_out) continue;
        used++;
        for (int64_t d = 0; d < size; d++) direction[d] += samples[kept[k]].embedding[d];
    }
    for (int64_t d = 0; d < size; d++) {
        direction[d] /= (double)used;
        squares += direction[d] * direction[d];
    }
    if (mean) memcpy(mean, direction, (size_t)size * sizeof *mean);
    if (!(sqrt(squares) > least_length)) return 0;
    for (int64_t d = 0; d < size; d++) direction[d] /= sqrt(squares);
    return 1;
}

double sample_score(const float *embedding, const double *direction, int64_t size) {
    double sum = 0;
    for (int64_t k = 0; k < size; k++) sum += embedding[k] * direction[k];
    return sum;
}

int64_t samples_refused(const sample *samples, const int64_t *kept, int64_t count, double threshold, int64_t size,
                        double *direction) {
    int64_t folds = count < FOLDS ? count : FOLDS, refused = 0;
    for (int64_t fold = 0; fold < folds; fold++) {
        if (!samples_template(samples, kept, count, folds, fold, size, NULL, direction)) return -1;
        for (int64_t k = fold; k < count; k += folds)
            refused += sample_score(samples[kept[k]].embedding, direction, size) < threshold;
    }
    return refused;
}

static int ascending_numbers(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

double median_of(double *values, int64_t count) {
    qsort(values, (size_t)count, sizeof *values, ascending_numbers);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}
