/* Inside of prep.c: the portable implementation, plain C99 that compilers turn into vectors on their own. */
#ifndef FACEDGE_PREP_PORTABLE_H
#define FACEDGE_PREP_PORTABLE_H

#include "prep_plan.h"

enum { FE_TILE = 128 }; /* bytes of a row at a time: their sums stay in the first-level cache */

/* high += sum(high weight * byte), low likewise, for the two rows of a pair. */
static void fe_portable_pair(const uint8_t *a, const uint8_t *b, fe_pair pair, uint16_t *high, uint16_t *low, int n)
{
    const uint16_t ha = pair.high & 255, hb = pair.high >> 8, la = pair.low & 255, lb = pair.low >> 8;
    int i;
    for (i = 0; i < n; i++) {
        high[i] = (uint16_t)(high[i] + ha * a[i] + hb * b[i]);
        low[i] = (uint16_t)(low[i] + la * a[i] + lb * b[i]);
    }
}

/* (64 high + low + 128) >> 8 without leaving 16 bits. */
static void fe_portable_middle(const uint16_t *high, const uint16_t *low, int16_t *middle, int n)
{
    int i;
    for (i = 0; i < n; i++)
        middle[i] = (int16_t)((high[i] >> 2) + ((uint16_t)(((high[i] & 3) << 6) + low[i] + 128) >> 8));
}

/* One output row before the horizontal pass: the rows of an image, weighted and summed byte by byte. */
static void fe_portable_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                 int16_t *middle)
{
    int32_t x, k;
    int i;
    for (x = 0; x < p->line; x += FE_TILE) {
        uint16_t high[FE_TILE] = {0}, low[FE_TILE] = {0};
        int n = p->line - x < FE_TILE ? p->line - x : FE_TILE;
        for (k = 0; k < r->pairs; k++) {
            int32_t row = r->first + 2 * k, next = row < p->last_row ? row + 1 : row;
            fe_portable_pair(line + row * stride + x, line + next * stride + x, p->pairs[r->offset + k], high, low, n);
            if (k % 2) /* at most four rows since the last carry: low fits */
                for (i = 0; i < n; i++) {
                    high[i] = (uint16_t)(high[i] + (low[i] >> 6));
                    low[i] &= 63;
                }
        }
        fe_portable_middle(high, low, middle + x, n);
    }
}

static void fe_portable_horizontal(const fe_plan *p, const int16_t *middle, int32_t *total)
{
    int32_t o, k;
    for (o = 0; o < p->out_width; o++) {
        const int16_t *m = middle + p->starts[o], *w = p->weights + (ptrdiff_t)o * p->taps;
        int32_t sum = 0;
        for (k = 0; k < p->taps; k++) sum += m[k] * w[k];
        total[o] = sum;
    }
}

/* Any strides: each row is packed as it comes, and its weights are applied at once. */
static void fe_strided_vertical(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                                uint8_t *packed, uint32_t *sums, int16_t *middle)
{
    int32_t k, x, c;
    memset(sums, 0, (size_t)p->line * sizeof *sums);
    for (k = 0; k < 2 * r->pairs; k++) {
        fe_pair pair = p->pairs[r->offset + k / 2];
        uint32_t weight = k % 2 ? 64u * (pair.high >> 8) + (pair.low >> 8) : 64u * (pair.high & 255) + (pair.low & 255);
        const uint8_t *pixel = line + (r->first + k) * stride;
        if (!weight) continue; /* also the row that pads a pair, which may not exist */
        for (x = 0; x < p->pixel_count; x++, pixel += p->pixel_stride)
            for (c = 0; c < p->channels; c++) packed[x * p->channels + c] = pixel[c * p->channel_stride];
        for (x = 0; x < p->line; x++) sums[x] += weight * packed[x];
    }
    for (x = 0; x < p->line; x++) middle[x] = (int16_t)((sums[x] + 128) >> 8);
}

#endif
