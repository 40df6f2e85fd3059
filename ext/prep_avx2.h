/* Inside of prep.c: AVX2, 32 bytes of a row at a time. */
#ifndef FACEDGE_PREP_AVX2_H
#define FACEDGE_PREP_AVX2_H

#include <immintrin.h>

#include "prep_portable.h"

#define FE_FOR_AVX2 __attribute__((target("avx2")))
#define FE_256 __attribute__((target("avx2"), always_inline)) static inline

#define FE_HELD 4

/* The weights of up to FE_HELD pairs, copied: with constant `pairs` they stay in registers over the whole line. */
FE_INLINE const fe_pair *fe_hold(const fe_pair *pair, int32_t pairs, fe_pair *held)
{
    int32_t k;
    if (pairs > FE_HELD) return pair;
    for (k = 0; k < pairs; k++) held[k] = pair[k];
    return held;
}

/* Sums of 32 bytes in 16-bit lanes: bytes 0..7 of each 128-bit lane in a, bytes 8..15 in b (what unpacking leaves). */
typedef struct {
    __m256i high_a, high_b, low_a, low_b;
} fe_sums256;

/* Adds two rows of 32 bytes: pmaddubsw takes a pair of bytes and their weights to a 16-bit sum. */
FE_256 void fe_add256(fe_sums256 *s, __m256i even, __m256i odd, fe_pair pair, int with_low)
{
    __m256i a = _mm256_unpacklo_epi8(even, odd), b = _mm256_unpackhi_epi8(even, odd);
    __m256i high = _mm256_set1_epi16((short)pair.high);
    s->high_a = _mm256_add_epi16(s->high_a, _mm256_maddubs_epi16(a, high));
    s->high_b = _mm256_add_epi16(s->high_b, _mm256_maddubs_epi16(b, high));
    if (with_low) {
        __m256i low = _mm256_set1_epi16((short)pair.low);
        s->low_a = _mm256_add_epi16(s->low_a, _mm256_maddubs_epi16(a, low));
        s->low_b = _mm256_add_epi16(s->low_b, _mm256_maddubs_epi16(b, low));
    }
}

FE_256 void fe_carry256(fe_sums256 *s)
{
    const __m256i mask = _mm256_set1_epi16(63);
    s->high_a = _mm256_add_epi16(s->high_a, _mm256_srli_epi16(s->low_a, 6));
    s->high_b = _mm256_add_epi16(s->high_b, _mm256_srli_epi16(s->low_b, 6));
    s->low_a = _mm256_and_si256(s->low_a, mask);
    s->low_b = _mm256_and_si256(s->low_b, mask);
}

/* (64 high + low + 128) >> 8 within 16 bits; pmulhrsw by 8192 is (x + 2) >> 2. */
FE_256 __m256i fe_middle256(__m256i high, __m256i low, int with_low)
{
    if (with_low) high = _mm256_add_epi16(high, _mm256_srli_epi16(low, 6));
    return _mm256_mulhrs_epi16(high, _mm256_set1_epi16(8192));
}

