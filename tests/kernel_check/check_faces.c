/* Random searches for a face, every implementation on each: equal bits, no byte touched outside.
 *
 *     check_faces CALLS     prints "calls N", then one line per implementation: its name and a hash of all results
 *
 * In place of the network's outputs stand random ones, with faces often enough that every step of a search is reached.
 */
#include "faces.h"
#include "random_calls.h"

static const float pattern[10] = {-18, -20, 18, -20, 0, 1, -15, 18, 15, 18}; /* a face about its middle, 74 pixels wide */

static float random_share(void) { return (float)random_between(0, 1 << 20) / (float)(1 << 20); }

/* A face in one cell of a grid, `wide` cells wide. */
static void put_face(const fe_run *run, int grid, int64_t cell, float score, float wide)
{
    const float stride = (float)(8 << grid), zoom = wide * stride / 74;
    int k;
    run->outputs[grid][cell] = run->outputs[grid + 3][cell] = score;
    for (k = 0; k < 2; k++) {
        run->outputs[grid + 6][4 * cell + k] = random_share();
        run->outputs[grid + 6][4 * cell + 2 + k] = one_in(9) ? 3 * random_share() : wide * (k ? 0.26f : 0.22f);
    }
    for (k = 0; k < 10; k++)
        run->outputs[grid + 9][10 * cell + k] = pattern[k] * zoom / stride + 0.5f + (one_in(5) ? random_share() : 0);
}

static void random_outputs(const fe_run *run)
{
    int64_t faces = random_between(0, 4), i;
    int k;
    for (k = 0; k < FE_OUTPUTS; k++)
        for (i = 0; i < run->floats[k]; i++)
            run->outputs[k][i] = k < 6 ? random_share() * 0.1f : 4 * random_share() - 1;
    if (one_in(40)) /* outputs that are no numbers */
        for (k = 0; k < FE_OUTPUTS; k++) run->outputs[k][0] = 1e30f * 1e30f - 1e30f * 1e30f;
    if (run->height == 256 && run->width == 256 && !one_in(4)) { /* a window's middle, or that of the first copy */
        const int64_t row = one_in(2) ? 8 : 4;
        const float score = 0.5f + random_share() / 2; /* one call after the other: compilers order arguments freely */
        put_face(run, 1, row * 16 + row, score, 4 + 5 * random_share());
    }
    while (faces--) {
        const int grid = (int)random_between(0, 2);
        const int64_t cell = random_between(0, run->floats[grid] - 1);
        const float score = random_share();
        put_face(run, grid, cell, score, 3 + 6 * random_share());
    }
}

static uint64_t hash_found(uint64_t hash, const fe_found *found)
{
    int64_t k;
    const int32_t facts[4] = {(int32_t)found->reason, found->has_face, (int32_t)found->count, found->turned};
    hash = hash_bytes(hash, facts, sizeof facts);
    if (found->has_face) hash = hash_bytes(hash, found->face.landmarks, sizeof found->face.landmarks);
    if (found->stretch == found->stretch) hash = hash_bytes(hash, &found->stretch, sizeof found->stretch);
    for (k = 0; k < found->count; k++) hash = hash_bytes(hash, found->faces[k].box, sizeof found->faces[k].box);
    if (found->crop) hash = hash_bytes(hash, found->crop, FE_CROP_HEIGHT * FE_CROP_WIDTH * 3);
    return hash;
}

static long long calls = 0, reasons[6];

static uint64_t finish(fe_search *search, uint64_t hash, long long number)
{
    fe_run run;
    fe_progress progress;
    while (calls++, (progress = fe_search_next(search, &run)) == FE_RUN) {
        hash = hash_bytes(hash, run.planes, (size_t)(3 * run.height * run.width) * sizeof *run.planes);
        random_outputs(&run);
    }
    if (progress != FE_DONE) fail("search", number);
    reasons[fe_search_found(search)->reason]++;
    return hash_found(hash, fe_search_found(search));
}

static uint64_t run_case(fe_search *search, const fe_frame *photo, const fe_search_options *options, uint64_t hash,
                         long long number)
{
    float landmarks[10];
    fe_measures measures = {0, 0, 0};
    calls++;
    if (fe_search_begin(search, photo, options) != FE_OK) fail("begin", number);
    hash = finish(search, hash, number);
    if (!fe_search_found(search)->has_face) return hash;
    memcpy(landmarks, fe_search_found(search)->face.landmarks, sizeof landmarks);
    if (fe_search_follow(search, photo, landmarks, fe_search_found(search)->turned, 0) != FE_OK) fail("follow", number);
    hash = finish(search, hash, number);
    calls += 2;
    if (fe_measure(fe_best_isa(), photo, &measures) != FE_OK) fail("measure", number);
    return hash_bytes(hash, &measures, sizeof measures);
}

static fe_search_options random_options(void)
{
    fe_search_options o;
    o.policy = (fe_policy)random_between(0, 2);
    o.min_face = one_in(8) ? 0.04 : (double)random_between(13, 90) / 100; /* 0.04: an input of 600, and a coarse one */
    o.min_score = (double)random_between(1, 8) / 10;
    o.turn = one_in(2);
    return o;
}

static void check_refusals(fe_search *search, fe_frame photo, fe_search_options options, long long number)
{
    switch (random_between(0, 5)) {
    case 0: photo.pixels = NULL; break;
    case 1: photo.height = 0; break;
    case 2: photo.width = FE_MAX_SIDE + 1; break;
    case 3: options.min_face = 0; break;
    case 4: options.min_score = 2; break;
    default: options.policy = (fe_policy)9; break;
    }
    if (fe_search_begin(search, &photo, &options) != FE_BAD_ARGUMENT) fail("a bad call was not refused", number);
}

int main(int argc, char **argv)
{
    const long long least = argc > 1 ? atoll(argv[1]) : 1000;
    long long number;
    int isa;
    for (isa = 0; isa < FE_ISA_COUNT; isa++) {
        fe_search *search;
        uint64_t hash = HASH_SEED;
        if (!fe_isa_available((fe_isa)isa)) continue;
        if (fe_search_create((fe_isa)isa, &search) != FE_OK) fail("create", 0);
        random_state = 88172645463325252ULL;
        calls = 0;
        for (number = 0; calls < least; number++) {
            const int64_t height = random_between(1, one_in(20) ? 900 : 300), width = random_between(1, 300);
            const fe_search_options options = random_options();
            uint8_t *pixels = must_allocate((size_t)(height * width * 3));
            const fe_frame photo = {pixels, height, width, (ptrdiff_t)width * 3, 3, 1};
            random_fill(pixels, (size_t)(height * width * 3));
            hash = run_case(search, &photo, &options, hash, number);
            check_refusals(search, photo, options, number);
            free(pixels);
        }
        fe_search_destroy(search);
        if (isa == 0) printf("calls %lld\n", calls);
        printf("%s %016llx\n", fe_isa_name((fe_isa)isa), (unsigned long long)hash);
    }
    for (isa = 0; isa < 6 && least >= 1000; isa++)
        if (!reasons[isa]) fail("a reason never came", isa);
    return 0;
}
