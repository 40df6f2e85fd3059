/* Inside of prep.c: the plan, and how its weights are made. Not for inclusion elsewhere. */
#ifndef FACEDGE_PREP_PLAN_H
#define FACEDGE_PREP_PLAN_H

#include <stdlib.h>
#include <string.h>

#include "prep.h"

/* A vertical weight w of 0..4096 is kept as two bytes, w = 64 high + low. Then 16-bit lanes hold every sum: over all
 * rows sum(high * byte) <= 64 * 255, and sum(low * byte) over four rows <= 4 * 63 * 255 before it is carried over. */
typedef struct {
    uint16_t high, low; /* each: the even row's part | the odd row's part << 8, as pmaddubsw wants them */
} fe_pair;

typedef struct {
    int32_t first;     /* row of the image */
    int32_t count;     /* rows */
    int32_t fresh;     /* the first of them, that the next output does not take as well */
    int32_t offset;    /* of its pairs in plan->pairs */
    int32_t any_low;   /* 0 when all low parts are 0, as in an exact halving */
} fe_rows;

/* Pairs of rows: where count is odd, the last pair's odd row has weight 0 and may not exist. */
static inline int32_t fe_pairs_of(int32_t count) { return (count + 1) / 2; }

enum { FE_LANES = 16, FE_SLACK = 160 }; /* taps are padded to a multiple of FE_LANES; values past a line's end */
enum { FE_OUT_AHEAD = 4096 }; /* bytes of output that are fetched before they are written */
enum { FE_LINES = 4 }; /* output rows that are in work at a time, at most: they share what is loaded for them */
struct fe_plan {
    int32_t height, out_height, out_width;
    int32_t channels;       /* 1 or 3 */
    int32_t direct;         /* the kernel reads rows in place; otherwise it packs them pixel by pixel */
    int32_t first_pixel, pixel_count;
    int32_t line;           /* bytes of a row that are read in place, or once packed */
    int32_t last_row;       /* last row with a weight */
    int32_t ahead;          /* rows from the one that is read to the one to prefetch */
    int32_t taps;           /* per output, padded */
    ptrdiff_t pixel_stride, channel_stride;
    ptrdiff_t byte_offset;  /* from pixel (0, 0) of an image to the first byte of the line */
    fe_rows *rows;          /* out_height */
    fe_pair *pairs;
    int32_t *starts;        /* out_width: first tap in the line */
    int16_t *weights;       /* out_width * taps */
    int32_t quads;          /* taps / 4 without the padding, where windows exist; else 0 */
    int32_t *window_starts; /* see fe_plan_windows */
    uint16_t *window_taps;
    int16_t *window_weights;
};

enum { FE_WINDOW = 64, FE_WINDOW_OUTPUTS = 8, FE_HALF_LINE = 16 }; /* the last: 32 bytes of values */

/* Zeros that begin a cache line, so that no vector of them straddles two; freed by fe_table_free. */
static void *fe_table(size_t count, size_t size)
{
    unsigned char *raw = calloc(1, count * size + sizeof(void *) + 64), *at;
    if (!raw) return NULL;
    at = raw + sizeof(void *);
    at += (64 - (uintptr_t)at % 64) % 64;
    memcpy(at - sizeof(void *), &raw, sizeof(void *));
    return at;
}

static void fe_table_free(void *table)
{
    void *raw;
    if (!table) return;
    memcpy(&raw, (unsigned char *)table - sizeof(void *), sizeof(void *));
    free(raw);
}

static inline int32_t fe_row_weight(const fe_plan *p, const fe_rows *r, int32_t k)
{
    fe_pair pair = p->pairs[r->offset + k / 2];
    int shift = k % 2 ? 8 : 0;
    return 64 * (pair.high >> shift & 255) + (pair.low >> shift & 255);
}

/* One axis: unit, start(o) and length of axis() in facedge/preprocessing/reference.py. */
typedef struct {
    int64_t pixels, outputs, begin, span, unit, length;
} fe_axis;

static fe_axis fe_axis_of(int64_t pixels, int64_t outputs, int64_t begin, int64_t end)
{
    fe_axis a = {pixels, outputs, begin, end - begin, 0, 0};
    int area = a.span >= FE_FRACTION * outputs;
    a.unit = (area ? 1 : 2) * FE_FRACTION * outputs;
    a.length = area ? a.span : a.unit;
    return a;
}

