/* Random calls of the preprocessing kernel, every implementation on each: equal bits, no byte touched outside.
 *
 *     check_prep CASES      prints "calls N", then one line per implementation: its name and a hash of all outputs
 *
 * Buffers are exactly as large as the images reach, so that AddressSanitizer detects the first byte beyond.
 */
#include "prep.h"
#include "random_calls.h"

typedef struct {
    fe_geometry geometry;
    fe_source source; /* with pixels inside buffer */
    uint8_t *buffer;
    size_t count;
} test_case;

static int64_t random_side(void)
{
    if (one_in(500)) return random_between(1000, FE_MAX_SIDE);
    if (one_in(10)) return random_between(40, 260);
    return random_between(1, 40);
}

static int64_t random_output(void)
{
    if (one_in(200)) return random_between(100, 512);
    if (one_in(8)) return 16 * random_between(1, 5); /* rows of whole cache lines */
    if (one_in(10)) return random_between(17, 112);
    return random_between(1, 20);
}

static void random_range(int64_t limit, int64_t *begin, int64_t *end)
{
    if (one_in(4)) { /* the whole axis */
        *begin = 0;
        *end = limit;
        return;
    }
    *begin = random_between(0, limit - 1);
    *end = random_between(*begin + 1, limit);
    if (one_in(3)) { /* whole pixels where possible */
        *begin = *begin / 256 * 256;
        *end = *end > *begin + 256 ? *end / 256 * 256 : *end;
    }
}

/* Strides of one of the layouts that people have: packed, RGBA, rows with gaps, planar, every second pixel. */
static void random_strides(test_case *c)
{
    fe_geometry *g = &c->geometry;
    const ptrdiff_t width = (ptrdiff_t)g->width, height = (ptrdiff_t)g->height;
    const int kind = (int)random_between(0, 5);
    g->channel_stride = 1;
    g->pixel_stride = kind == 1 ? 4 : kind == 2 ? (ptrdiff_t)(g->channels * 2) : (ptrdiff_t)g->channels;
    c->source.row_stride = width * g->pixel_stride + (kind == 3 ? (ptrdiff_t)random_between(0, 70) : 0);
    if (kind == 4) { /* planar */
        g->pixel_stride = 1;
        c->source.row_stride = width;
        g->channel_stride = width * height;
    }
    c->source.image_stride = kind == 4 ? width * height * (ptrdiff_t)g->channels : height * c->source.row_stride;
    if (one_in(5)) c->source.image_stride = 0; /* one image, several times */
    if (one_in(3)) g->channel_stride = -g->channel_stride;
    if (one_in(8)) g->pixel_stride = -g->pixel_stride;
    if (one_in(8)) c->source.row_stride = -c->source.row_stride;
    if (one_in(8)) c->source.image_stride = -c->source.image_stride;
}

/* Allocates from the lowest to the highest byte that the strides reach, and puts `pixels` where (0, 0) is then. */
static void place_images(test_case *c)
{
    const fe_geometry *g = &c->geometry;
    const ptrdiff_t strides[4] = {c->source.image_stride, c->source.row_stride, g->pixel_stride, g->channel_stride};
    const ptrdiff_t lengths[4] = {(ptrdiff_t)c->count, (ptrdiff_t)g->height, (ptrdiff_t)g->width,
                                  (ptrdiff_t)g->channels};
    ptrdiff_t low = 0, high = 0;
    int k;
    for (k = 0; k < 4; k++) {
        ptrdiff_t reach = strides[k] * (lengths[k] - 1);
        if (reach < 0) low += reach;
        if (reach > 0) high += reach;
    }
    c->buffer = must_allocate((size_t)(high - low + 1));
    random_fill(c->buffer, (size_t)(high - low + 1));
    c->source.pixels = c->buffer - low;
}