FE_256 void fe_store256(const fe_sums256 *s, int16_t *middle, int with_low)
{
    __m256i a = fe_middle256(s->high_a, s->low_a, with_low), b = fe_middle256(s->high_b, s->low_b, with_low);
    _mm256_storeu_si256((void *)middle, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((void *)(middle + 16), _mm256_permute2x128_si256(a, b, 0x31));
}

/* `tiles` times 32 bytes of all rows of one output. With constant `count` the loops unroll, weights stay in
 * registers, and an odd last row is loaded once. */
FE_256 void fe_tiles256(const fe_pair *pair, const fe_rows *r, const uint8_t *at, ptrdiff_t stride, ptrdiff_t ahead,
                        int16_t *middle, int tiles, int32_t count, int with_low)
{
    const int32_t pairs = fe_pairs_of(count);
    fe_sums256 s[2];
    int32_t k;
    int t;
    for (t = 0; t < tiles; t++) {
        s[t].high_a = s[t].high_b = s[t].low_a = s[t].low_b = _mm256_setzero_si256();
    }
    for (k = 0; k < pairs; k++) {
        const uint8_t *even = at + 2 * k * stride, *odd = 2 * k + 1 < count ? even + stride : even;
        for (t = 0; t < tiles; t++) {
            if (with_low && k && k % 2 == 0) fe_carry256(&s[t]);
            fe_add256(&s[t], _mm256_loadu_si256((const void *)(even + 32 * t)), _mm256_loadu_si256((const void *)(odd + 32 * t)), pair[k], with_low);
        }
        if (2 * k < r->fresh) fe_prefetch(even, ahead);
        if (2 * k + 1 < r->fresh) fe_prefetch(odd, ahead);
    }
    for (t = 0; t < tiles; t++) fe_store256(&s[t], middle + 32 * t, with_low);
}

/* The last tile moves back to end with the line: a few sums are made twice, to the same bits. */
FE_256 void fe_line256(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, ptrdiff_t ahead,
                       int16_t *middle, int32_t count, int with_low)
{
    const fe_rows rows = *r; /* copies: the compiler sees that no store to `middle` changes them */
    fe_pair held[FE_HELD];
    const fe_pair *pair = fe_hold(p->pairs + r->offset, fe_pairs_of(count), held);
    int32_t x = 0;
    for (; x + 64 <= p->line; x += 64) fe_tiles256(pair, &rows, line + x, stride, ahead, middle + x, 2, count, with_low);
    for (; x < p->line; x += 32) {
        if (x + 32 > p->line) x = p->line - 32;
        fe_tiles256(pair, &rows, line + x, stride, ahead, middle + x, 1, count, with_low);
    }
}

FE_FOR_AVX2 static void fe_avx2_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                       ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    const uint8_t *first = line + r->first * stride;
    if (p->line < 32) {
        fe_portable_vertical(p, r, line, stride, ahead, scratch, middle);
        return;
    }
    if (!r->any_low && r->count == 2) { /* an exact halving */
        fe_line256(p, r, first, stride, ahead, middle, 2, 0);
        return;
    }
#define FE_LINE256(count) fe_line256(p, r, first, stride, ahead, middle, count, 1)
    switch (r->count) {
        FE_FEW_CASES(FE_LINE256)
    default: FE_LINE256(r->count);
    }
#undef FE_LINE256
}

FE_FOR_AVX2 static void fe_avx2_finish(const int32_t *total, float *floats, uint8_t *bytes, int32_t n)
{
    if (floats) fe_finish_f32(total, floats, n);
    if (bytes) fe_finish_u8(total, bytes, n);
}

/* One output of any number of taps, a multiple of 16: eight partial sums. */
FE_256 __m256i fe_one256(const int16_t *middle, const int16_t *weights, int32_t taps)
{
    __m256i sum = _mm256_madd_epi16(_mm256_loadu_si256((const void *)middle), _mm256_loadu_si256((const void *)weights));
    int32_t k;
    for (k = 16; k < taps; k += 16) {
        __m256i m = _mm256_loadu_si256((const void *)(middle + k));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(m, _mm256_loadu_si256((const void *)(weights + k))));
    }
    return sum;
}

FE_256 __m256i fe_fold256(__m256i a, __m256i b)
{
    return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}

FE_256 __m256i fe_four256(const __m256i *s)
{
    __m256i a = fe_fold256(s[0], s[1]), b = fe_fold256(s[2], s[3]);
    return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}

/* Eight outputs at a time: a tree of transposing additions folds their partial sums. */
FE_256 void fe_row256(const fe_plan *p, const int16_t *middle, int32_t *total, int32_t taps)
{
    int32_t o;
    int i;
    for (o = 0; o < p->out_width; o += 8) { /* starts and weights are padded to 16 outputs */
        const int16_t *weights = p->weights + (ptrdiff_t)o * taps;
        __m256i s[8], a, b;
        for (i = 0; i < 8; i++) s[i] = fe_one256(middle + p->starts[o + i], weights + i * taps, taps);
        a = fe_four256(s);
        b = fe_four256(s + 4);
        a = _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
        _mm256_storeu_si256((void *)(total + o), a);
    }
}

FE_FOR_AVX2 static void fe_avx2_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    if (p->taps == 16)
        fe_row256(p, middle, total, 16);
    else
        fe_row256(p, middle, total, p->taps);
}

#endif
