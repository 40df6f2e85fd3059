/* Copies of one photo: aligned faces in even light, moved onto each other by an affine motion, and correlated. */
#include "copies.h"

#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

enum { FE_LIGHT_RADIUS = 9, FE_BLUR_RADIUS = FE_LIGHT_RADIUS / 2, FE_PADDED = FE_HALF_HEIGHT + 2 * FE_LIGHT_RADIUS + 1 };
enum { FE_MOTIONS = 6, FE_MOTION_STEPS = 8 };
static const double fe_flat = 4, fe_outlier = 0.6, fe_damping = 2, fe_converged = 2e-3;
static const double fe_same_likeness = 0.995, fe_same_blurred = 0.75, fe_least_norm = 1e-9;

/* The middle of the eyes in the crop at half scale, and the pixels between them. */
static const double fe_eyes_x = (67.57 + 105.75) / 4, fe_eyes_y = (111.91 + 111.95) / 4, fe_eye_pixels = (105.75 - 67.57) / 2;

static double fe_across(int64_t x) { return ((double)x - fe_eyes_x) / fe_eye_pixels; }
static double fe_along(int64_t y) { return ((double)y - fe_eyes_y) / fe_eye_pixels; }

/* The places of the face's pixels. None lies so near to its border that rounding could change their number. */
static void fe_face_places(int64_t *places)
{
    int64_t y, x, count = 0;
    for (y = 0; y < FE_HALF_HEIGHT; y++)
        for (x = 0; x < FE_HALF_WIDTH; x++) {
            const double across = fe_across(x) / 1.05, along = (fe_along(y) - 0.45) / 1.15;
            if (across * across + along * along < 1) places[count++] = y * FE_HALF_WIDTH + x;
        }
}

static int64_t fe_mirrored_place(int64_t place) { return place + FE_HALF_WIDTH - 1 - 2 * (place % FE_HALF_WIDTH); }

/* The mean over 2 radius + 1 numbers of a line, in place; beyond its ends it repeats. */
static void fe_mean_of_line(double *line, int64_t count, int64_t stride, int64_t radius)
{
    double sums[FE_PADDED], sum = 0;
    const int64_t size = 2 * radius + 1;
    int64_t k;
    for (k = 0; k < count + size; k++) {
        const int64_t at = k - radius - 1;
        sum += line[stride * (at < 0 ? 0 : at < count ? at : count - 1)];
        sums[k] = sum;
    }
    for (k = 0; k < count; k++) line[stride * k] = (sums[k + size] - sums[k]) / (double)size;
}

static void fe_mean_around(double *image, int64_t radius)
{
    int64_t k;
    for (k = 0; k < FE_HALF_WIDTH; k++) fe_mean_of_line(image + k, FE_HALF_HEIGHT, FE_HALF_WIDTH, radius);
    for (k = 0; k < FE_HALF_HEIGHT; k++) fe_mean_of_line(image + k * FE_HALF_WIDTH, FE_HALF_WIDTH, 1, radius);
}

/* Grey levels less the mean around them, over their deviation there. */
static void fe_even_light(const uint8_t *half, double *face, double *work)
{
    int64_t k;
    for (k = 0; k < FE_HALF_PIXELS; k++) face[k] = half[k];
    fe_mean_around(face, 1);
    memcpy(work, face, FE_HALF_PIXELS * sizeof *work);
    fe_mean_around(work, FE_LIGHT_RADIUS);
    for (k = 0; k < FE_HALF_PIXELS; k++) {
        face[k] -= work[k];
        work[k] = face[k] * face[k];
    }
    fe_mean_around(work, FE_LIGHT_RADIUS);
    for (k = 0; k < FE_HALF_PIXELS; k++) face[k] /= fe_sqrt(work[k]) + fe_flat;
}

void fe_take_fingerprint(const uint8_t *half, fe_fingerprint *photo, double *work)
{
    int64_t places[FE_FACE_PIXELS], k;
    int mirrored;
    fe_even_light(half, photo->face, work);
    memcpy(work, photo->face, sizeof photo->face);
    fe_mean_around(work, FE_BLUR_RADIUS);
    fe_mean_around(work, FE_BLUR_RADIUS);
    fe_face_places(places);
    for (mirrored = 0; mirrored < 2; mirrored++) {
        double *values = photo->blurred[mirrored], sum = 0, length;
        for (k = 0; k < FE_FACE_PIXELS; k++) sum += values[k] = work[mirrored ? fe_mirrored_place(places[k]) : places[k]];
        for (k = 0; k < FE_FACE_PIXELS; k++) values[k] -= sum / FE_FACE_PIXELS;
        length = fe_sqrt(fe_dot(values, values, FE_FACE_PIXELS));
        for (k = 0; k < FE_FACE_PIXELS; k++) values[k] /= length > fe_least_norm ? length : fe_least_norm;
    }
}

static double fe_clipped(double value, double most) { return value > 0 ? (value < most ? value : most) : 0; }