static test_case random_case(void)
{
    test_case c;
    fe_geometry *g = &c.geometry;
    memset(&c, 0, sizeof c);
    g->channels = one_in(4) ? 1 : 3;
    g->height = random_side();
    g->width = g->height > 1000 ? random_between(1, 20) : random_side();
    if (g->width > 1000) g->height = random_between(1, 20);
    g->out_height = random_output();
    g->out_width = random_output();
    random_range(g->width * FE_FRACTION, &g->box[0], &g->box[2]);
    random_range(g->height * FE_FRACTION, &g->box[1], &g->box[3]);
    c.count = (size_t)random_between(1, 3);
    random_strides(&c);
    place_images(&c);
    return c;
}

/* Geometries that the definition does not allow: refused, with no plan. */
static void check_refusals(const fe_geometry *good, long long number)
{
    fe_geometry bad = *good;
    fe_plan *plan = (fe_plan *)(void *)&bad;
    switch (random_between(0, 6)) {
    case 0: bad.box[0] = -1; break;
    case 1: bad.box[2] = good->width * FE_FRACTION + 1; break;
    case 2: bad.box[3] = bad.box[1]; break;
    case 3: bad.channels = 2; break;
    case 4: bad.height = FE_MAX_SIDE + 1; break;
    case 5: bad.out_width = 0; break;
    default: bad.out_height = FE_MAX_OUTPUT + 1; break;
    }
    if (fe_plan_create(&bad, &plan) != FE_BAD_ARGUMENT || plan) fail("a bad geometry was not refused", number);
}

static long long calls = 0;

/* Outputs begin anywhere in a cache line, and images may have a gap between them, that stays as it is. */
static void run_case(const test_case *c, const fe_plan *plan, uint64_t *hashes, long long number)
{
    const ptrdiff_t image = (ptrdiff_t)(c->geometry.out_height * c->geometry.out_width);
    const ptrdiff_t stride = image + (one_in(4) ? (ptrdiff_t)random_between(1, 20) : 0);
    const size_t offset = (size_t)random_between(0, 15);
    const size_t values = offset + (size_t)stride * (c->count - 1) + (size_t)image, size = values * sizeof(float);
    float *floats = must_allocate(size), *first = must_allocate(size);
    uint8_t *bytes = must_allocate(values), *first_bytes = must_allocate(values);
    int isa;
    for (isa = 0; isa < FE_ISA_COUNT; isa++) {
        if (!fe_isa_available((fe_isa)isa)) continue;
        memset(floats, 7, size);
        memset(bytes, 7, values);
        if (fe_prepare_f32(plan, (fe_isa)isa, c->source, c->count, floats + offset, stride) != FE_OK)
            fail("f32", number);
        if (fe_prepare_u8(plan, (fe_isa)isa, c->source, c->count, bytes + offset, stride) != FE_OK) fail("u8", number);
        calls += 2;
        if (isa == FE_PORTABLE) {
            memcpy(first, floats, size);
            memcpy(first_bytes, bytes, values);
        }
        if (memcmp(first, floats, size) != 0 || memcmp(first_bytes, bytes, values) != 0)
            fail(fe_isa_name((fe_isa)isa), number);
        hashes[isa] = hash_bytes(hash_bytes(hashes[isa], floats, size), bytes, values);
    }
    free(floats);
    free(first);
    free(bytes);
    free(first_bytes);
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
        fe_plan *plan;
        if (fe_plan_create(&c.geometry, &plan) != FE_OK) fail("a good geometry was refused", number);
        run_case(&c, plan, hashes, number);
        fe_plan_destroy(plan);
        check_refusals(&c.geometry, number);
        free(c.buffer);
    }
    printf("calls %lld\n", calls);
    for (isa = 0; isa < FE_ISA_COUNT; isa++)
        if (fe_isa_available((fe_isa)isa))
            printf("%s %016llx\n", fe_isa_name((fe_isa)isa), (unsigned long long)hashes[isa]);
    return 0;
}