static int64_t fe_axis_start(const fe_axis *a, int64_t o)
{
    int64_t centre, last = (a->pixels - 1) * a->unit;
    if (a->span >= FE_FRACTION * a->outputs) return a->begin * a->outputs + o * a->span;
    centre = 2 * a->begin * a->outputs + (2 * o + 1) * a->span - FE_FRACTION * a->outputs;
    return centre < 0 ? 0 : centre > last ? last : centre;
}

/* Pixels that output o may touch: first..last. */
static void fe_axis_range(const fe_axis *a, int64_t o, int64_t *first, int64_t *last)
{
    int64_t start = fe_axis_start(a, o);
    *first = start / a->unit;
    *last = (start + a->length - 1) / a->unit;
}

/* round(4096 c) up to the edge before pixel x. */
static int64_t fe_cumulative(const fe_axis *a, int64_t start, int64_t x)
{
    int64_t covered = a->unit * x - start;
    covered = covered < 0 ? 0 : covered > a->length ? a->length : covered;
    return (2 * 4096 * covered + a->length) / (2 * a->length);
}

/* How many of the first units of a weight are red, green and blue. */
static void fe_split(int64_t units, int64_t colours[3])
{
    const int64_t red = 19595, green = 38470, blue = 7471;
    int64_t rest;
    colours[0] = (2 * red * units + 65536) / (2 * 65536);
    rest = units - colours[0];
    colours[1] = (2 * green * rest + green + blue) / (2 * (green + blue));
    colours[2] = rest - colours[1];
}

static void fe_keep_one(int channel, int64_t colours[3])
{
    const int64_t units = colours[0];
    colours[0] = colours[1] = colours[2] = 0;
    colours[channel] = units;
}

/* Asks for what lies `bytes` on from `at`, wherever that is: past the end of an image nothing happens. */
#ifdef __GNUC__
#define fe_address(at, bytes) ((const void *)((uintptr_t)(at) + (uintptr_t)(ptrdiff_t)(bytes)))
#define fe_prefetch(at, bytes) __builtin_prefetch(fe_address(at, bytes), 0, 2) /* into L2: more can be under way */
#define fe_prefetch_to_write(at, bytes) __builtin_prefetch(fe_address(at, bytes), 1, 3)
#else
#define fe_prefetch(at, bytes) ((void)(at), (void)(bytes))
#define fe_prefetch_to_write(at, bytes) ((void)(at), (void)(bytes))
#endif

static int fe_geometry_ok(const fe_geometry *g)
{
    const int64_t *b = g->box;
    if (g->height < 1 || g->height > FE_MAX_SIDE || g->width < 1 || g->width > FE_MAX_SIDE) return 0;
    if (g->out_height < 1 || g->out_height > FE_MAX_OUTPUT || g->out_width < 1 || g->out_width > FE_MAX_OUTPUT)
        return 0;
    if (g->channels != 1 && g->channels != 3) return 0;
    if (b[0] < 0 || b[1] < 0 || b[2] > g->width * FE_FRACTION || b[3] > g->height * FE_FRACTION) return 0;
    return b[0] < b[2] && b[1] < b[3];
}

/* Rows of packed RGB, BGR (a view with a negative channel stride), RGBA and grey are read in place. */
static void fe_plan_layout(fe_plan *p, const fe_geometry *g, int64_t first, int64_t last)
{
    int64_t step = g->width == 1 ? g->channels : g->pixel_stride;
    int64_t turn = g->channels == 1 ? 1 : g->channel_stride;
    p->direct = g->channels == 1 ? step == 1 : (step == 3 || step == 4) && (turn == 1 || turn == -1);
    p->pixel_stride = g->width == 1 ? g->channels : g->pixel_stride;
    p->channel_stride = g->channel_stride;
    p->first_pixel = (int32_t)first;
    p->pixel_count = (int32_t)(last - first + 1);
    if (!p->direct) step = g->channels;
    p->line = (int32_t)((p->pixel_count - 1) * step + g->channels);
    p->byte_offset = (ptrdiff_t)first * p->pixel_stride;
    if (p->direct && turn == -1) p->byte_offset -= 2;
}

