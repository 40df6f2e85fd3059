/* The two-covariance model of embeddings, person + photo, of a cohort: facedge/enrollment/consistency.py in C. */
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

static const double fe_shrinkage = 0.85, fe_least_variance = 1e-6, fe_least_level = 1e-9;

/* sum += weight v v^T, of which only the lower half is kept. */
static void fe_add_square(double *sum, const double *v, int64_t size, double weight)
{
    int64_t i, j;
    for (i = 0; i < size; i++) {
        const double scaled = weight * v[i];
        for (j = 0; j <= i; j++) sum[i * size + j] += scaled * v[j];
    }
}

static void fe_mirror(double *matrix, int64_t size)
{
    int64_t i, j;
    for (i = 0; i < size; i++)
        for (j = 0; j < i; j++) matrix[j * size + i] = matrix[i * size + j];
}

static void fe_shrink(double *covariance, int64_t size)
{
    double level = 0;
    int64_t k;
    for (k = 0; k < size; k++) level += covariance[k * size + k] / (double)size;
    if (!(level > fe_least_level)) level = fe_least_level;
    for (k = 0; k < size * size; k++) covariance[k] *= 1 - fe_shrinkage;
    for (k = 0; k < size; k++) covariance[k * size + k] += fe_shrinkage * level;
}

static void fe_centre_of(const fe_cohort *cohort, int64_t size, double *centre)
{
    int64_t row, d;
    memset(centre, 0, (size_t)size * sizeof *centre);
    for (row = 0; row < cohort->rows; row++)
        for (d = 0; d < size; d++) centre[d] += cohort->embeddings[row * size + d];
    for (d = 0; d < size; d++) centre[d] /= (double)cohort->rows;
}

/* The sums of squares of photos around their person's mean, and of people's means around the centre. */
static void fe_sum_squares(const fe_cohort *cohort, const fe_people *people, int64_t size, const double *centre,
                           double *photos, double *persons, double *work)
{
    double *mean = work, *off = work + size;
    int64_t person, k, d;
    memset(photos, 0, (size_t)(size * size) * sizeof *photos);
    memset(persons, 0, (size_t)(size * size) * sizeof *persons);
    for (person = 0; person < people->people; person++) {
        const int64_t *rows = people->rows + people->starts[person];
        const int64_t count = people->starts[person + 1] - people->starts[person];
        memset(mean, 0, (size_t)size * sizeof *mean);
        for (k = 0; k < count; k++)
            for (d = 0; d < size; d++) mean[d] += cohort->embeddings[rows[k] * size + d];
        for (d = 0; d < size; d++) mean[d] /= (double)count;
        for (k = 0; count > 1 && k < count; k++) {
            for (d = 0; d < size; d++) off[d] = cohort->embeddings[rows[k] * size + d] - mean[d];
            fe_add_square(photos, off, size, 1);
        }
        for (d = 0; d < size; d++) off[d] = mean[d] - centre[d];
        fe_add_square(persons, off, size, (double)count);
    }
    fe_mirror(photos, size);
    fe_mirror(persons, size);
}

void fe_factor(double *matrix, int64_t size)
{
    int64_t i, j;
    for (i = 0; i < size; i++)
        for (j = 0; j <= i; j++) {
            const double rest = matrix[i * size + j] - fe_dot(matrix + i * size, matrix + j * size, j);
            matrix[i * size + j] = i == j ? fe_sqrt(rest) : rest / matrix[j * size + j];
        }
}

/* matrix <- factor^-1 matrix. */
static void fe_solve_rows(const double *factor, double *matrix, int64_t size)
{
    int64_t i, j, k;
    for (i = 0; i < size; i++) {
        double *row = matrix + i * size;
        for (j = 0; j < i; j++)
            for (k = 0; k < size; k++) row[k] -= factor[i * size + j] * matrix[j * size + k];
        for (k = 0; k < size; k++) row[k] /= factor[i * size + i];
    }
}

static void fe_transpose(double *matrix, int64_t size)
{
    int64_t i, j;
    for (i = 0; i < size; i++)
        for (j = 0; j < i; j++) {
            const double kept = matrix[i * size + j];
            matrix[i * size + j] = matrix[j * size + i];
            matrix[j * size + i] = kept;
        }
}

void fe_fit_person_model(const fe_cohort *cohort, const fe_people *people, int64_t size, const fe_person_model *model,
                         double *work)
{
    double *between = work, *more = work + size * size;
    const int64_t photos = cohort->rows - people->people;
    int64_t k;
    fe_centre_of(cohort, size, model->centre);
    fe_sum_squares(cohort, people, size, model->centre, model->factor, between, more);
    for (k = 0; k < size * size; k++) {
        const double within = model->factor[k] / (double)(photos > 1 ? photos : 1);
        between[k] = (between[k] + model->factor[k]) / (double)(cohort->rows - 1) - within; /* of all photos, less */
        model->factor[k] = within;
    }
    fe_shrink(model->factor, size);
    fe_shrink(between, size);
    fe_factor(model->factor, size);
    fe_solve_rows(model->factor, between, size);
    fe_transpose(between, size);
    fe_solve_rows(model->factor, between, size);
    fe_eigen(between, size, model->variance, model->directions, more);
    for (k = 0; k < size; k++)
        if (!(model->variance[k] > fe_least_variance)) model->variance[k] = fe_least_variance;
}

void fe_project(const fe_person_model *model, const float *embedding, int64_t size, double *projected, double *work)
{
    int64_t i;
    for (i = 0; i < size; i++)
        work[i] = (embedding[i] - model->centre[i] - fe_dot(model->factor + i * size, work, i)) / model->factor[i * size + i];
    for (i = 0; i < size; i++) projected[i] = fe_dot(model->directions + i * size, work, size);
}
