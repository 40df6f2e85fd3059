/* Random calls of the face aligner, every implementation on each: equal bits, no byte touched outside.
 *
 *     check_align CASES     prints "calls N", then one line per implementation: its name and a hash of all outputs
 *
 * Buffers are exactly as large as the frames reach, so that AddressSanitizer detects the first byte beyond.
 */
#include "align.h"
#include "random_calls.h"

typedef struct {
    fe_frame frame; /* with pixels inside buffer */
    fe_sampling sampling;
    uint8_t *buffer;
    int64_t out_height, out_width;
} test_case;

static const int64_t one = (int64_t)1 << 32;

static int64_t random_side(void)
{
    if (one_in(200)) return random_between(500, 5000);
    return one_in(4) ? random_between(20, 130) : random_between(1, 20);
}

/* Layouts that people have: packed, RGBA, the last three of four, rows with gaps, planar, every second pixel, grey. */
static void random_strides(fe_frame *f)
{
    const ptrdiff_t width = (ptrdiff_t)f->width, height = (ptrdiff_t)f->height;
    const int kind = (int)random_between(0, 6);
    f->channel_stride = kind == 6 ? 0 : 1;
    f->pixel_stride = kind == 1 ? 4 : kind == 2 ? 6 : kind == 6 ? 1 : 3;
    f->row_stride = width * f->pixel_stride + (kind == 3 ? (ptrdiff_t)random_between(0, 70) : 0);
    if (kind == 4) { /* planar */
        f->pixel_stride = 1;
        f->row_stride = width;
        f->channel_stride = width * height;
    }
    if (one_in(10)) f->row_stride = 0; /* one row, again and again */
    if (one_in(3)) f->channel_stride = -f->channel_stride;
    if (one_in(8)) f->pixel_stride = -f->pixel_stride;
    if (one_in(8)) f->row_stride = -f->row_stride;
}

/* Allocates from the lowest to the highest byte that the strides reach, and puts `pixels` where (0, 0) is then. */
static void place_frame(test_case *c)
{
    fe_frame *f = &c->frame;
    const ptrdiff_t reaches[3] = {f->row_stride * (ptrdiff_t)(f->height - 1),
                                  f->pixel_stride * (ptrdiff_t)(f->width - 1), f->channel_stride * 2};
    ptrdiff_t low = 0, high = 0;
    int k;
    for (k = 0; k < 3; k++) {
        if (reaches[k] < 0) low += reaches[k];
        if (reaches[k] > 0) high += reaches[k];
    }
    c->buffer = must_allocate((size_t)(high - low + 1));
    random_fill(c->buffer, (size_t)(high - low + 1));
    f->pixels = c->buffer - low;
}

/* A crop that lies on the frame, or partly or wholly beside it, by little or by as much as the numbers hold. */
static void random_sampling(test_case *c)
{
    fe_sampling *s = &c->sampling;
    const int64_t side = c->frame.width > c->frame.height ? c->frame.width : c->frame.height;
    const int64_t outputs = c->out_width > c->out_height ? c->out_width : c->out_height;
    int64_t step;
    s->samples = one_in(80) ? random_between(1, FE_MAX_SAMPLES) : random_between(1, 4);
    step = 2 * side * one / (outputs * s->samples);
    if (one_in(100)) step = ((int64_t)1 << 59) / (outputs * s->samples) - 1;
    s->dx = random_between(-step, step);
    s->dy = one_in(5) ? 0 : random_between(-step, step);
    s->x0 = random_between(-side * one / 2, 3 * side * one / 2);
    s->y0 = random_between(-side * one / 2, 3 * side * one / 2);
    if (one_in(3)) s->x0 = s->y0 = 0;
    if (one_in(100)) s->x0 = -((int64_t)1 << 59) + 1;
    if (one_in(100)) s->y0 = ((int64_t)1 << 59) - 1;
}

static test_case random_case(void)
{
    test_case c;
    memset(&c, 0, sizeof c);
    c.frame.height = random_side();
    c.frame.width = c.frame.height > 500 ? random_between(1, 20) : random_side();
    if (c.frame.width > 500) c.frame.height = random_between(1, 20);
    c.out_height = one_in(100) ? random_between(1, 218) : random_between(1, 6);
    c.out_width = one_in(100) ? random_between(1, 600) : random_between(1, 20);
    random_strides(&c.frame);
    place_frame(&c);
    random_sampling(&c);
    return c;
}

/* Calls that the definition does not allow: refused, with nothing written. */
static void check_refusals(const test_case *good, long long number)
{
    fe_frame frame = good->frame;
    fe_sampling sampling = good->sampling;
    int64_t height = good->out_height, width = good->out_width;
    uint8_t untouched = 77;
    switch (random_between(0, 9)) {
    case 0: frame.pixels = NULL; break;
    case 1: frame.height = 0; break;
    case 2: frame.width = FE_MAX_FRAME + 1; break;
    case 3: sampling.samples = 0; break;
    case 4: sampling.samples = FE_MAX_SAMPLES + 1; break;
    case 5: height = 0; break;
    case 6: width = FE_MAX_OUTPUT + 1; break;
    case 7: sampling.dx = INT64_MIN; break;
    case 8: sampling.y0 = INT64_MAX; break;
    default: sampling.dy = ((int64_t)1 << 59) / (sampling.samples * (width > height ? width : height)); break;
    }
    if (fe_align(FE_PORTABLE, &frame, &sampling, height, width, &untouched) != FE_BAD_ARGUMENT || untouched != 77)
        fail("a bad call was not refused", number);
}

static long long calls = 0;

static void run_case(const test_case *c, uint64_t *hashes, long long number)
{
    const size_t bytes = (size_t)(c->out_height * c->out_width * 3);
    uint8_t *out = must_allocate(bytes), *first = must_allocate(bytes);
    int isa;
    for (isa = 0; isa < FE_ISA_COUNT; isa++) {
        if (!fe_isa_available((fe_isa)isa)) continue;
        memset(out, 77, bytes);
        if (fe_align((fe_isa)isa, &c->frame, &c->sampling, c->out_height, c->out_width, out) != FE_OK)
            fail("align", number);
        calls++;
        if (isa == FE_PORTABLE) memcpy(first, out, bytes);
        if (memcmp(first, out, bytes) != 0) fail(fe_isa_name((fe_isa)isa), number);
        hashes[isa] = hash_bytes(hashes[isa], out, bytes);
    }
    free(out);
    free(first);
}

int main(int argc, char **argv)
{
    const long long cases = argc > 1 ? atoll(argv[1]) : 1000;
    uint64_t hashes[FE_ISA_COUNT];
    long long number;
    int isa;
    for (isa = 0; isa < FE_ISA_COUNT; isa++) hashes[isa] = HASH_SEED;
    for (number = 0; number < cases; number++) {
        test_case c = random_case();
        run_case(&c, hashes, number);
        check_refusals(&c, number);
        free(c.buffer);
    }
    printf("calls %lld\n", calls);
    for (isa = 0; isa < FE_ISA_COUNT; isa++)
        if (fe_isa_available((fe_isa)isa))
            printf("%s %016llx\n", fe_isa_name((fe_isa)isa), (unsigned long long)hashes[isa]);
    return 0;
}
