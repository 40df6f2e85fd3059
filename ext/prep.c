#include "prep.h"

#include "prep_plan.h"
#include "prep_portable.h"
#include "prep_run.h"

#if defined(__GNUC__) && defined(__x86_64__)
#include "prep_avx2.h"
#include "prep_windows512.h"
#define FE_X86(function) function
#else
#define FE_X86(function) NULL
#endif

#if defined(__aarch64__) && defined(__ARM_NEON)
#include "prep_neon.h"
#define FE_ARM(function) function
#else
#define FE_ARM(function) NULL
#endif

#if defined(__wasm_simd128__)
#include "prep_simd128.h"
#define FE_WASM(function) function
#else
#define FE_WASM(function) NULL
#endif

/* The order of work: for each output row, weight and sum the image's rows on the packed bytes as they lie in memory
 * (vertical), then one multiply-add pass over that line per output (horizontal), with the luma in its weights. All
 * integers, all below 2^24: any order of summation gives the same bits. */

typedef void (*fe_vertical)(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride,
                            ptrdiff_t ahead, void *scratch, int16_t *middle);
typedef void (*fe_horizontal)(const fe_plan *p, const int16_t *middle, int32_t *total);
typedef void (*fe_finish)(const int32_t *total, float *floats, uint8_t *bytes, int32_t n); /* one of the two is NULL */
typedef void (*fe_windows)(const fe_plan *p, const int16_t *middle, ptrdiff_t stride, int32_t lines, float *floats,
                           uint8_t *bytes, fe_waiting *run); /* up to FE_LINES lines, from sums to outputs */

typedef struct {
    const char *name;
    fe_vertical vertical;
    fe_horizontal horizontal;
    fe_finish finish;
    fe_windows windows; /* in place of the two above where the plan has windows; NULL where there is no such thing */
} fe_engine;

static const fe_engine fe_engines[FE_ISA_COUNT] = {
    {"portable", fe_portable_vertical, fe_portable_horizontal, fe_portable_finish, NULL},
    {"avx2", FE_X86(fe_avx2_vertical), FE_X86(fe_avx2_horizontal), FE_X86(fe_avx2_finish), NULL},
    {"avx512", FE_X86(fe_avx512_vertical), FE_X86(fe_avx512_horizontal), FE_X86(fe_avx512_finish),
     FE_X86(fe_avx512_windows)},
    {"neon", FE_ARM(fe_neon_vertical), FE_ARM(fe_neon_horizontal), FE_ARM(fe_portable_finish), NULL},
    {"simd128", FE_WASM(fe_simd128_vertical), FE_WASM(fe_simd128_horizontal), FE_WASM(fe_portable_finish), NULL},
};

int fe_isa_available(fe_isa isa)
{
    if ((int)isa < 0 || isa >= FE_ISA_COUNT || !fe_engines[isa].vertical) return 0;
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == FE_AVX2) return __builtin_cpu_supports("avx2") != 0;
    if (isa == FE_AVX512) return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return 1;
}

fe_isa fe_best_isa(void)
{
    int isa;
    for (isa = FE_ISA_COUNT - 1; isa > 0; isa--)
        if (fe_isa_available((fe_isa)isa)) return (fe_isa)isa;
    return FE_PORTABLE;
}

const char *fe_isa_name(fe_isa isa)
{
    return (int)isa < 0 || isa >= FE_ISA_COUNT ? NULL : fe_engines[isa].name;
}

/* The lines that a call works on, one allocation: what they hold never outlives the call. */
typedef struct {
    int16_t *middle; /* FE_LINES sums of the vertical pass, and zeros behind each for the taps that pad */
    int32_t *total;  /* one line of outputs */
    void *rest; /* of the vertical pass: 32-bit sums and a packed line, or two lines of 16-bit sums */
    ptrdiff_t stride; /* from a line of `middle` to the next, in values */
    void *memory;
} fe_scratch;

static size_t fe_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

static fe_status fe_scratch_create(const fe_plan *p, fe_scratch *s)
{
    size_t middle = fe_lines(((size_t)p->line + (size_t)p->taps + FE_SLACK) * sizeof *s->middle);
    size_t total = fe_lines(((size_t)p->out_width + FE_LANES) * sizeof *s->total);
    size_t rest = fe_lines((size_t)p->line * 5);
    unsigned char *memory = calloc(1, FE_LINES * middle + total + rest + 64);
    if (!memory) return FE_NO_MEMORY;
    s->memory = memory;
    memory += (64 - (uintptr_t)memory % 64) % 64;
    s->middle = (int16_t *)(void *)memory;
    s->total = (int32_t *)(void *)(memory + FE_LINES * middle);
    s->rest = memory + FE_LINES * middle + total;
    s->stride = (ptrdiff_t)(middle / sizeof *s->middle);
    return FE_OK;
}

/* Bytes from a row of `r` to the one to prefetch: some rows on, or that far into the next image. */
static ptrdiff_t fe_ahead(const fe_plan *p, const fe_rows *r, const fe_source *s)
{
    int32_t rows = p->last_row - p->rows[0].first + 1;
    return r->first + p->ahead > p->last_row ? s->image_stride + (p->ahead - rows) * s->row_stride
                                             : p->ahead * s->row_stride;
}

/* The engines prefetch every 64 bytes from a row's start; where rows do not start cache lines, one more is needed. */
static void fe_prefetch_ends(const fe_plan *p, const fe_rows *r, const uint8_t *line, ptrdiff_t stride, ptrdiff_t ahead)
{
    const uint8_t *end = line + r->first * stride + p->line - 1;
    int32_t k;
    for (k = 0; k < r->count; k++) fe_prefetch(end + k * stride, ahead);
}

