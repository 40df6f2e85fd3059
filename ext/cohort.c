/* A bundle's cohort by its people: who passes as the person, and who is near: fit.py, source_check.py in C. */
#include <stdlib.h>
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

static const double fe_person_step = 4294967296.0; /* 2^32, more than a cohort has rows */
static const double fe_least_deviation = 1e-9, fe_least_product = 1e-12;

static int fe_ascending(const void *one, const void *other)
{
    const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return a < b ? -1 : a > b;
}

static int32_t fe_identity(const fe_cohort *cohort, int64_t row)
{
    return cohort->identities ? cohort->identities[row] : (int32_t)row;
}

/* Rows are sorted as identity 2^32 + row: no two are equal, so that any sort gives the same order. */
void fe_group_people(const fe_cohort *cohort, fe_people *people)
{
    const int64_t step = (int64_t)fe_person_step;
    int64_t k;
    for (k = 0; k < cohort->rows; k++) people->rows[k] = fe_identity(cohort, k) * step + k;
    qsort(people->rows, (size_t)cohort->rows, sizeof *people->rows, fe_ascending);
    people->people = people->several = 0;
    for (k = 0; k < cohort->rows; k++) {
        people->rows[k] &= step - 1;
        if (k == 0 || fe_identity(cohort, people->rows[k]) != fe_identity(cohort, people->rows[k - 1]))
            people->starts[people->people++] = k;
    }
    people->starts[people->people] = cohort->rows;
    for (k = 0; k < people->people; k++) people->several += people->starts[k + 1] - people->starts[k] > 1;
}

void fe_count_passed(const fe_cohort *cohort, const fe_people *people, int64_t size, const double *direction,
                     double cosine, int64_t *rows, int64_t *persons)
{
    int64_t person, k;
    *rows = *persons = 0;
    for (person = 0; person < people->people; person++) {
        int64_t own = 0;
        for (k = people->starts[person]; k < people->starts[person + 1]; k++)
            own += fe_score(cohort->embeddings + people->rows[k] * size, direction, size) >= cosine;
        *rows += own;
        *persons += own > 0;
    }
}

/* The mean of a person's first rows. */
static void fe_person_mean(const fe_cohort *cohort, const fe_people *people, int64_t person, int64_t most, int64_t size,
                           double *mean)
{
    const int64_t *rows = people->rows + people->starts[person];
    const int64_t all = people->starts[person + 1] - people->starts[person], count = all < most ? all : most;
    int64_t k, d;
    memset(mean, 0, (size_t)size * sizeof *mean);
    for (k = 0; k < count; k++)
        for (d = 0; d < size; d++) mean[d] += cohort->embeddings[rows[k] * size + d] / (double)count;
}

static double fe_cosine_of(const double *one, const double *other, int64_t size)
{
    const double product = fe_sqrt(fe_dot(one, one, size)) * fe_sqrt(fe_dot(other, other, size));
    return fe_dot(one, other, size) / (product > fe_least_product ? product : fe_least_product);
}

double fe_nearness(const fe_cohort *cohort, const fe_people *people, int64_t size, int64_t images, const double *mean,
                   double *work)
{
    double *middle = work, *own = work + size, sum = 0, squares = 0, average, deviation;
    int64_t person, d;
    memset(middle, 0, (size_t)size * sizeof *middle);
    for (person = 0; person < people->people; person++) {
        fe_person_mean(cohort, people, person, images, size, own);
        for (d = 0; d < size; d++) middle[d] += own[d] / (double)people->people;
    }
    for (person = 0; person < people->people; person++) {
        double cosine;
        if (people->starts[person + 1] - people->starts[person] < 2) continue;
        fe_person_mean(cohort, people, person, images, size, own);
        cosine = fe_cosine_of(own, middle, size);
        sum += cosine, squares += cosine * cosine;
    }
    if (!people->several) return fe_nan();
    average = sum / (double)people->several;
    deviation = squares / (double)people->several - average * average;
    deviation = fe_sqrt(deviation > 0 ? deviation : 0);
    return (fe_cosine_of(mean, middle, size) - average) / (deviation > fe_least_deviation ? deviation : fe_least_deviation);
}
