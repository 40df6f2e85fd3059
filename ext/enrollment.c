/* The order of an enrollment: are the photos of one person, which of them are samples, template, threshold, warnings. */
#include "enrollment.h"

#include <stddef.h>
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

enum { FE_FEWEST_PEOPLE = 8, FE_FEWEST_REFUSED = 4 };
enum { FE_MOST_EMBEDDINGS = 1 << 16, FE_MOST_SIZE = 1 << 16, FE_MOST_POINTS = 1 << 10 };
static const int64_t fe_most_rows = (int64_t)1 << 28;
const double FE_MOST_NEARNESS = 2.7477813854449926; /* 0.9970 of a normal distribution lie below */
const double FE_MOST_LIKENESS = 0.97;

/* How the caller's memory is divided. Where base is NULL only the total is counted. */
typedef struct {
    double *base;
    int64_t used;
} fe_memory;

static double *fe_carve(fe_memory *memory, int64_t doubles)
{
    double *found = memory->base ? memory->base + memory->used : NULL;
    memory->used += doubles;
    return found;
}

typedef struct {
    fe_people people;
    fe_person_model model;
    double *projected, *mean, *work;
} fe_workplace;

static int64_t fe_most_of(int64_t one, int64_t other) { return one > other ? one : other; }

static fe_workplace fe_divide(const fe_enroll_asked *asked, fe_memory *memory, fe_enrolled *found)
{
    const int64_t size = asked->size, count = asked->count, square = size * size;
    fe_workplace w;
    found->mismatched = (uint8_t *)fe_carve(memory, count);
    found->kept = (int64_t *)fe_carve(memory, count);
    found->direction = fe_carve(memory, size);
    found->weight = fe_carve(memory, size);
    found->calibrated.points = (fe_point *)fe_carve(memory, asked->table.points * (int64_t)(sizeof(fe_point) / sizeof(double)));
    w.people.rows = (int64_t *)fe_carve(memory, asked->cohort.rows);
    w.people.starts = (int64_t *)fe_carve(memory, asked->cohort.rows + 1);
    w.mean = fe_carve(memory, size);
    w.model.centre = fe_carve(memory, size);
    w.model.variance = fe_carve(memory, size);
    w.model.factor = fe_carve(memory, square);
    w.model.directions = fe_carve(memory, square);
    w.projected = fe_carve(memory, count * size);
    w.work = fe_carve(memory, fe_most_of(square + 2 * size, fe_most_of(fe_mismatch_doubles(count, size), count + size)));
    return w;
}

int64_t fe_enroll_doubles(const fe_enroll_asked *asked)
{
    fe_memory memory = {NULL, 0};
    fe_enrolled found;
    if (asked->count < 1 || asked->count > FE_MOST_EMBEDDINGS || asked->size < 1 || asked->size > FE_MOST_SIZE ||
        asked->most < 1 || asked->cohort.rows < 1 || asked->cohort.rows > fe_most_rows || asked->table.rows < 1 ||
        asked->table.points < 1 || asked->table.points > FE_MOST_POINTS || asked->table.conditions < 0)
        return -1;
    fe_divide(asked, &memory, &found);
    return memory.used;
}

/* Whether the embeddings may be of one person; a cohort of few people tells nothing about it. */
static int fe_are_of_one_person(const fe_enroll_asked *asked, const fe_workplace *w, fe_enrolled *found)
{
    int64_t k;
    memset(found->mismatched, 0, (size_t)asked->count);
    if (asked->count < 2 || w->people.several < FE_FEWEST_PEOPLE) return 1;
    fe_fit_person_model(&asked->cohort, &w->people, asked->size, &w->model, w->work);
    for (k = 0; k < asked->count; k++)
        fe_project(&w->model, asked->embeddings + k * asked->size, asked->size, w->projected + k * asked->size, w->work);
    return !fe_find_mismatched(w->model.variance, w->projected, asked->count, asked->size, found->mismatched, w->work);
}

static fe_enroll_fault fe_find_threshold(const fe_enroll_asked *asked, const fe_workplace *w, fe_enrolled *found)
{
    const float *x = asked->embeddings;
    const int64_t size = asked->size, samples = found->samples;
    double cosine;
    if (!fe_template(x, found->kept, samples, size, w->mean, found->direction)) return FE_NOTHING_COMMON;
    if (!fe_look_up(&asked->table, samples, size, asked->far, w->mean, found->direction, &found->calibrated))
        return FE_NO_SUCH_FAR;
    cosine = found->calibrated.points[found->calibrated.chosen].cosine;
    found->threshold = fe_probability(&found->calibrated, cosine);
    found->refused = fe_held_out_refused(x, found->kept, samples, size, cosine, w->work);
    if (samples > 1 && found->refused < 0) return FE_NOTHING_COMMON;
    return found->refused >= FE_FEWEST_REFUSED && 2 * found->refused > samples ? FE_MOSTLY_REFUSED : FE_ENROLLED;
}

static void fe_describe_template(const fe_enroll_asked *asked, const fe_workplace *w, fe_enrolled *found)
{
    const fe_calibrated *c = &found->calibrated;
    int64_t d;
    for (d = 0; d < asked->size; d++) found->weight[d] = c->slope * found->direction[d];
    found->bias = c->shift;
    fe_count_passed(&asked->cohort, &w->people, asked->size, found->direction, c->points[c->chosen].cosine, &found->passed,
                    &found->passed_people);
    found->likeness = fe_likeness(asked->embeddings, found->kept, found->samples, asked->size);
    found->nearness = fe_nearness(&asked->cohort, &w->people, asked->size, found->samples, w->mean, w->work);
}

void fe_enroll(const fe_enroll_asked *asked, double *memory, fe_enrolled *found)
{
    fe_memory given = {memory, 0};
    fe_workplace w;
    memset(found, 0, sizeof *found);
    w = fe_divide(asked, &given, found);
    fe_group_people(&asked->cohort, &w.people);
    found->fault = FE_SEVERAL_PEOPLE;
    if (!fe_are_of_one_person(asked, &w, found)) return;
    found->samples = fe_most_varied(asked->embeddings, asked->count, asked->size, asked->most, found->kept, w.work);
    found->fault = fe_find_threshold(asked, &w, found);
    if (found->fault == FE_ENROLLED) fe_describe_template(asked, &w, found);
}
