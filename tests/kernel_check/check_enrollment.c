/* Random enrollments: the same bits from every compiler and CPU, no byte touched outside.
 *
 *     check_enrollment CALLS     prints "calls N", then for each implementation of the core its name and a hash of all results
 *
 * The enrollment has one implementation; it is named like the others so that machines are compared line by line.
 */
#include "align.h"
#include "copies.h"
#include "enrollment.h"
#include "random_calls.h"

static double random_number(void) { return (double)random_between(-(1 << 20), 1 << 20) / (1 << 20); }

static float *random_embeddings(int64_t rows, int64_t size, const double *middle, double spread)
{
    float *made = must_allocate((size_t)(rows * size) * sizeof *made);
    int64_t k;
    for (k = 0; k < rows * size; k++) made[k] = (float)((middle ? middle[k % size] : 0) + spread * random_number());
    return made;
}

/* People of one to four rows, in any order, whose rows lie near each other. */
static void random_cohort(fe_enroll_asked *c)
{
    const int64_t rows = random_between(1, 70), people = random_between(1, 30), size = c->size;
    double *middles = must_allocate((size_t)(people * size) * sizeof *middles);
    int32_t *identities = must_allocate((size_t)rows * sizeof *identities);
    float *x = must_allocate((size_t)(rows * size) * sizeof *x);
    int64_t row, k;
    for (k = 0; k < people * size; k++) middles[k] = random_number();
    for (row = 0; row < rows; row++) {
        const int64_t person = random_between(0, people - 1);
        identities[row] = (int32_t)(person * 7919 - 100000);
        for (k = 0; k < size; k++) x[row * size + k] = (float)(middles[person * size + k] + 0.4 * random_number());
    }
    if (one_in(50)) memset(x, 0, (size_t)(rows * size) * sizeof *x);
    free(middles);
    c->cohort.embeddings = x, c->cohort.rows = rows;
    c->cohort.identities = identities;
    if (one_in(10)) free(identities), c->cohort.identities = NULL;
}

static void random_table(fe_enroll_asked *c)
{
    fe_calibration_table *t = &c->table;
    int64_t k, count;
    double *numbers;
    t->rows = random_between(1, 5), t->points = random_between(1, 4), t->conditions = random_between(0, 3);
    count = fe_table_numbers(t, c->size);
    numbers = must_allocate((size_t)count * sizeof *numbers);
    for (k = 0; k < count; k++) numbers[k] = 2 * random_number();
    for (k = 0; k < t->points; k++) numbers[k] = 0.0005 * (double)(k + 1);
    for (k = 0; k < t->rows; k++) numbers[t->points + k * (4 + 4 * t->points)] = (double)(2 * k + 1);
    t->numbers = numbers;
    c->far = one_in(8) ? 0.25 : one_in(2) ? 0 : numbers[random_between(0, t->points - 1)];
}

static fe_enroll_asked random_case(void)
{
    fe_enroll_asked c;
    double middle[24], spread;
    int64_t k;
    int apart;
    memset(&c, 0, sizeof c);
    c.size = random_between(1, 24), c.count = one_in(20) ? random_between(1, 30) : random_between(1, 7);
    c.most = one_in(4) ? random_between(1, 5) : 20;
    for (k = 0; k < c.size; k++) middle[k] = random_number();
    apart = one_in(5);
    spread = one_in(9) ? 0 : one_in(2) ? 0.3 : 1;
    c.embeddings = random_embeddings(c.count, c.size, apart ? NULL : middle, spread);
    random_cohort(&c);
    random_table(&c);
    return c;
}

static uint64_t hash_doubles(uint64_t hash, const double *numbers, int64_t count)
{
    int64_t k;
    for (k = 0; k < count; k++)
        if (numbers[k] == numbers[k]) hash = hash_bytes(hash, &numbers[k], sizeof numbers[k]); /* NaN has many bits */
    return hash;
}

