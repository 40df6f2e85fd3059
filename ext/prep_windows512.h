/* Inside of prep.c: AVX-512's horizontal pass where taps are picked out of registers, and outputs past the caches. */
#ifndef FACEDGE_PREP_WINDOWS512_H
#define FACEDGE_PREP_WINDOWS512_H

#include "prep_avx512.h"
#include "prep_run.h"

/* Eight outputs of each line, two partial sums each: their taps are picked out of 64 values in two registers, four at a
 * time. Several lines share the loads of weights. */
FE_512 void fe_window512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, int32_t group,
                         int32_t quads, __m512i *sum)
{
    const int16_t *m = middle + p->window_starts[group], *w = p->window_weights + 32 * group * quads;
    __m512i taps = _mm512_loadu_si512(p->window_taps + 32 * group), first[FE_LINES], second[FE_LINES];
    int32_t q;
    int k;
    for (k = 0; k < lines; k++) {
        first[k] = _mm512_loadu_si512(m + k * stride), second[k] = _mm512_loadu_si512(m + k * stride + 32);
        sum[k] = _mm512_setzero_si512();
    }
    for (q = 0; q < quads; q++, taps = _mm512_add_epi16(taps, _mm512_set1_epi16(4))) {
        const __m512i weights = _mm512_loadu_si512(w + 32 * q);
        for (k = 0; k < lines; k++) {
            __m512i picked = _mm512_permutex2var_epi16(first[k], taps, second[k]);
            sum[k] = _mm512_add_epi32(sum[k], _mm512_madd_epi16(picked, weights));
        }
    }
}

/* Outputs o .. o + 15 of each line; windows are padded to as many. */
FE_512 void fe_totals512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, int32_t o, int32_t quads,
                         __m512i *total)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    __m512i a[FE_LINES], b[FE_LINES];
    int k;
    fe_window512(p, middle, stride, lines, o / FE_WINDOW_OUTPUTS, quads, a);
    fe_window512(p, middle, stride, lines, o / FE_WINDOW_OUTPUTS + 1, quads, b);
    for (k = 0; k < lines; k++)
        total[k] = _mm512_add_epi32(_mm512_permutex2var_epi32(a[k], even, b[k]),
                                    _mm512_permutex2var_epi32(a[k], odd, b[k]));
}

/* As fe_finish_f32 and fe_finish_u8, sixteen at a time. */
FE_512 __m512 fe_floats512(__m512i total)
{
    const __m512i middle = _mm512_set1_epi32(FE_MIDDLE);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(total, middle)), _mm512_set1_ps(FE_SCALE));
}

FE_512 __m128i fe_bytes512(__m512i total)
{
    return _mm512_cvtepi32_epi8(_mm512_srli_epi32(_mm512_add_epi32(total, _mm512_set1_epi32(32768)), 16));
}

FE_512 void fe_rows512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, int32_t quads,
                       float *floats, uint8_t *bytes)
{
    const int32_t n = p->out_width;
    int32_t o;
    int k;
    for (o = 0; o < n; o += 16) {
        const __mmask16 mask = (__mmask16)(n - o < 16 ? 0xFFFF >> (16 - (n - o)) : 0xFFFF);
        __m512i total[FE_LINES];
        fe_totals512(p, middle, stride, lines, o, quads, total);
        for (k = 0; k < lines; k++) {
            if (floats) _mm512_mask_storeu_ps(floats + k * n + o, mask, fe_floats512(total[k]));
            if (bytes) _mm_mask_storeu_epi8(bytes + k * n + o, mask, fe_bytes512(total[k]));
        }
    }
}

/* The same into a run. Only whole cache lines are written: one that was written in two halves would first be read. A row begins some floats before such a line; its last ones wait for the next row's. */
FE_512 void fe_run512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, int32_t quads, float *floats,
                      fe_waiting *run)
{
    const int32_t n = p->out_width, before = fe_run_before(floats);
    const __m512i order = _mm512_add_epi32(_mm512_set1_epi32(before),
                                           _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    float *lined = floats + before - 16; /* the cache line that ends with a row's first floats */
    __m512 first[FE_LINES], held[FE_LINES];
    int32_t o;
    int k;
    for (k = 0; k < lines; k++) first[k] = held[k] = _mm512_setzero_ps();
    for (o = 0; o < n; o += 16) {
        __m512i total[FE_LINES];
        fe_totals512(p, middle, stride, lines, o, quads, total);
        for (k = 0; k < lines; k++) {
            __m512 x = fe_floats512(total[k]);
            if (o)
                _mm512_stream_ps(lined + k * n + o, _mm512_permutex2var_ps(held[k], order, x));
            else
                first[k] = x;
            held[k] = x;
        }
    }
    if (run->begun)
        _mm512_stream_ps(lined, _mm512_permutex2var_ps(_mm512_loadu_ps(run->waiting), order, first[0]));
    else
        _mm512_mask_storeu_ps(floats, (__mmask16)((1u << before) - 1), first[0]);
    for (k = 1; k < lines; k++)
        _mm512_stream_ps(lined + k * n, _mm512_permutex2var_ps(held[k - 1], order, first[k]));
    _mm512_storeu_ps(run->waiting, held[lines - 1]);
    run->begun = 1;
}

/* Constant `lines` and `quads` unroll the loops. */
FE_512 void fe_lines512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, int32_t quads,
                        float *floats, uint8_t *bytes, fe_waiting *run)
{
    if (run)
        fe_run512(p, middle, stride, lines, quads, floats, run);
    else if (floats)
        fe_rows512(p, middle, stride, lines, quads, floats, NULL);
    else
        fe_rows512(p, middle, stride, lines, quads, NULL, bytes);
}

FE_512 void fe_any_lines512(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int lines, float *floats,
                            uint8_t *bytes, fe_waiting *run)
{
    if (p->quads == 2)
        fe_lines512(p, middle, stride, lines, 2, floats, bytes, run);
    else if (p->quads == 3)
        fe_lines512(p, middle, stride, lines, 3, floats, bytes, run);
    else
        fe_lines512(p, middle, stride, lines, p->quads, floats, bytes, run);
}

FE_FOR_AVX512 static void fe_avx512_windows(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int32_t lines,
                                            float *floats, uint8_t *bytes, fe_waiting *run)
{
    const ptrdiff_t n = p->out_width;
    int32_t k;
    if (lines == FE_LINES)
        fe_any_lines512(p, middle, stride, FE_LINES, floats, bytes, run);
    else
        for (k = 0; k < lines; k++)
            fe_any_lines512(p, middle + k * stride, stride, 1, floats ? floats + k * n : NULL,
                            bytes ? bytes + k * n : NULL, run);
}

#endif
