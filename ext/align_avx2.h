/* Inside of align.c: AVX2. A point is one 128-bit register: 8 bytes of the upper row, 8 of the lower. */
#ifndef FACEDGE_ALIGN_AVX2_H
#define FACEDGE_ALIGN_AVX2_H

#include <immintrin.h>

#include "align_portable.h"

#define FE_ALIGN_AVX2 __attribute__((target("avx2")))
#define FE_ALIGN_256 __attribute__((target("avx2"), always_inline)) static inline

#define FE_PLACES(name, features)                                                                               \
    __attribute__((target(features))) static void fe_##name##_place(                                            \
        const fe_frame *frame, fe_points *points, int32_t count, int64_t x, int64_t y, int64_t dx, int64_t dy)   \
    {                                                                                                           \
        FE_PLACE(frame, points, count, x, y, dx, dy);                                                           \
    }                                                                                                           \
    __attribute__((target(features))) static void fe_##name##_place_inside(                                     \
        const fe_frame *frame, fe_points *points, int32_t count, int64_t x, int64_t y, int64_t dx, int64_t dy)   \
    {                                                                                                           \
        FE_PLACE_INSIDE(frame, points, count, x, y, dx, dy);                                                    \
    }

FE_PLACES(avx2, "avx2")
FE_PLACES(avx512, "avx512f,avx512bw,avx512vl")

/* Bytes (upper row in 0..7, lower in 8..15) -> for each channel: upper left, upper right, lower left, lower right. */
FE_ALIGN_256 __m128i fe_neighbours128(ptrdiff_t right, ptrdiff_t channel)
{
    uint8_t order[16];
    int c;
    for (c = 0; c < 4; c++) {
        const int at = (int)(c == 3 ? 0 : channel < 0 ? 2 - c : c * channel);
        order[4 * c] = (uint8_t)at;
        order[4 * c + 1] = (uint8_t)(at + right);
        order[4 * c + 2] = (uint8_t)(at + 8);
        order[4 * c + 3] = (uint8_t)(at + 8 + right);
    }
    return _mm_loadu_si128((const void *)order);
}

FE_ALIGN_256 __m128i fe_rows128(const uint8_t *at, ptrdiff_t down)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const void *)at), _mm_loadl_epi64((const void *)(at + down)));
}

/* pmaddubsw takes unsigned by signed bytes: weights reach 128, so the pixels are the signed ones, less 128. The sums
 * miss 128 * 2^14 for each point; they start with it. */
FE_ALIGN_256 __m128i fe_point128(const fe_points *p, int32_t k, ptrdiff_t down, __m128i order)
{
    const __m128i sign = _mm_set1_epi8((char)-128);
    __m128i bytes = _mm_xor_si128(_mm_shuffle_epi8(fe_rows128(p->base + p->offset[k], down), order), sign);
    __m128i rows = _mm_maddubs_epi16(_mm_set1_epi16((short)p->across[k]), bytes);
    return _mm_madd_epi16(rows, _mm_set1_epi32((int)p->along[k]));
}

FE_ALIGN_256 void fe_gather128(const fe_points *p, int32_t pixels, int32_t samples, uint32_t *sums)
{
    const __m128i order = fe_neighbours128(p->right, p->channel);
    const __m128i missing = _mm_set1_epi32(samples << 21);
    const ptrdiff_t down = p->down;
    int32_t o, j, k = 0;
    for (o = 0; o < pixels; o++) {
        /* A turned face crosses a row every few pixels: the processor does not foresee where the next row begins. */
        _mm_prefetch((const char *)((uintptr_t)(p->base + p->offset[k]) + (uintptr_t)(FE_AHEAD * down)), _MM_HINT_T0);
        __m128i sum = _mm_add_epi32(_mm_loadu_si128((const void *)(sums + 4 * o)), missing);
        for (j = 0; j < samples; j++) sum = _mm_add_epi32(sum, fe_point128(p, k++, down, order));
        _mm_storeu_si128((void *)(sums + 4 * o), sum);
    }
}

FE_ALIGN_AVX2 static void fe_avx2_gather(const fe_points *p, int32_t pixels, int32_t samples, uint32_t *sums)
{
    switch (samples) { /* constants unroll the inner loop */
    case 1: fe_gather128(p, pixels, 1, sums); break;
    case 2: fe_gather128(p, pixels, 2, sums); break;
    case 3: fe_gather128(p, pixels, 3, sums); break;
    case 4: fe_gather128(p, pixels, 4, sums); break;
    default: fe_gather128(p, pixels, samples, sums);
    }
}

FE_ALIGN_256 __m256i fe_mean256(const uint32_t *sums, __m256 share)
{
    __m256i whole = _mm256_srli_epi32(_mm256_loadu_si256((const void *)sums), 14);
    return _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(whole), _mm256_set1_ps(0.5f)), share));
}

/* Four outputs at a time; the fourth sum of each is no channel and falls away. */
FE_ALIGN_AVX2 static void fe_align_avx2_finish(const uint32_t *sums, int32_t pixels, int32_t area, uint8_t *out)
{
    const __m256 share = _mm256_set1_ps(1.0f / (float)area);
    const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    int32_t o;
    for (o = 0; o + 4 <= pixels; o += 4) {
        __m256i words = _mm256_packs_epi32(fe_mean256(sums + 4 * o, share), fe_mean256(sums + 4 * o + 8, share));
        __m128i both = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        __m128i bytes = _mm_shuffle_epi8(_mm_shuffle_epi32(both, _MM_SHUFFLE(3, 1, 2, 0)), order);
        _mm_storel_epi64((void *)(out + 3 * o), bytes);
        {
            const int32_t rest = _mm_extract_epi32(bytes, 2);
            memcpy(out + 3 * o + 8, &rest, 4);
        }
    }
    fe_align_portable_finish(sums + 4 * o, pixels - o, area, out + 3 * o);
}

#endif
