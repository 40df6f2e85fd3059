/* Inside of align.c: what all implementations share, and the portable one. */
#ifndef FACEDGE_ALIGN_PORTABLE_H
#define FACEDGE_ALIGN_PORTABLE_H

#include <string.h>

#include "align.h"

/* Points that are worked on together; FE_MAX_SAMPLES must fit. All scratch lies on the stack.
 * FE_AHEAD: rows that are fetched ahead. */
enum { FE_POINTS = 576, FE_STAGE = 16, FE_AHEAD = 8 };

/* A stretch of one row of points: where each one's upper left neighbour is, and its weights. */
typedef struct {
    const uint8_t *base;      /* the frame, at the neighbours' first channel */
    ptrdiff_t right, down;    /* to the other neighbours */
    ptrdiff_t channel;        /* from a channel to the next one */
    ptrdiff_t offset[FE_POINTS];
    uint32_t across[FE_POINTS]; /* 128 - fx, and fx << 8 */
    uint32_t along[FE_POINTS];  /* 128 - fy, and fy << 16 */
} fe_points;

/* Adds `samples` points to each of `pixels` outputs; four sums an output (red, green, blue, unused), modulo 2^32. */
typedef void (*fe_gather)(const fe_points *points, int32_t pixels, int32_t samples, uint32_t *sums);

/* Sums -> bytes: floor(sum / 2^14 / area), the rounding half being in the sums already. */
typedef void (*fe_align_finish)(const uint32_t *sums, int32_t pixels, int32_t area, uint8_t *out);

#define FE_CLAMP(value, last) ((value) < 0 ? 0 : (value) > (last) ? (last) : (value))

/* count positions from (x, y) on, in steps of (dx, dy). A neighbour pair never starts at the last pixel: there the
 * pair before serves, with all the weight (128) on its second. A macro, so that each engine compiles it for its CPU. */
#define FE_PLACE(frame, points, count, x, y, dx, dy)                                                     \
    do {                                                                                                 \
        const int64_t last_x = ((frame)->width - 1) * ((int64_t)1 << 32);                                \
        const int64_t last_y = ((frame)->height - 1) * ((int64_t)1 << 32);                               \
        const int64_t pair_x = (frame)->width > 1 ? (frame)->width - 2 : 0;                              \
        const int64_t pair_y = (frame)->height > 1 ? (frame)->height - 2 : 0;                            \
        const int64_t row_stride = (frame)->row_stride, pixel_stride = (frame)->pixel_stride;            \
        int32_t k;                                                                                       \
        for (k = 0; k < (count); k++) {                                                                  \
            const int64_t px = FE_CLAMP((x) + k * (dx), last_x), py = FE_CLAMP((y) + k * (dy), last_y);  \
            const int64_t nx = px >> 32, ny = py >> 32;                                                  \
            const int64_t left = nx < pair_x ? nx : pair_x, top = ny < pair_y ? ny : pair_y;             \
            const uint32_t fx = (uint32_t)((px - left * ((int64_t)1 << 32)) >> 25);                      \
            const uint32_t fy = (uint32_t)((py - top * ((int64_t)1 << 32)) >> 25);                       \
            (points)->offset[k] = (ptrdiff_t)(top * row_stride + left * pixel_stride);                   \
            (points)->across[k] = 128 - fx + (fx << 8);                                                  \
            (points)->along[k] = 128 - fy + (fy << 16);                                                  \
        }                                                                                                \
    } while (0)

/* The same where every point lies inside, its right and lower neighbour too, and addresses fit 32 bits. */
#define FE_PLACE_INSIDE(frame, points, count, x, y, dx, dy)                              \
    do {                                                                                 \
        const int32_t row_stride = (int32_t)(frame)->row_stride;                         \
        const int32_t pixel_stride = (int32_t)(frame)->pixel_stride;                     \
        int32_t k;                                                                       \
        for (k = 0; k < (count); k++) {                                                  \
            const uint32_t px = (uint32_t)((uint64_t)((x) + k * (dx)) >> 25);            \
            const uint32_t py = (uint32_t)((uint64_t)((y) + k * (dy)) >> 25);            \
            const int32_t left = (int32_t)(px >> 7), top = (int32_t)(py >> 7);           \
            (points)->offset[k] = top * row_stride + left * pixel_stride;                \
            (points)->across[k] = 128 + 255 * (px & 127);                                \
            (points)->along[k] = 128 + 65535 * (py & 127);                               \
        }                                                                                \
    } while (0)

typedef void (*fe_place)(const fe_frame *frame, fe_points *points, int32_t count, int64_t x, int64_t y, int64_t dx,
                         int64_t dy);

static void fe_portable_place(const fe_frame *frame, fe_points *points, int32_t count, int64_t x, int64_t y,
                              int64_t dx, int64_t dy)
{
    FE_PLACE(frame, points, count, x, y, dx, dy);
}

static void fe_portable_place_inside(const fe_frame *frame, fe_points *points, int32_t count, int64_t x, int64_t y,
                                     int64_t dx, int64_t dy)
{
    FE_PLACE_INSIDE(frame, points, count, x, y, dx, dy);
}

static void fe_portable_gather(const fe_points *points, int32_t pixels, int32_t samples, uint32_t *sums)
{
    const ptrdiff_t right = points->right, down = points->down;
    int32_t o, j, c, k = 0;
    for (o = 0; o < pixels; o++)
        for (j = 0; j < samples; j++, k++) {
            const uint8_t *at = points->base + points->offset[k];
            const uint32_t x0 = points->across[k] & 255, x1 = points->across[k] >> 8;
            const uint32_t y0 = points->along[k] & 255, y1 = points->along[k] >> 16;
            for (c = 0; c < 3; c++, at += points->channel)
                sums[4 * o + c] += y0 * (x0 * at[0] + x1 * at[right]) + y1 * (x0 * at[down] + x1 * at[down + right]);
        }
}

/* t = sum >> 14 is below 2^18, so t + 1/2 is exact in float32; times 1/area it stays 1/1922 away from any whole number,
 * far more than the two roundings: the cut is exact. */
static void fe_align_portable_finish(const uint32_t *sums, int32_t pixels, int32_t area, uint8_t *out)
{
    const float share = 1.0f / (float)area;
    int32_t o, c;
    for (o = 0; o < pixels; o++)
        for (c = 0; c < 3; c++)
            out[3 * o + c] = (uint8_t)(int32_t)(((float)(int32_t)(sums[4 * o + c] >> 14) + 0.5f) * share);
}

#endif