static uint64_t hash_found(uint64_t hash, const fe_enroll_asked *c, const fe_enrolled *found)
{
    const fe_calibrated *link = &found->calibrated;
    const int64_t facts[6] = {(int64_t)found->fault, found->samples, found->refused, found->passed, found->passed_people, link->condition};
    hash = hash_bytes(hash, facts, sizeof facts);
    hash = hash_bytes(hash, found->mismatched, (size_t)c->count);
    hash = hash_bytes(hash, found->kept, (size_t)found->samples * sizeof *found->kept);
    if (found->fault != FE_ENROLLED) return hash;
    hash = hash_doubles(hash, found->weight, c->size);
    hash = hash_doubles(hash, &link->points->target, 5 * c->table.points);
    hash = hash_doubles(hash, &found->likeness, 1);
    hash = hash_doubles(hash, &found->nearness, 1);
    return hash_bytes(hash, &found->threshold, sizeof found->threshold);
}

/* Sizes that make no sense are refused before anything is read. */
static void check_refusals(const fe_enroll_asked *good, long long number)
{
    fe_enroll_asked bad = *good;
    switch (random_between(0, 5)) {
    case 0: bad.count = 0; break;
    case 1: bad.size = INT64_MAX; break;
    case 2: bad.most = -1; break;
    case 3: bad.cohort.rows = 0; break;
    case 4: bad.table.points = (int64_t)1 << 40; break;
    default: bad.table.rows = 0; break;
    }
    if (fe_enroll_doubles(&bad) != -1) fail("a bad call was not refused", number);
}

/* Two photos with noise of their own on one picture, of which one may be mirrored. */
static uint64_t check_copies(uint64_t hash)
{
    uint8_t *picture = must_allocate(FE_HALF_PIXELS), *half = must_allocate(FE_HALF_PIXELS);
    double *work = must_allocate(FE_COPY_WORK * sizeof *work);
    fe_fingerprint *photos[2];
    const int mirrored = one_in(2), noise = (int)random_between(0, 60);
    double likeness;
    int64_t k;
    int which;
    random_fill(picture, FE_HALF_PIXELS);
    for (which = 0; which < 2; which++) {
        photos[which] = must_allocate(sizeof *photos[which]);
        for (k = 0; k < FE_HALF_PIXELS; k++) {
            const int64_t from = which && mirrored ? k + FE_HALF_WIDTH - 1 - 2 * (k % FE_HALF_WIDTH) : k;
            half[k] = (uint8_t)((picture[from] * (255 - noise) + random_between(0, 255) * noise) / 255);
        }
        fe_take_fingerprint(half, photos[which], work);
        hash = hash_bytes(hash, photos[which], sizeof *photos[which]);
    }
    likeness = fe_moved_likeness(photos[0], photos[1], mirrored, work);
    hash = hash_bytes(hash, &likeness, sizeof likeness);
    which = fe_same_photo(photos[0], photos[1], work);
    free(picture), free(half), free(work), free(photos[0]), free(photos[1]);
    return hash_bytes(hash, &which, sizeof which);
}

int main(int argc, char **argv)
{
    const long long calls = argc > 1 ? atoll(argv[1]) : 1000;
    uint64_t hash = HASH_SEED;
    long long number;
    int isa;
    for (number = 0; number < calls; number++) {
        fe_enroll_asked c = random_case();
        fe_enrolled found;
        double *memory = must_allocate((size_t)fe_enroll_doubles(&c) * sizeof *memory);
        fe_enroll(&c, memory, &found);
        hash = hash_found(hash, &c, &found);
        check_refusals(&c, number);
        if (one_in(10)) hash = check_copies(hash);
        free(memory);
        free((void *)c.embeddings);
        free((void *)c.cohort.embeddings);
        free((void *)c.cohort.identities);
        free((void *)c.table.numbers);
    }
    printf("calls %lld\n", calls);
    for (isa = 0; isa < FE_ISA_COUNT; isa++)
        if (fe_isa_available((fe_isa)isa)) printf("%s %016llx\n", fe_isa_name((fe_isa)isa), (unsigned long long)hash);
    return 0;
}
