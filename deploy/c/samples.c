#include "samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF_SCALE_HEIGHT = 109, HALF_SCALE_WIDTH = 89, FACE_ROW = 30, FACE_COLUMN = 12 };
static const double same_embedding = 0.955, same_crop = 0.93, same_place = 0.02;

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

static int ascending_numbers(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

double median_of(double *values, int64_t count) {
    qsort(values, (size_t)count, sizeof *values, ascending_numbers);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}
