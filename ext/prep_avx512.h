/* Inside of prep.c: AVX-512 (F, BW, VL), 64 bytes of a row at a time. */
#ifndef FACEDGE_PREP_AVX512_H
#define FACEDGE_PREP_AVX512_H

#include <immintrin.h>

#include "prep_avx2.h"

#define FE_FOR_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define FE_512 __attribute__((target("avx512f,avx512bw,avx512vl"), always_inline)) static inline

/* Sums of 64 bytes in 16-bit lanes: bytes 0..7 of each 128-bit lane in a, bytes 8..15 in b (what unpacking leaves). */
typedef struct {
    __m512i high_a, high_b, low_a, low_b;
} fe_sums512;

FE_512 __m512i fe_load512(const uint8_t *at, __mmask64 mask, int whole)
{
    return whole ? _mm512_loadu_si512(at) : _mm512_maskz_loadu_epi8(mask, at);
}

/* Adds two rows of 64 bytes: pmaddubsw takes a pair of bytes and their weights to a 16-bit sum. */
FE_512 void fe_add512(fe_sums512 *s, __m512i even, __m512i odd, fe_pair pair, int with_low)
{
    __m512i a = _mm512_unpacklo_epi8(even, odd), b = _mm512_unpackhi_epi8(even, odd);
    __m512i high = _mm512_set1_epi16((short)pair.high);
    s->high_a = _mm512_add_epi16(s->high_a, _mm512_maddubs_epi16(a, high));
    s->high_b = _mm512_add_epi16(s->high_b, _mm512_maddubs_epi16(b, high));
    if (with_low) {
        __m512i low = _mm512_set1_epi16((short)pair.low);
        s->low_a = _mm512_add_epi16(s->low_a, _mm512_maddubs_epi16(a, low));
        s->low_b = _mm512_add_epi16(s->low_b, _mm512_maddubs_epi16(b, low));
    }
}

FE_512 void fe_carry512(fe_sums512 *s)
{
    const __m512i mask = _mm512_set1_epi16(63);
    s->high_a = _mm512_add_epi16(s->high_a, _mm512_srli_epi16(s->low_a, 6));
    s->high_b = _mm512_add_epi16(s->high_b, _mm512_srli_epi16(s->low_b, 6));
    s->low_a = _mm512_and_si512(s->low_a, mask);
    s->low_b = _mm512_and_si512(s->low_b, mask);
}

/* (64 high + low + 128) >> 8 within 16 bits; pmulhrsw by 8192 is (x + 2) >> 2. */
FE_512 __m512i fe_middle512(__m512i high, __m512i low, int with_low)
{
    if (with_low) high = _mm512_add_epi16(high, _mm512_srli_epi16(low, 6));
    return _mm512_mulhrs_epi16(high, _mm512_set1_epi16(8192));
}

FE_512 void fe_store512(const fe_sums512 *s, int16_t *middle, int with_low)
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    __m512i a = fe_middle512(s->high_a, s->low_a, with_low), b = fe_middle512(s->high_b, s->low_b, with_low);
    _mm512_storeu_si512(middle, _mm512_permutex2var_epi64(a, first, b));
    _mm512_storeu_si512(middle + 32, _mm512_permutex2var_epi64(a, second, b));
}

/* Twice a cache line: a request that is dropped for want of room is made again (6 % of the time of a box in a frame). */
FE_512 void fe_prefetch_tile(const uint8_t *at, ptrdiff_t ahead)
{
    fe_prefetch(at, ahead);
    fe_prefetch(at + 32, ahead);
}

/* `tiles` times 64 bytes of all rows of one output. With constant `count` the loops unroll, weights stay in
 * registers, and an odd last row is loaded once. */
FE_512 void fe_tiles512(const fe_pair *pair, const fe_rows *r, const uint8_t *at, ptrdiff_t stride, ptrdiff_t ahead,
                        int16_t *middle, int tiles, int32_t count, int with_low, __mmask64 mask, int whole)
{
    const int32_t pairs = fe_pairs_of(count);
    fe_sums512 s[2];
    int32_t k;
    int t;
    for (t = 0; t < tiles; t++) {
        s[t].high_a = s[t].high_b = s[t].low_a = s[t].low_b = _mm512_setzero_si512();
    }
    for (k = 0; k < pairs; k++) {
        const uint8_t *even = at + 2 * k * stride, *odd = 2 * k + 1 < count ? even + stride : even;
        for (t = 0; t < tiles; t++) {
            if (with_low && k && k % 2 == 0) fe_carry512(&s[t]);
            fe_add512(&s[t], fe_load512(even + 64 * t, mask, whole), fe_load512(odd + 64 * t, mask, whole), pair[k], with_low);
            if (2 * k < r->fresh) fe_prefetch_tile(even + 64 * t, ahead);
            if (2 * k + 1 < r->fresh) fe_prefetch_tile(odd + 64 * t, ahead);
        }
    }
    for (t = 0; t < tiles; t++) fe_store512(&s[t], middle + 64 * t, with_low);
}

