#include "align.h"

#include <string.h>

#include "align_portable.h"

#if defined(__GNUC__) && defined(__x86_64__)
#include "align_avx2.h"
#define FE_ALIGN_X86(function) function
#else
#define FE_ALIGN_X86(function) NULL
#endif

#if defined(__aarch64__) && defined(__ARM_NEON)
#include "align_neon.h"
#define FE_ALIGN_ARM(function) function
#else
#define FE_ALIGN_ARM(function) NULL
#endif

/* The order of work: output rows in stretches of at most FE_POINTS points; for each row of points of a stretch, place
 * them (positions -> addresses and weights), then gather and add them up; last, divide and round. */

typedef struct {
    fe_place place, place_inside;
    fe_gather gather;
    fe_align_finish finish;
    int reads_8; /* reads 8 bytes from the first channel of a point's left neighbour on, whatever the strides */
} fe_align_engine;

static const fe_align_engine fe_align_engines[FE_ISA_COUNT] = {
    {fe_portable_place, fe_portable_place_inside, fe_portable_gather, fe_align_portable_finish, 0},
    {FE_ALIGN_X86(fe_avx2_place), FE_ALIGN_X86(fe_avx2_place_inside), FE_ALIGN_X86(fe_avx2_gather),
     FE_ALIGN_X86(fe_align_avx2_finish), 1},
    {FE_ALIGN_X86(fe_avx512_place), FE_ALIGN_X86(fe_avx512_place_inside), FE_ALIGN_X86(fe_avx2_gather),
     FE_ALIGN_X86(fe_align_avx2_finish), 1},
    {FE_ALIGN_ARM(fe_portable_place), FE_ALIGN_ARM(fe_portable_place_inside), FE_ALIGN_ARM(fe_neon_gather),
     FE_ALIGN_ARM(fe_align_neon_finish), 1},
};

/* Everything about one call that does not change from row to row. */
typedef struct {
    const fe_frame *frame;
    const fe_align_engine *engine;
    int fast;       /* the engine's own gather fits the frame's strides; otherwise the portable one works */
    int small;      /* addresses in the frame fit 32 bits */
    int64_t safe_x; /* the last left neighbour whose right one, or 8 bytes where so many are read, lie in the row */
} fe_align_job;

/* Whether both neighbours' channels lie within 8 bytes, neighbours one after the other. */
static int fe_is_packed(const fe_frame *f)
{
    return f->width > 1 && f->pixel_stride >= 1 && f->pixel_stride <= 4 && f->channel_stride >= -1 &&
           f->channel_stride <= 1;
}

static int64_t fe_safe_x(const fe_frame *f)
{
    const ptrdiff_t own = f->channel_stride ? 3 : 1;
    return f->width - 1 - (8 - own + f->pixel_stride - 1) / f->pixel_stride;
}

/* Whether every offset in the frame fits 31 bits. */
static int fe_is_small(const fe_frame *f)
{
    const int64_t most = INT32_MAX / 2;
    const int64_t rows = f->row_stride < 0 ? -(int64_t)f->row_stride : (int64_t)f->row_stride;
    const int64_t pixels = f->pixel_stride < 0 ? -(int64_t)f->pixel_stride : (int64_t)f->pixel_stride;
    return rows <= most / f->height && pixels <= most / f->width;
}

/* Whether positions from `first` on, in `count` steps of `step`, lie in pixels 0 to last. */
static int fe_within(int64_t first, int64_t step, int64_t count, int64_t last)
{
    const int64_t end = first + (count - 1) * step;
    return first >= 0 && end >= 0 && first >> 32 <= last && end >> 32 <= last;
}

/* Copies what a point needs of one row, 2 to 7 bytes; a call to memcpy would cost more than the point. */
static void fe_copy_few(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (bytes < 4) {
        to[0] = from[0], to[1] = from[1], to[bytes - 1] = from[bytes - 1];
    } else {
        memcpy(to, from, 4);
        memcpy(to + bytes - 4, from + bytes - 4, 4);
    }
}

/* Copies what the points need to `stage`, 16 bytes each, where 8 may be read from anywhere. */
static void fe_stage(fe_points *points, int32_t count, uint8_t *stage)
{
    const size_t bytes = (size_t)(points->right + (points->channel ? 3 : 1));
    int32_t k;
    for (k = 0; k < count; k++) {
        const uint8_t *at = points->base + points->offset[k];
        fe_copy_few(stage + FE_STAGE * k, at, bytes);
        fe_copy_few(stage + FE_STAGE * k + 8, at + points->down, bytes);
        points->offset[k] = (ptrdiff_t)FE_STAGE * k;
    }
    points->base = stage;
    points->down = 8;
}

