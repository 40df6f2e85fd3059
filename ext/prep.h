/* facedge's preprocessing kernel: uint8 pixels -> grey, antialiased resize, float32 in -1..1 (or uint8).
 *
 * C99, no Python, no global state, no threads of its own: any number of threads may run one plan at a time.
 * The bits are those of facedge/preprocessing/reference.py, on every implementation.
 *
 *     fe_geometry g = {218, 178, 3, 3, 1, 64, 64, {0, 0, 178 * 256, 218 * 256}};
 *     fe_plan *plan;
 *     if (fe_plan_create(&g, &plan) == FE_OK) {
 *         fe_source source = {pixels, 178 * 3, 218 * 178 * 3};
 *         fe_prepare_f32(plan, fe_best_isa(), source, 1, out, 64 * 64);
 *         fe_plan_destroy(plan);
 *     }
 */
#ifndef FACEDGE_PREP_H
#define FACEDGE_PREP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FE_MAX_SIDE = 16384, FE_MAX_OUTPUT = 4096, FE_FRACTION = 256 };

/* What every function that can fail returns. */
typedef enum {
    FE_OK = 0,
    FE_BAD_ARGUMENT = 1,  /* a size, box, stride or pointer that the definition does not allow */
    FE_NO_MEMORY = 2,
    FE_NOT_AVAILABLE = 3  /* this build or this CPU does not have that implementation */
} fe_status;

typedef enum { FE_PORTABLE = 0, FE_AVX2 = 1, FE_AVX512 = 2, FE_NEON = 3, FE_SIMD128 = 4, FE_ISA_COUNT = 5 } fe_isa;

/* One shape of work. Strides are in bytes and may be negative. */
typedef struct {
    int64_t height, width, channels;  /* of the image; channels: 3 (RGB) or 1 (grey) */
    ptrdiff_t pixel_stride, channel_stride;
    int64_t out_height, out_width;
    int64_t box[4];  /* x0, y0, x1, y1 inside the image, in 1/256 pixel */
} fe_geometry;

/* A batch of images of one shape: where the first one's pixel (0, 0) is, and the way to the next row and image. */
typedef struct {
    const uint8_t *pixels;
    ptrdiff_t row_stride, image_stride;
} fe_source;

typedef struct fe_plan fe_plan; /* the weights of one geometry; immutable */

fe_status fe_plan_create(const fe_geometry *geometry, fe_plan **plan);
void fe_plan_destroy(fe_plan *plan); /* NULL is fine */

/* The channels of a geometry of three apart, in the order of memory's channel stride: each as if it were a grey image. */
fe_status fe_planes_create(const fe_geometry *geometry, fe_plan *planes[3]);
void fe_planes_destroy(fe_plan *planes[3]); /* and set them to NULL */

int fe_isa_available(fe_isa isa); /* 1 or 0 */
fe_isa fe_best_isa(void);
const char *fe_isa_name(fe_isa isa); /* "portable", "avx2", ...; NULL for none of them */

/* count images -> out_height * out_width values each, row by row; out_stride: values from one image to the next. */
fe_status fe_prepare_f32(const fe_plan *plan, fe_isa isa, fe_source source, size_t count, float *out,
                         ptrdiff_t out_stride);
fe_status fe_prepare_u8(const fe_plan *plan, fe_isa isa, fe_source source, size_t count, uint8_t *out,
                        ptrdiff_t out_stride);

/* One image -> its channels, out_height * out_width bytes each; out_stride: values from one channel to the next. */
fe_status fe_prepare_planes(fe_plan *const planes[3], fe_isa isa, fe_source source, uint8_t *out, ptrdiff_t out_stride);

#ifdef __cplusplus
}
#endif

#endif
