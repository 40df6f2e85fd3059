/* facedge's face aligner: a frame of uint8 pixels -> the crop of one face, sampled along a similarity.
 *
 * C99, no Python, no global state, no allocation. The bits are those of align_reference in facedge/faces/align.py,
 * where the definition is written, on every implementation.
 */
#ifndef FACEDGE_ALIGN_H
#define FACEDGE_ALIGN_H

#include "prep.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FE_MAX_SAMPLES = 31, FE_MAX_FRAME = 1 << 20 };

/* height x width pixels of three channels. Strides are in bytes and may be zero or negative. */
typedef struct {
    const uint8_t *pixels;
    int64_t height, width;
    ptrdiff_t row_stride, pixel_stride, channel_stride;
} fe_frame;

/* An output pixel is the mean of samples x samples points; point U, V of the whole grid lies at
 * x = x0 + U dx - V dy, y = y0 + U dy + V dx, in 1/2^32 pixel from the centre of the frame's first pixel. */
typedef struct {
    int64_t samples, x0, y0, dx, dy;
} fe_sampling;

/* out: out_height x out_width x 3 bytes without gaps, not overlapping the frame. */
fe_status fe_align(fe_isa isa, const fe_frame *frame, const fe_sampling *sampling, int64_t out_height,
                   int64_t out_width, uint8_t *out);

#ifdef __cplusplus
}
#endif

#endif
