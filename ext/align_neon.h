/* Inside of align.c: NEON (every aarch64 has it). A point is two 64-bit registers, one of each row. */
#ifndef FACEDGE_ALIGN_NEON_H
#define FACEDGE_ALIGN_NEON_H

#include <arm_neon.h>

#include "align_portable.h"

/* 8 bytes of a row -> left and right neighbour of the first channel, of the second, of the third; two bytes unused. */
static uint8x8_t fe_neighbours_neon(ptrdiff_t right, ptrdiff_t channel)
{
    uint8_t order[8];
    int c;
    for (c = 0; c < 4; c++) {
        const int at = (int)(c == 3 ? 0 : channel < 0 ? 2 - c : c * channel);
        order[2 * c] = (uint8_t)at;
        order[2 * c + 1] = (uint8_t)(at + right);
    }
    return vld1_u8(order);
}

static void fe_neon_gather(const fe_points *p, int32_t pixels, int32_t samples, uint32_t *sums)
{
    const uint8x8_t order = fe_neighbours_neon(p->right, p->channel);
    const ptrdiff_t down = p->down;
    int32_t o, j, k = 0;
    for (o = 0; o < pixels; o++) {
        uint32x4_t sum = vld1q_u32(sums + 4 * o);
        __builtin_prefetch((const void *)((uintptr_t)(p->base + p->offset[k]) + (uintptr_t)(FE_AHEAD * down)));
        for (j = 0; j < samples; j++, k++) {
            const uint8_t *at = p->base + p->offset[k];
            const uint8x8_t across = vreinterpret_u8_u16(vdup_n_u16((uint16_t)p->across[k]));
            const uint16x8_t upper = vmull_u8(vtbl1_u8(vld1_u8(at), order), across);
            const uint16x8_t lower = vmull_u8(vtbl1_u8(vld1_u8(at + down), order), across);
            const uint16x8_t rows = vpaddq_u16(upper, lower); /* at most 255 * 128 */
            sum = vmlal_n_u16(sum, vget_low_u16(rows), (uint16_t)p->along[k]);
            sum = vmlal_n_u16(sum, vget_high_u16(rows), (uint16_t)(p->along[k] >> 16));
        }
        vst1q_u32(sums + 4 * o, sum);
    }
}

static uint16x4_t fe_mean_neon(uint32x4_t sums, float32x4_t share)
{
    const float32x4_t whole = vcvtq_f32_u32(vshrq_n_u32(sums, 14));
    return vmovn_u32(vcvtq_u32_f32(vmulq_f32(vaddq_f32(whole, vdupq_n_f32(0.5f)), share)));
}

static void fe_align_neon_finish(const uint32_t *sums, int32_t pixels, int32_t area, uint8_t *out)
{
    const float32x4_t share = vdupq_n_f32(1.0f / (float)area);
    int32_t o;
    int c;
    for (o = 0; o + 8 <= pixels; o += 8) {
        const uint32x4x4_t a = vld4q_u32(sums + 4 * o), b = vld4q_u32(sums + 4 * o + 16);
        uint8x8x3_t bytes;
        for (c = 0; c < 3; c++)
            bytes.val[c] = vmovn_u16(vcombine_u16(fe_mean_neon(a.val[c], share), fe_mean_neon(b.val[c], share)));
        vst3_u8(out + 3 * o, bytes);
    }
    fe_align_portable_finish(sums + 4 * o, pixels - o, area, out + 3 * o);
}

#endif