FE_512 void fe_line512(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, ptrdiff_t ahead,
                       int16_t *middle, int32_t count, int with_low)
{
    const fe_rows rows = *r; /* copies: the compiler sees that no store to `middle` changes them */
    fe_pair held[FE_HELD];
    const fe_pair *pair = fe_hold(p->pairs + r->offset, fe_pairs_of(count), held);
    int32_t x = 0, rest;
    for (; x + 128 <= p->line; x += 128)
        fe_tiles512(pair, &rows, line + x, stride, ahead, middle + x, 2, count, with_low, 0, 1);
    for (; (rest = p->line - x) > 0; x += 64) {
        __mmask64 mask = rest < 64 ? ~0ULL >> (64 - rest) : ~0ULL; /* what is not loaded is 0, and can not fault */
        if (rest <= 32 && x) { /* the last 32 bytes of the line: a few sums are made twice, to the same bits */
            fe_tiles256(pair, &rows, line + p->line - 32, stride, ahead, middle + p->line - 32, 1, count, with_low);
            return;
        }
        fe_tiles512(pair, &rows, line + x, stride, ahead, middle + x, 1, count, with_low, mask, 0);
    }
}

FE_FOR_AVX512 static void fe_avx512_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                       ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    const uint8_t *first = line + r->first * stride;
    (void)scratch;
    if (!r->any_low && r->count == 2) { /* an exact halving */
        fe_line512(p, r, first, stride, ahead, middle, 2, 0);
        return;
    }
#define FE_LINE512(count) fe_line512(p, r, first, stride, ahead, middle, count, 1)
    switch (r->count) {
        FE_FEW_CASES(FE_LINE512)
    default: FE_LINE512(r->count);
    }
#undef FE_LINE512
}

FE_FOR_AVX512 static void fe_avx512_finish(const int32_t *total, float *floats, uint8_t *bytes, int32_t n)
{
    if (floats) fe_finish_f32(total, floats, n);
    if (bytes) fe_finish_u8(total, bytes, n);
}

/* Two neighbouring outputs of 16 taps each: eight partial sums of the one, then of the other. */
FE_512 __m512i fe_two512(const int16_t *middle, const int32_t *starts, const int16_t *weights)
{
    __m512i m = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(middle + starts[0])));
    m = _mm512_inserti64x4(m, _mm256_loadu_si256((const void *)(middle + starts[1])), 1);
    return _mm512_madd_epi16(m, _mm512_loadu_si512(weights));
}

/* Two neighbouring outputs of any number of taps, a multiple of 16. */
FE_512 __m512i fe_pair512(const int16_t *middle, const int32_t *starts, const int16_t *weights, int32_t taps)
{
    __m512i sum = _mm512_setzero_si512();
    int32_t k;
    for (k = 0; k < taps; k += 16) {
        __m512i m = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(middle + starts[0] + k)));
        __m512i w = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(weights + k)));
        m = _mm512_inserti64x4(m, _mm256_loadu_si256((const void *)(middle + starts[1] + k)), 1);
        w = _mm512_inserti64x4(w, _mm256_loadu_si256((const void *)(weights + taps + k)), 1);
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(m, w));
    }
    return sum;
}

FE_512 __m512i fe_fold32(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

FE_512 __m512i fe_fold64(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* Sixteen outputs: s[i] holds the partial sums of outputs 2i and 2i + 1; a tree of transposing additions folds them. */
FE_512 __m512i fe_sixteen512(const __m512i *s)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    __m512i a = fe_fold64(fe_fold32(s[0], s[1]), fe_fold32(s[2], s[3])); /* lanes: outputs 0 2 4 6 (twice), 1 3 5 7 */
    __m512i b = fe_fold64(fe_fold32(s[4], s[5]), fe_fold32(s[6], s[7]));
    __m512i even = _mm512_shuffle_i64x2(a, b, 0x88), odd = _mm512_shuffle_i64x2(a, b, 0xDD);
    return _mm512_permutexvar_epi32(order, _mm512_add_epi32(even, odd));
}

FE_FOR_AVX512 static void fe_avx512_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    int32_t o, i;
    for (o = 0; o < p->out_width; o += 16) { /* starts and weights are padded to 16 outputs */
        const int32_t *starts = p->starts + o;
        const int16_t *weights = p->weights + (ptrdiff_t)o * p->taps;
        __m512i s[8];
        if (p->taps == 16)
            for (i = 0; i < 8; i++) s[i] = fe_two512(middle, starts + 2 * i, weights + 32 * i);
        else
            for (i = 0; i < 8; i++) s[i] = fe_pair512(middle, starts + 2 * i, weights + 2 * i * p->taps, p->taps);
        _mm512_storeu_si512(total + o, fe_sixteen512(s));
    }
}

#endif
