/* Inside of prep.c: AVX2, 32 bytes of a row at a time. */
#ifndef FACEDGE_PREP_AVX2_H
#define FACEDGE_PREP_AVX2_H

#include <immintrin.h>

#include "prep_plan.h"

#define FE_256 __attribute__((target("avx2"), always_inline)) static inline

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

/* (64 high + low + 128) >> 8 within 16 bits. */
FE_256 __m256i fe_middle256(__m256i high, __m256i low, int with_low)
{
    const __m256i three = _mm256_set1_epi16(3), half = _mm256_set1_epi16(128);
    __m256i rest;
    if (!with_low) return _mm256_srli_epi16(_mm256_add_epi16(high, _mm256_set1_epi16(2)), 2);
    rest = _mm256_slli_epi16(_mm256_and_si256(high, three), 6);
    rest = _mm256_add_epi16(_mm256_add_epi16(rest, half), low);
    return _mm256_add_epi16(_mm256_srli_epi16(high, 2), _mm256_srli_epi16(rest, 8));
}

FE_256 void fe_store256(const fe_sums256 *s, int16_t *middle, int with_low)
{
    __m256i a = fe_middle256(s->high_a, s->low_a, with_low), b = fe_middle256(s->high_b, s->low_b, with_low);
    _mm256_storeu_si256((void *)middle, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((void *)(middle + 16), _mm256_permute2x128_si256(a, b, 0x31));
}

/* `tiles` times 32 bytes of all rows of one output. */
FE_256 void fe_tiles256(const fe_plan *p, const fe_rows *r, const uint8_t *at, ptrdiff_t stride, int16_t *middle,
                        int tiles, int with_low)
{
    const fe_pair *pair = p->pairs + r->offset;
    fe_sums256 s[2];
    int32_t k;
    int t;
    for (t = 0; t < tiles; t++) s[t].high_a = s[t].high_b = s[t].low_a = s[t].low_b = _mm256_setzero_si256();
    for (k = 0; k < r->pairs; k++) {
        int32_t row = r->first + 2 * k;
        const uint8_t *even = at + row * stride, *odd = row < p->last_row ? even + stride : even;
        if (with_low && k && k % 2 == 0)
            for (t = 0; t < tiles; t++) fe_carry256(&s[t]);
        for (t = 0; t < tiles; t++)
            fe_add256(&s[t], _mm256_loadu_si256((const void *)(even + 32 * t)),
                      _mm256_loadu_si256((const void *)(odd + 32 * t)), pair[k], with_low);
        fe_prefetch(even, p->ahead * stride);
        fe_prefetch(odd, p->ahead * stride);
    }
    for (t = 0; t < tiles; t++) fe_store256(&s[t], middle + 32 * t, with_low);
}

/* The last tile moves back to end with the line: a few sums are made twice, to the same bits. */
FE_256 void fe_line256(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, int16_t *middle,
                       int with_low)
{
    int32_t x = 0;
    for (; x + 64 <= p->line; x += 64) fe_tiles256(p, r, line + x, stride, middle + x, 2, with_low);
    for (; x < p->line; x += 32) {
        if (x + 32 > p->line) x = p->line - 32;
        fe_tiles256(p, r, line + x, stride, middle + x, 1, with_low);
    }
}

__attribute__((target("avx2"))) static void fe_avx2_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line,
                                                             ptrdiff_t stride, int16_t *middle)
{
    if (p->line < 32)
        fe_portable_vertical(p, r, line, stride, middle);
    else if (r->any_low)
        fe_line256(p, r, line, stride, middle, 1);
    else
        fe_line256(p, r, line, stride, middle, 0);
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

__attribute__((target("avx2"))) static void fe_avx2_horizontal(const fe_plan *p, const int16_t *middle,
                                                               int32_t *total)
{
    if (p->taps == 16)
        fe_row256(p, middle, total, 16);
    else
        fe_row256(p, middle, total, p->taps);
}

#endif