/* What each pixel shows after the motion: bilinear samples; beyond the border the image repeats. */
static void fe_move(const double *image, const double *weights, double *moved)
{
    int64_t y, x;
    for (y = 0; y < FE_HALF_HEIGHT; y++)
        for (x = 0; x < FE_HALF_WIDTH; x++) {
            const double across = fe_across(x), along = fe_along(y);
            const double sideways = weights[0] + weights[1] * across + weights[2] * along;
            const double upright = weights[3] + weights[4] * across + weights[5] * along;
            const double column = fe_clipped((double)x + fe_eye_pixels * sideways, FE_HALF_WIDTH - 1.001);
            const double row = fe_clipped((double)y + fe_eye_pixels * upright, FE_HALF_HEIGHT - 1.001);
            const int64_t j = (int64_t)column, i = (int64_t)row;
            const double *at = image + i * FE_HALF_WIDTH + j, part = column - (double)j;
            const double above = at[0] * (1 - part) + at[1] * part;
            const double below = at[FE_HALF_WIDTH] * (1 - part) + at[FE_HALF_WIDTH + 1] * part;
            *moved++ = above + (row - (double)i) * (below - above);
        }
}

/* The mean slope of both images towards the pixel `step` further; the face lies inside the crop's border. */
static double fe_slope(const double *one, const double *other, int64_t step)
{
    return ((one[step] - one[-step]) / 2 + (other[step] - other[-step]) / 2) / 2;
}

/* x <- (L L')^-1 x. */
static void fe_solve_factored(const double *factor, double *x, int64_t size)
{
    int64_t i, k;
    for (i = 0; i < size; i++) x[i] = (x[i] - fe_dot(factor + i * size, x, i)) / factor[i * size + i];
    for (i = size - 1; i >= 0; i--) {
        for (k = i + 1; k < size; k++) x[i] -= factor[k * size + i] * x[k];
        x[i] /= factor[i * size + i];
    }
}

/* One damped Gauss-Newton step; returns the largest change of a weight. */
static double fe_motion_step(const double *before, const double *moved, const int64_t *places, double *weights)
{
    double normal[FE_MOTIONS * FE_MOTIONS] = {0}, step[FE_MOTIONS], most = 0;
    int64_t k, i, j;
    for (i = 0; i < FE_MOTIONS; i++) {
        normal[i * FE_MOTIONS + i] = fe_damping;
        step[i] = -fe_damping * weights[i];
    }
    for (k = 0; k < FE_FACE_PIXELS; k++) {
        const double *one = before + places[k], *other = moved + places[k], left = *one - *other;
        const double across = fe_across(places[k] % FE_HALF_WIDTH), along = fe_along(places[k] / FE_HALF_WIDTH);
        const double right = fe_eye_pixels * fe_slope(other, one, 1), down = fe_eye_pixels * fe_slope(other, one, FE_HALF_WIDTH);
        const double slopes[FE_MOTIONS] = {right, right * across, right * along, down, down * across, down * along};
        const double counts = 1 / (1 + left / fe_outlier * (left / fe_outlier));
        for (i = 0; i < FE_MOTIONS; i++) {
            for (j = 0; j <= i; j++) normal[i * FE_MOTIONS + j] += counts * slopes[i] * slopes[j];
            step[i] += counts * slopes[i] * left;
        }
    }
    fe_factor(normal, FE_MOTIONS);
    fe_solve_factored(normal, step, FE_MOTIONS);
    for (i = 0; i < FE_MOTIONS; i++) {
        weights[i] += step[i];
        if (fe_abs(step[i]) > most) most = fe_abs(step[i]);
    }
    return most;
}

static double fe_correlation(const double *one, const double *other, const int64_t *places)
{
    double mean = 0, other_mean = 0, products = 0, squares = 0, other_squares = 0, length;
    int64_t k;
    for (k = 0; k < FE_FACE_PIXELS; k++) mean += one[places[k]], other_mean += other[places[k]];
    mean /= FE_FACE_PIXELS, other_mean /= FE_FACE_PIXELS;
    for (k = 0; k < FE_FACE_PIXELS; k++) {
        const double x = one[places[k]] - mean, y = other[places[k]] - other_mean;
        products += x * y, squares += x * x, other_squares += y * y;
    }
    length = fe_sqrt(squares * other_squares);
    return products / (length > fe_least_norm ? length : fe_least_norm);
}

double fe_moved_likeness(const fe_fingerprint *photo, const fe_fingerprint *other, int mirrored, double *work)
{
    double weights[FE_MOTIONS] = {0}, *view = work, *moved = work + FE_HALF_PIXELS;
    int64_t places[FE_FACE_PIXELS], k;
    int step;
    fe_face_places(places);
    for (k = 0; k < FE_HALF_PIXELS; k++) view[k] = other->face[mirrored ? fe_mirrored_place(k) : k];
    fe_move(view, weights, moved);
    for (step = 0; step < FE_MOTION_STEPS; step++) {
        const double change = fe_motion_step(photo->face, moved, places, weights);
        fe_move(view, weights, moved);
        if (change < fe_converged) break;
    }
    return fe_correlation(photo->face, moved, places);
}

int fe_same_photo(const fe_fingerprint *photo, const fe_fingerprint *other, double *work)
{
    int mirrored;
    for (mirrored = 0; mirrored < 2; mirrored++)
        if (fe_dot(photo->blurred[0], other->blurred[mirrored], FE_FACE_PIXELS) >= fe_same_blurred &&
            fe_moved_likeness(photo, other, mirrored, work) >= fe_same_likeness)
            return 1;
    return 0;
}
