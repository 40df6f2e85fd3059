/* Inside of prep.c: the portable implementation, plain C99 that compilers turn into vectors on their own. */
#ifndef FACEDGE_PREP_PORTABLE_H
#define FACEDGE_PREP_PORTABLE_H

#include "prep_plan.h"

#ifdef __GNUC__
#define FE_INLINE __attribute__((always_inline)) static inline
#else
#define FE_INLINE static inline
#endif

enum { FE_MIDDLE = 127 * 65536 + 32768 };  /* 127.5 of grey times 65536 */
#define FE_SCALE ((float)(1.0 / FE_MIDDLE))

/* Grey times 65536 -> -1..1: an exact integer below 2^24, then one rounding. */
FE_INLINE void fe_finish_f32(const int32_t *restrict total, float *restrict out, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; i++) out[i] = (float)(total[i] - FE_MIDDLE) * FE_SCALE;
}

FE_INLINE void fe_finish_u8(const int32_t *restrict total, uint8_t *restrict out, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; i++) out[i] = (uint8_t)((total[i] + 32768) >> 16);
}

/* The same C, once more for AVX2 where the compiler and the loader can choose between two versions of a function. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define FE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FE_CLONES
#endif

FE_CLONES static void fe_portable_finish(const int32_t *total, float *floats, uint8_t *bytes, int32_t n)
{
    if (floats) fe_finish_f32(total, floats, n);
    if (bytes) fe_finish_u8(total, bytes, n);
}

enum { FE_BLOCK = 32, FE_FEW_ROWS = 8 }; /* bytes of a row at a time; rows of an output that get loops of their own */

/* The cases of a switch over FE_FEW_ROWS counts of rows: with a constant count, loops over rows unroll. */
#define FE_FEW_CASES(call) \
    case 1: call(1); break; \
    case 2: call(2); break; \
    case 3: call(3); break; \
    case 4: call(4); break; \
    case 5: call(5); break; \
    case 6: call(6); break; \
    case 7: call(7); break; \
    case 8: call(8); break;

/* The rows of one output and their weights, spread out for the inner loops. */
typedef struct {
    const uint8_t *row[FE_FEW_ROWS];
    uint16_t high[FE_FEW_ROWS][FE_BLOCK], low[FE_FEW_ROWS][FE_BLOCK]; /* the same FE_BLOCK times: ready vectors */
} fe_few;

/* n sums; with n and rows constant the compiler makes vectors of both loops. */
FE_INLINE void fe_portable_block(const fe_few *few, int rows, int32_t x, int16_t *restrict middle, int n)
{
    int i, k;
    for (i = 0; i < n; i++) {
        uint16_t high = 0, low = 128;
        for (k = 0; k < rows; k++) {
            uint16_t byte = (few->row[k] + x)[i]; /* not [x + i]: under -fwrapv that is no longer a plain run */
            if (k == 4) { /* four rows' low parts fill 16 bits: carry */
                high = (uint16_t)(high + (low >> 6));
                low &= 63;
            }
            high = (uint16_t)(high + (uint16_t)((unsigned)few->high[k][i] * byte));
            low = (uint16_t)(low + (uint16_t)((unsigned)few->low[k][i] * byte));
        }
        (middle + x)[i] = (int16_t)((uint16_t)(high + (low >> 6)) >> 2); /* (64 high + low) >> 8, low from 128 on */
    }
}

/* The last block moves back to end with the line: a few sums are made twice, to the same bits. */
FE_INLINE void fe_portable_few(const fe_few *few, int rows, const fe_plan *p, ptrdiff_t ahead, int16_t *restrict middle)
{
    int32_t x;
    if (p->line < FE_BLOCK) {
        fe_portable_block(few, rows, 0, middle, p->line);
        return;
    }
    for (x = 0; x < p->line; x += FE_BLOCK) {
        int k;
        if (x + FE_BLOCK > p->line) x = p->line - FE_BLOCK;
        for (k = 0; k < rows; k++) fe_prefetch(few->row[k] + x, ahead);
        fe_portable_block(few, rows, x, middle, FE_BLOCK);
    }
}

/* Adds four rows to sums in memory, carrying first. */
FE_INLINE void fe_portable_four(const fe_few *few, int32_t x, uint16_t *restrict high, uint16_t *restrict low, int n)
{
    int i, k;
    for (i = 0; i < n; i++) {
        uint16_t h = (uint16_t)((high + x)[i] + ((low + x)[i] >> 6)), l = (low + x)[i] & 63;
        for (k = 0; k < 4; k++) {
            uint16_t byte = (few->row[k] + x)[i];
            h = (uint16_t)(h + (uint16_t)((unsigned)few->high[k][i] * byte));
            l = (uint16_t)(l + (uint16_t)((unsigned)few->low[k][i] * byte));
        }
        (high + x)[i] = h;
        (low + x)[i] = l;
    }
}

