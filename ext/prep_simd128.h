/* Inside of prep.c: WebAssembly's SIMD128, 16 bytes of a row at a time. */
#ifndef FACEDGE_PREP_SIMD128_H
#define FACEDGE_PREP_SIMD128_H

#include <wasm_simd128.h>

#include "prep_portable.h"

/* Sums of 16 bytes in 16-bit lanes: the first eight in a, the others in b. */
typedef struct {
    v128_t high_a, high_b, low_a, low_b;
} fe_sums_simd128;

FE_INLINE void fe_add_simd128(fe_sums_simd128 *s, v128_t bytes, uint8_t high, uint8_t low, int with_low)
{
    const v128_t h = wasm_i8x16_splat((int8_t)high), l = wasm_i8x16_splat((int8_t)low);
    s->high_a = wasm_i16x8_add(s->high_a, wasm_u16x8_extmul_low_u8x16(bytes, h));
    s->high_b = wasm_i16x8_add(s->high_b, wasm_u16x8_extmul_high_u8x16(bytes, h));
    if (!with_low) return;
    s->low_a = wasm_i16x8_add(s->low_a, wasm_u16x8_extmul_low_u8x16(bytes, l));
    s->low_b = wasm_i16x8_add(s->low_b, wasm_u16x8_extmul_high_u8x16(bytes, l));
}

/* high + low / 64, to whole numbers. */
FE_INLINE v128_t fe_carried_simd128(v128_t high, v128_t low) { return wasm_i16x8_add(high, wasm_u16x8_shr(low, 6)); }

FE_INLINE void fe_carry_simd128(fe_sums_simd128 *s)
{
    const v128_t mask = wasm_i16x8_splat(63);
    s->high_a = fe_carried_simd128(s->high_a, s->low_a);
    s->high_b = fe_carried_simd128(s->high_b, s->low_b);
    s->low_a = wasm_v128_and(s->low_a, mask);
    s->low_b = wasm_v128_and(s->low_b, mask);
}

/* (64 high + low) >> 8, low from 128 on, within 16 bits. */
FE_INLINE void fe_store_simd128(const fe_sums_simd128 *s, int16_t *middle)
{
    wasm_v128_store(middle, wasm_u16x8_shr(fe_carried_simd128(s->high_a, s->low_a), 2));
    wasm_v128_store(middle + 8, wasm_u16x8_shr(fe_carried_simd128(s->high_b, s->low_b), 2));
}

/* `tiles` times 16 bytes of all rows of one output. */
FE_INLINE void fe_tiles_simd128(const fe_plan *p, const fe_rows *r, const uint8_t *at, ptrdiff_t stride,
                                int16_t *middle, int tiles, int with_low)
{
    fe_sums_simd128 s[4];
    int32_t k;
    int t;
    for (t = 0; t < tiles; t++) {
        s[t].high_a = s[t].high_b = wasm_i16x8_splat(0);
        s[t].low_a = s[t].low_b = wasm_i16x8_splat(128);
    }
    for (k = 0; k < r->count; k++, at += stride) {
        const fe_pair pair = p->pairs[r->offset + k / 2];
        const int shift = k % 2 ? 8 : 0;
        for (t = 0; t < tiles; t++) {
            if (with_low && k && k % 4 == 0) fe_carry_simd128(&s[t]);
            fe_add_simd128(&s[t], wasm_v128_load(at + 16 * t), (uint8_t)(pair.high >> shift),
                           (uint8_t)(pair.low >> shift), with_low);
        }
    }
    for (t = 0; t < tiles; t++) fe_store_simd128(&s[t], middle + 16 * t);
}

/* The last tile moves back to end with the line: a few sums are made twice, to the same bits. */
FE_INLINE void fe_line_simd128(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                               int16_t *middle, int with_low)
{
    int32_t x = 0;
    for (; x + 64 <= p->line; x += 64) fe_tiles_simd128(p, r, line + x, stride, middle + x, 4, with_low);
    for (; x < p->line; x += 16) {
        if (x + 16 > p->line) x = p->line - 16;
        fe_tiles_simd128(p, r, line + x, stride, middle + x, 1, with_low);
    }
}

static void fe_simd128_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    const uint8_t *first = line + r->first * stride;
    if (p->line < 16)
        fe_portable_vertical(p, r, line, stride, ahead, scratch, middle);
    else if (r->any_low)
        fe_line_simd128(p, r, first, stride, middle, 1);
    else
        fe_line_simd128(p, r, first, stride, middle, 0); /* such as an exact halving */
}

/* One output of any number of taps, a multiple of 16: four partial sums. */
FE_INLINE v128_t fe_one_simd128(const int16_t *middle, const int16_t *weights, int32_t taps)
{
    v128_t sum = wasm_i32x4_splat(0);
    int32_t k;
    for (k = 0; k < taps; k += 8)
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_v128_load(middle + k), wasm_v128_load(weights + k)));
    return sum;
}

FE_INLINE v128_t fe_folded_simd128(v128_t a, v128_t b)
{
    return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}

/* Four outputs at a time: pairwise additions fold their partial sums. */
FE_INLINE void fe_row_simd128(const fe_plan *p, const int16_t *middle, int32_t *total, int32_t taps)
{
    int32_t o;
    int i;
    for (o = 0; o < p->out_width; o += 4) { /* starts and weights are padded to 16 outputs */
        const int16_t *weights = p->weights + (ptrdiff_t)o * taps;
        v128_t s[4];
        for (i = 0; i < 4; i++) s[i] = fe_one_simd128(middle + p->starts[o + i], weights + i * taps, taps);
        wasm_v128_store(total + o, fe_folded_simd128(fe_folded_simd128(s[0], s[1]), fe_folded_simd128(s[2], s[3])));
    }
}

static void fe_simd128_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    if (p->taps == 16)
        fe_row_simd128(p, middle, total, 16);
    else
        fe_row_simd128(p, middle, total, p->taps);
}

#endif