static void fe_plan_rows(fe_plan *p, const fe_axis *a)
{
    int32_t offset = 0;
    int64_t o, first, last, row;
    for (o = 0; o < a->outputs; o++) {
        fe_rows *r = &p->rows[o];
        int64_t start = fe_axis_start(a, o), before = 0;
        fe_axis_range(a, o, &first, &last);
        r->first = (int32_t)first;
        r->count = (int32_t)(last - first + 1);
        r->offset = offset;
        r->any_low = 0;
        for (row = first; row <= last; row++) {
            int64_t until = fe_cumulative(a, start, row + 1), w = until - before;
            fe_pair *pair = &p->pairs[offset + (row - first) / 2];
            int shift = (row - first) % 2 ? 8 : 0;
            pair->high = (uint16_t)(pair->high | (w / 64) << shift);
            pair->low = (uint16_t)(pair->low | (w % 64) << shift);
            r->any_low |= (int32_t)(w % 64);
            before = until;
        }
        p->last_row = (int32_t)last;
        r->fresh = r->count;
        if (o) p->rows[o - 1].fresh = r->first - p->rows[o - 1].first;
        offset += fe_pairs_of(r->count);
    }
}

/* alone: the only channel that counts, 0 to 2, with the weights of a grey image; -1: their luma. */
static void fe_plan_columns(fe_plan *p, const fe_axis *a, const fe_geometry *g, int alone)
{
    int64_t step = p->direct && p->pixel_count > 1 ? p->pixel_stride : g->channels;
    int64_t turned = p->direct && g->channels == 3 && g->channel_stride == -1;
    int64_t o, first, last, x, k;
    for (o = 0; o < a->outputs; o++) {
        int16_t *w = p->weights + o * p->taps;
        int64_t start = fe_axis_start(a, o), before[3] = {0}, until[3];
        fe_axis_range(a, o, &first, &last);
        p->starts[o] = (int32_t)((first - p->first_pixel) * step);
        for (x = first; x <= last; x++) {
            until[0] = fe_cumulative(a, start, x + 1);
            if (alone >= 0)
                fe_keep_one(alone, until);
            else if (g->channels == 3)
                fe_split(until[0], until);
            for (k = 0; k < g->channels; k++) {
                w[(x - first) * step + (turned ? 2 - k : k)] = (int16_t)(until[k] - before[k]);
                before[k] = until[k];
            }
        }
    }
}

/* Each eight outputs' window of the line begins at a multiple of `step`, at or before the first one's start. */
static int fe_windows_fit(const fe_plan *p, int32_t quads, int32_t step)
{
    int32_t o, begin;
    for (o = 0; o < p->out_width; o++) {
        begin = p->starts[o - o % FE_WINDOW_OUTPUTS] / step * step;
        if (p->starts[o] - begin + 4 * quads > FE_WINDOW) return 0;
    }
    return 1;
}

/* Where the taps of eight neighbouring outputs lie within 64 values (reductions up to some 2.2 in colour), an engine can
 * pick them out of registers: for each eight, where their window begins, four positions an output in it, and the weights
 * of each further four taps. At half cache lines, where that fits: a load across two lines costs nearly twice. */
static fe_status fe_plan_windows(fe_plan *p, int64_t used)
{
    const int32_t quads = (int32_t)((used + 3) / 4), groups = (p->out_width + 15) / 16 * 2;
    const int32_t step = fe_windows_fit(p, quads, FE_HALF_LINE) ? FE_HALF_LINE : 1;
    int32_t g, o, q, t;
    if (!fe_windows_fit(p, quads, step)) return FE_OK;
    p->window_starts = fe_table((size_t)groups, sizeof *p->window_starts);
    p->window_taps = fe_table((size_t)groups * 32, sizeof *p->window_taps);
    p->window_weights = fe_table((size_t)groups * 32 * (size_t)quads, sizeof *p->window_weights);
    if (!p->window_starts || !p->window_taps || !p->window_weights) return FE_NO_MEMORY;
    p->quads = quads;
    for (o = 0; o < p->out_width; o++) {
        g = o / FE_WINDOW_OUTPUTS;
        if (o % FE_WINDOW_OUTPUTS == 0) p->window_starts[g] = p->starts[o] / step * step;
        for (t = 0; t < 4; t++) {
            int32_t lane = o % FE_WINDOW_OUTPUTS * 4 + t;
            p->window_taps[32 * g + lane] = (uint16_t)(p->starts[o] - p->window_starts[g] + t);
            for (q = 0; q < quads; q++)
                p->window_weights[32 * (g * quads + q) + lane] = p->weights[(ptrdiff_t)o * p->taps + 4 * q + t];
        }
    }
    return FE_OK;
}