/* The rows from..from + 3 of an output; those that it does not have weigh nothing. */
FE_INLINE void fe_few_rows(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, int32_t from,
                        int32_t rows, fe_few *few)
{
    int32_t k, i;
    for (k = 0; k < rows; k++) {
        int32_t row = from + k < r->count ? from + k : r->count - 1;
        int32_t weight = row == from + k ? fe_row_weight(p, r, row) : 0;
        few->row[k] = line + (r->first + row) * stride;
        for (i = 0; i < FE_BLOCK; i++) {
            few->high[k][i] = (uint16_t)(weight / 64);
            few->low[k][i] = (uint16_t)(weight % 64);
        }
    }
}

static void fe_portable_many(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, ptrdiff_t ahead,
                             uint16_t *restrict sums, int16_t *restrict middle)
{
    uint16_t *high = sums, *low = sums + p->line;
    fe_few few;
    int32_t k, x;
    for (x = 0; x < p->line; x++) high[x] = 0, low[x] = 128;
    for (k = 0; k < r->count; k += 4) {
        fe_few_rows(p, r, line, stride, k, 4, &few);
        for (x = 0; x + FE_BLOCK <= p->line; x += FE_BLOCK) {
            for (int i = 0; i < 4; i++) fe_prefetch(few.row[i] + x, ahead);
            fe_portable_four(&few, x, high, low, FE_BLOCK);
        }
        fe_portable_four(&few, x, high, low, p->line - x);
    }
    for (x = 0; x < p->line; x++) middle[x] = (int16_t)((uint16_t)(high[x] + (low[x] >> 6)) >> 2);
}

/* One output row before the horizontal pass: the rows of an image, weighted and summed byte by byte. */
FE_CLONES static void fe_portable_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                 ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    fe_few few;
    if (r->count > FE_FEW_ROWS) {
        fe_portable_many(p, r, line, stride, ahead, scratch, middle);
        return;
    }
    fe_few_rows(p, r, line, stride, 0, r->count, &few);
#define FE_FEW(count) fe_portable_few(&few, count, p, ahead, middle)
    switch (r->count) { FE_FEW_CASES(FE_FEW) }
#undef FE_FEW
}

/* A loop that is unrolled too early is no longer seen as a vector's pairwise multiply-add. */
#if defined(__GNUC__) && !defined(__clang__)
#define FE_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define FE_KEEP_LOOP
#endif

FE_INLINE void fe_portable_outputs(const fe_plan *p, const int16_t *restrict middle, int32_t *restrict total, int groups)
{
    const int32_t *starts = p->starts, outputs = p->out_width;
    const int16_t *w = p->weights;
    int32_t o, k;
    int g;
    for (o = 0; o < outputs; o++) {
        const int16_t *m = middle + starts[o];
        int32_t sum = 0;
        for (g = 0; g < groups; g++, m += FE_LANES, w += FE_LANES) {
            FE_KEEP_LOOP
            for (k = 0; k < FE_LANES; k++) sum += m[k] * w[k];
        }
        total[o] = sum;
    }
}

FE_CLONES static void fe_portable_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    if (p->taps == FE_LANES)
        fe_portable_outputs(p, middle, total, 1);
    else if (p->taps == 2 * FE_LANES)
        fe_portable_outputs(p, middle, total, 2);
    else
        fe_portable_outputs(p, middle, total, p->taps / FE_LANES);
}

/* Any strides: each row is packed as it comes, and its weights are applied at once. */
static void fe_strided_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                ptrdiff_t ahead, void *scratch, int16_t *middle)
{
    uint32_t *sums = scratch;
    uint8_t *packed = (uint8_t *)(sums + p->line);
    int32_t k, x, c;
    (void)ahead;
    memset(sums, 0, (size_t)p->line * sizeof *sums);
    for (k = 0; k < r->count; k++) {
        const int32_t weight = fe_row_weight(p, r, k);
        const uint8_t *pixel = line + (r->first + k) * stride;
        for (x = 0; x < p->pixel_count; x++, pixel += p->pixel_stride)
            for (c = 0; c < p->channels; c++) packed[x * p->channels + c] = pixel[c * p->channel_stride];
        for (x = 0; x < p->line; x++) sums[x] += (uint32_t)(weight * packed[x]);
    }
    for (x = 0; x < p->line; x++) middle[x] = (int16_t)((sums[x] + 128) >> 8);
}

#endif
