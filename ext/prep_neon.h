/* Inside of prep.c: NEON (every aarch64 has it), 16 bytes of a row at a time. */
#ifndef FACEDGE_PREP_NEON_H
#define FACEDGE_PREP_NEON_H

#include <arm_neon.h>

#include "prep_portable.h"

/* Sums of 16 bytes in 16-bit lanes: the first eight in a, the others in b. */
typedef struct {
    uint16x8_t high_a, high_b, low_a, low_b;
} fe_sums_neon;

FE_INLINE void fe_add_neon(fe_sums_neon *s, uint8x16_t bytes, uint8_t high, uint8_t low, int with_low)
{
    const uint8x8_t h = vdup_n_u8(high), l = vdup_n_u8(low);
    s->high_a = vmlal_u8(s->high_a, vget_low_u8(bytes), h);
    s->high_b = vmlal_u8(s->high_b, vget_high_u8(bytes), h);
    if (!with_low) return;
    s->low_a = vmlal_u8(s->low_a, vget_low_u8(bytes), l);
    s->low_b = vmlal_u8(s->low_b, vget_high_u8(bytes), l);
}

FE_INLINE void fe_carry_neon(fe_sums_neon *s)
{
    const uint16x8_t mask = vdupq_n_u16(63);
    s->high_a = vsraq_n_u16(s->high_a, s->low_a, 6);
    s->high_b = vsraq_n_u16(s->high_b, s->low_b, 6);
    s->low_a = vandq_u16(s->low_a, mask);
    s->low_b = vandq_u16(s->low_b, mask);
}

/* (64 high + low) >> 8, low from 128 on, within 16 bits. */
FE_INLINE void fe_store_neon(const fe_sums_neon *s, int16_t *middle)
{
    vst1q_s16(middle, vreinterpretq_s16_u16(vshrq_n_u16(vsraq_n_u16(s->high_a, s->low_a, 6), 2)));
    vst1q_s16(middle + 8, vreinterpretq_s16_u16(vshrq_n_u16(vsraq_n_u16(s->high_b, s->low_b, 6), 2)));
}

/* `tiles` times 16 bytes of all rows of one output. */
FE_INLINE void fe_tiles_neon(const fe_plan *p, const fe_rows *r, const uint8_t *at, ptrdiff_t stride, ptrdiff_t ahead,
                             int16_t *middle, int tiles, int32_t count, int with_low)
{
    fe_sums_neon s[4];
    int32_t k;
    int t;
    for (t = 0; t < tiles; t++) {
        s[t].high_a = s[t].high_b = vdupq_n_u16(0);
        s[t].low_a = s[t].low_b = vdupq_n_u16(128);
    }
    for (k = 0; k < count; k++, at += stride) {
        const fe_pair pair = p->pairs[r->offset + k / 2];
        const int shift = k % 2 ? 8 : 0;
        for (t = 0; t < tiles; t++) {
            if (with_low && k && k % 4 == 0) fe_carry_neon(&s[t]);
            fe_add_neon(&s[t], vld1q_u8(at + 16 * t), (uint8_t)(pair.high >> shift), (uint8_t)(pair.low >> shift),
                        with_low);
        }
        if (tiles > 1 && k < r->fresh) fe_prefetch(at, ahead);
    }
    for (t = 0; t < tiles; t++) fe_store_neon(&s[t], middle + 16 * t);
}

/* The last tile moves back to end with the line: a few sums are made twice, to the same bits. */
FE_INLINE void fe_line_neon(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                            ptrdiff_t ahead, int16_t *middle, int32_t count, int with_low)
{
    int32_t x = 0;
    for (; x + 64 <= p->line; x += 64) fe_tiles_neon(p, r, line + x, stride, ahead, middle + x, 4, count, with_low);
    for (; x < p->line; x += 16) {
        if (x + 16 > p->line) x = p->line - 16;
        fe_tiles_neon(p, r, line + x, stride, ahead, middle + x, 1, count, with_low);
    }
}

static void fe_neon_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                             ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    const uint8_t *first = line + r->first * stride;
    if (p->line < 16)
        fe_portable_vertical(p, r, line, stride, ahead, scratch, middle);
    else if (!r->any_low && r->count == 2)
        fe_line_neon(p, r, first, stride, ahead, middle, 2, 0); /* an exact halving */
    else if (r->count == 2)
        fe_line_neon(p, r, first, stride, ahead, middle, 2, 1);
    else if (r->count == 3)
        fe_line_neon(p, r, first, stride, ahead, middle, 3, 1);
    else if (r->count == 4)
        fe_line_neon(p, r, first, stride, ahead, middle, 4, 1);
    else
        fe_line_neon(p, r, first, stride, ahead, middle, r->count, 1);
}

/* One output of any number of taps, a multiple of 16: four partial sums. */
FE_INLINE int32x4_t fe_one_neon(const int16_t *middle, const int16_t *weights, int32_t taps)
{
    int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
    int32_t k;
    for (k = 0; k < taps; k += 8) {
        const int16x8_t m = vld1q_s16(middle + k), w = vld1q_s16(weights + k);
        even = vmlal_s16(even, vget_low_s16(m), vget_low_s16(w));
        odd = vmlal_s16(odd, vget_high_s16(m), vget_high_s16(w));
    }
    return vaddq_s32(even, odd);
}

/* Four outputs at a time: pairwise additions fold their partial sums. */
FE_INLINE void fe_row_neon(const fe_plan *p, const int16_t *middle, int32_t *total, int32_t taps)
{
    int32_t o;
    int i;
    for (o = 0; o < p->out_width; o += 4) { /* starts and weights are padded to 16 outputs */
        const int16_t *weights = p->weights + (ptrdiff_t)o * taps;
        int32x4_t s[4];
        for (i = 0; i < 4; i++) s[i] = fe_one_neon(middle + p->starts[o + i], weights + i * taps, taps);
        vst1q_s32(total + o, vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3])));
    }
}

static void fe_neon_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    if (p->taps == 16)
        fe_row_neon(p, middle, total, 16);
    else
        fe_row_neon(p, middle, total, p->taps);
}

#endif