/* The most values, over the outputs of an axis, of last - first + 1; their sum of pairs where asked for. */
static int64_t fe_axis_widest(const fe_axis *a, int64_t *pairs)
{
    int64_t o, first, last, widest = 0;
    *pairs = 0;
    for (o = 0; o < a->outputs; o++) {
        fe_axis_range(a, o, &first, &last);
        if (last - first + 1 > widest) widest = last - first + 1;
        *pairs += fe_pairs_of((int32_t)(last - first + 1));
    }
    return widest;
}

static fe_status fe_plan_build(const fe_geometry *g, int alone, fe_plan **plan)
{
    fe_axis x, y;
    fe_plan *p;
    int64_t widest, tall, pairs, ignored, first, last, step;
    size_t wide;
    if (!plan) return FE_BAD_ARGUMENT;
    *plan = NULL;
    if (!g || !fe_geometry_ok(g)) return FE_BAD_ARGUMENT;
    x = fe_axis_of(g->width, g->out_width, g->box[0], g->box[2]);
    y = fe_axis_of(g->height, g->out_height, g->box[1], g->box[3]);
    tall = fe_axis_widest(&y, &pairs);
    widest = fe_axis_widest(&x, &ignored);
    p = calloc(1, sizeof *p);
    if (!p) return FE_NO_MEMORY;
    p->height = (int32_t)g->height;
    p->out_height = (int32_t)g->out_height;
    p->out_width = (int32_t)g->out_width;
    p->channels = (int32_t)g->channels;
    fe_axis_range(&x, 0, &first, &last);
    fe_axis_range(&x, g->out_width - 1, &ignored, &last);
    fe_plan_layout(p, g, first, last);
    step = p->direct ? p->pixel_stride : g->channels;
    p->taps = (int32_t)((widest * step + FE_LANES - 1) / FE_LANES * FE_LANES);
    p->ahead = (int32_t)(tall + 4 + 4096 / p->line);
    wide = ((size_t)g->out_width + FE_LANES - 1) / FE_LANES * FE_LANES; /* outputs that pad have weights of 0 */
    p->rows = fe_table((size_t)g->out_height, sizeof *p->rows);
    p->pairs = fe_table((size_t)pairs, sizeof *p->pairs);
    p->starts = fe_table(wide, sizeof *p->starts);
    p->weights = fe_table(wide * (size_t)p->taps, sizeof *p->weights);
    if (!p->rows || !p->pairs || !p->starts || !p->weights) {
        fe_plan_destroy(p);
        return FE_NO_MEMORY;
    }
    fe_plan_rows(p, &y);
    fe_plan_columns(p, &x, g, alone);
    if (fe_plan_windows(p, widest * step) != FE_OK) {
        fe_plan_destroy(p);
        return FE_NO_MEMORY;
    }
    *plan = p;
    return FE_OK;
}

fe_status fe_plan_create(const fe_geometry *g, fe_plan **plan) { return fe_plan_build(g, -1, plan); }

void fe_plan_destroy(fe_plan *p)
{
    if (!p) return;
    fe_table_free(p->rows);
    fe_table_free(p->pairs);
    fe_table_free(p->starts);
    fe_table_free(p->weights);
    fe_table_free(p->window_starts);
    fe_table_free(p->window_taps);
    fe_table_free(p->window_weights);
    free(p);
}

fe_status fe_planes_create(const fe_geometry *g, fe_plan *planes[3])
{
    fe_status status = g && g->channels == 3 ? FE_OK : FE_BAD_ARGUMENT;
    int k;
    if (!planes) return FE_BAD_ARGUMENT;
    planes[0] = planes[1] = planes[2] = NULL;
    for (k = 0; k < 3 && status == FE_OK; k++) status = fe_plan_build(g, k, &planes[k]);
    if (status != FE_OK) fe_planes_destroy(planes);
    return status;
}

void fe_planes_destroy(fe_plan *planes[3])
{
    int k;
    for (k = 0; k < 3; k++) {
        fe_plan_destroy(planes[k]);
        planes[k] = NULL;
    }
}

#endif