/* Lines of a large output that are fetched early do not stall their first store. */
static void fe_prefetch_out(const float *at, size_t bytes)
{
    size_t x;
    for (x = 0; x < bytes; x += 64) fe_prefetch_to_write(at, FE_OUT_AHEAD + x);
}

typedef struct {
    const fe_plan *plan;
    fe_engine engine;
    fe_source source;
    fe_scratch scratch;
    int windows; /* outputs come straight from the engine's windows */
    fe_waiting *run; /* where outputs go past the caches, else NULL */
} fe_call;

/* `lines` sums, made ready by the vertical pass, into one of floats and bytes. */
static void fe_finish_rows(const fe_call *c, int32_t lines, float *floats, uint8_t *bytes)
{
    const fe_scratch *s = &c->scratch;
    if (floats && !c->run) fe_prefetch_out(floats, (size_t)lines * (size_t)c->plan->out_width * sizeof *floats);
    if (c->windows) {
        c->engine.windows(c->plan, s->middle, s->stride, lines, floats, bytes, c->run);
        return;
    }
    c->engine.horizontal(c->plan, s->middle, s->total);
    c->engine.finish(s->total, floats, bytes, c->plan->out_width);
}

/* The vertical pass of output rows o .. o + lines - 1 of the image that begins at `line`. */
static void fe_sum_rows(const fe_call *c, const uint8_t *line, int32_t o, int32_t lines)
{
    const fe_plan *p = c->plan;
    const fe_scratch *s = &c->scratch;
    int32_t k;
    for (k = 0; k < lines; k++) {
        const fe_rows *r = &p->rows[o + k];
        ptrdiff_t ahead = fe_ahead(p, r, &c->source);
        fe_prefetch_ends(p, r, line, c->source.row_stride, ahead);
        c->engine.vertical(p, r, line, c->source.row_stride, ahead, s->rest, s->middle + k * s->stride);
    }
}

static fe_status fe_prepare(const fe_plan *p, fe_isa isa, fe_source source, size_t count, float *floats,
                            uint8_t *bytes, ptrdiff_t out_stride)
{
    fe_call c;
    fe_waiting run = {{0}, 0};
    size_t n;
    int32_t o, lines;
    if (!p || !source.pixels || (!floats && !bytes)) return FE_BAD_ARGUMENT;
    if (!fe_isa_available(isa)) return FE_NOT_AVAILABLE;
    c.plan = p, c.engine = fe_engines[isa], c.source = source;
    if (fe_scratch_create(p, &c.scratch) != FE_OK) return FE_NO_MEMORY;
    if (!p->direct) c.engine.vertical = fe_strided_vertical;
    c.windows = c.engine.windows && p->quads;
    c.run = c.windows && floats && fe_run_fits(p, count, floats, out_stride) ? &run : NULL;
    for (n = 0; n < count; n++) {
        const uint8_t *line = source.pixels + (ptrdiff_t)n * source.image_stride + p->byte_offset;
        for (o = 0; o < p->out_height; o += lines) {
            ptrdiff_t at = (ptrdiff_t)n * out_stride + (ptrdiff_t)o * p->out_width;
            lines = !c.windows ? 1 : p->out_height - o < FE_LINES ? p->out_height - o : FE_LINES;
            fe_sum_rows(&c, line, o, lines);
            fe_finish_rows(&c, lines, floats ? floats + at : NULL, bytes ? bytes + at : NULL);
        }
    }
    if (c.run) fe_run_end(&run, floats + (ptrdiff_t)count * out_stride);
    free(c.scratch.memory);
    return FE_OK;
}

fe_status fe_prepare_f32(const fe_plan *plan, fe_isa isa, fe_source source, size_t count, float *out,
                         ptrdiff_t out_stride)
{
    return fe_prepare(plan, isa, source, count, out, NULL, out_stride);
}

fe_status fe_prepare_u8(const fe_plan *plan, fe_isa isa, fe_source source, size_t count, uint8_t *out,
                        ptrdiff_t out_stride)
{
    return fe_prepare(plan, isa, source, count, NULL, out, out_stride);
}

/* The vertical pass is the same for all three, and so made once. */
fe_status fe_prepare_planes(fe_plan *const planes[3], fe_isa isa, fe_source source, uint8_t *out, ptrdiff_t out_stride)
{
    fe_call c;
    const fe_plan *p;
    int32_t o, lines;
    int k;
    if (!planes || !planes[0] || !planes[1] || !planes[2] || !source.pixels || !out) return FE_BAD_ARGUMENT;
    if (!fe_isa_available(isa)) return FE_NOT_AVAILABLE;
    c.plan = p = planes[0], c.engine = fe_engines[isa], c.source = source, c.run = NULL;
    if (fe_scratch_create(p, &c.scratch) != FE_OK) return FE_NO_MEMORY;
    if (!p->direct) c.engine.vertical = fe_strided_vertical;
    c.windows = c.engine.windows && p->quads;
    for (o = 0; o < p->out_height; o += lines) {
        lines = !c.windows ? 1 : p->out_height - o < FE_LINES ? p->out_height - o : FE_LINES;
        fe_sum_rows(&c, source.pixels + p->byte_offset, o, lines);
        for (k = 0; k < 3; k++) {
            c.plan = planes[k];
            fe_finish_rows(&c, lines, NULL, out + k * out_stride + (ptrdiff_t)o * p->out_width);
        }
        c.plan = p;
    }
    free(c.scratch.memory);
    return FE_OK;
}