/* One row of points from position (x, y) on, `samples` to each of `pixels` outputs. */
static void fe_align_row(const fe_align_job *job, const fe_sampling *s, int32_t pixels, int64_t x, int64_t y,
                         uint32_t *sums)
{
    const fe_frame *f = job->frame;
    const fe_align_engine *engine = job->engine;
    const int32_t samples = (int32_t)s->samples, count = pixels * samples;
    fe_points points;
    points.right = f->width > 1 ? f->pixel_stride : 0;
    points.down = f->height > 1 ? f->row_stride : 0;
    points.channel = f->channel_stride;
    points.base = job->fast && f->channel_stride < 0 ? f->pixels + 2 * f->channel_stride : f->pixels;
    if (job->small && fe_within(x, s->dx, count, job->safe_x) && fe_within(y, s->dy, count, f->height - 2))
        engine->place_inside(f, &points, count, x, y, s->dx, s->dy);
    else
        engine->place(f, &points, count, x, y, s->dx, s->dy);
    if (!job->fast) {
        fe_portable_gather(&points, pixels, samples, sums);
    } else if (x >> 32 <= job->safe_x && (x + (count - 1) * s->dx) >> 32 <= job->safe_x) {
        engine->gather(&points, pixels, samples, sums);
    } else {
        uint8_t stage[FE_STAGE * FE_POINTS];
        fe_stage(&points, count, stage);
        engine->gather(&points, pixels, samples, sums);
    }
}

/* `pixels` outputs of row v from column u on. */
static void fe_align_stretch(const fe_align_job *job, const fe_sampling *s, int64_t u, int64_t v, int32_t pixels,
                             uint8_t *out)
{
    const int32_t area = (int32_t)(s->samples * s->samples);
    uint32_t sums[4 * FE_POINTS];
    int64_t i;
    int32_t k;
    for (k = 0; k < 4 * pixels; k++) sums[k] = (uint32_t)area << 13;
    for (i = 0; i < s->samples; i++) {
        const int64_t across = u * s->samples, along = v * s->samples + i;
        fe_align_row(job, s, pixels, s->x0 + across * s->dx - along * s->dy, s->y0 + across * s->dy + along * s->dx,
                     sums);
    }
    job->engine->finish(sums, pixels, area, out);
}

/* Positions stay below 2^61 if each term does, and so no sum overflows. */
static int fe_terms_fit(const fe_sampling *s, int64_t out_height, int64_t out_width)
{
    const int64_t most = (int64_t)1 << 59;
    const int64_t points = s->samples * (out_height > out_width ? out_height : out_width);
    const int64_t step = most / points;
    return s->x0 > -most && s->x0 < most && s->y0 > -most && s->y0 < most && s->dx > -step && s->dx < step &&
           s->dy > -step && s->dy < step;
}

static int fe_align_allowed(const fe_frame *f, const fe_sampling *s, int64_t out_height, int64_t out_width)
{
    return f->pixels && f->height >= 1 && f->height <= FE_MAX_FRAME && f->width >= 1 && f->width <= FE_MAX_FRAME &&
           s->samples >= 1 && s->samples <= FE_MAX_SAMPLES && out_height >= 1 && out_height <= FE_MAX_OUTPUT &&
           out_width >= 1 && out_width <= FE_MAX_OUTPUT && fe_terms_fit(s, out_height, out_width);
}

fe_status fe_align(fe_isa isa, const fe_frame *frame, const fe_sampling *sampling, int64_t out_height,
                   int64_t out_width, uint8_t *out)
{
    fe_align_job job;
    int64_t u, v, pixels;
    if (!frame || !sampling || !out || !fe_align_allowed(frame, sampling, out_height, out_width))
        return FE_BAD_ARGUMENT;
    if (!fe_isa_available(isa)) return FE_NOT_AVAILABLE;
    job.frame = frame;
    job.engine = &fe_align_engines[fe_align_engines[isa].gather ? isa : FE_PORTABLE];
    job.fast = job.engine->reads_8 && fe_is_packed(frame) && fe_safe_x(frame) >= 0;
    job.small = fe_is_small(frame);
    job.safe_x = job.fast ? fe_safe_x(frame) : frame->width - 2;
    pixels = FE_POINTS / sampling->samples;
    for (v = 0; v < out_height; v++)
        for (u = 0; u < out_width; u += pixels) {
            const int64_t left = out_width - u;
            fe_align_stretch(&job, sampling, u, v, (int32_t)(left < pixels ? left : pixels),
                             out + 3 * (v * out_width + u));
        }
    return FE_OK;
}
