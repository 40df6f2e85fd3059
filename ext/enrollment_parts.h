/* Inside of enrollment.c: the parts of an enrollment, each in a file of its own. */
#ifndef FACEDGE_ENROLLMENT_PARTS_H
#define FACEDGE_ENROLLMENT_PARTS_H

#include "enrollment.h"

static inline double fe_cosine(const float *one, const float *other, int64_t size)
{
    double sum = 0;
    int64_t k;
    for (k = 0; k < size; k++) sum += (double)one[k] * other[k];
    return sum;
}

static inline double fe_score(const float *embedding, const double *direction, int64_t size)
{
    double sum = 0;
    int64_t k;
    for (k = 0; k < size; k++) sum += embedding[k] * direction[k];
    return sum;
}

static inline double fe_dot(const double *one, const double *other, int64_t size)
{
    double sum = 0;
    int64_t k;
    for (k = 0; k < size; k++) sum += one[k] * other[k];
    return sum;
}

/* --- template.c --- */

/* The places of at most `most` embeddings, as different from each other as possible, ascending, into kept; returns how
 * many. work: count + size. */
int64_t fe_most_varied(const float *embeddings, int64_t count, int64_t size, int64_t most, int64_t *kept, double *work);

/* The direction of the mean embedding, and the mean itself where it is not NULL; 0 where it has no direction. */
int fe_template(const float *embeddings, const int64_t *kept, int64_t count, int64_t size, double *mean,
                double *direction);

/* How many of the samples are refused by a template of the others, in ten folds; -1 where a template fails or there is
 * one sample only. work: size. */
int64_t fe_held_out_refused(const float *embeddings, const int64_t *kept, int64_t count, int64_t size, double cosine,
                            double *work);

double fe_likeness(const float *embeddings, const int64_t *kept, int64_t count, int64_t size);

/* --- table.c --- */

/* mean, direction: of the template of `images` samples. 0 where the table does not hold the FAR. */
int fe_look_up(const fe_calibration_table *table, int64_t images, int64_t size, double far, const double *mean,
               const double *direction, fe_calibrated *found);

/* --- cohort.c --- */

/* The rows of a cohort, those of one person beside each other, in the order of the rows. */
typedef struct {
    int64_t *rows, *starts; /* starts[p] .. starts[p + 1] are person p's places in rows */
    int64_t people, several; /* several: people with two rows or more */
} fe_people;

/* rows: room for as many as the cohort has; starts: one more. */
void fe_group_people(const fe_cohort *cohort, fe_people *people);

void fe_count_passed(const fe_cohort *cohort, const fe_people *people, int64_t size, const double *direction,
                     double cosine, int64_t *rows, int64_t *persons);

/* Standard deviations of the cohort's people, enrolled by as many images, by which `mean` is nearer to the mean of all
 * people than they are. work: 2 size. */
double fe_nearness(const fe_cohort *cohort, const fe_people *people, int64_t size, int64_t images, const double *mean,
                   double *work);

/* --- person_model.c, eigen.c --- */

/* Where embeddings of people lie: centre and variance of people (size), the factor of the covariance of photos and the
 * directions along which people vary (size x size). In that space photos of one person vary by 1 along each. */
typedef struct {
    double *centre, *variance, *factor, *directions;
} fe_person_model;

/* A positive definite matrix, of which the lower half is read -> its Cholesky factor, in that half. */
void fe_factor(double *matrix, int64_t size);

/* work: size x size + 2 size. */
void fe_fit_person_model(const fe_cohort *cohort, const fe_people *people, int64_t size, const fe_person_model *model,
                         double *work);
/* work: size. */
void fe_project(const fe_person_model *model, const float *embedding, int64_t size, double *projected, double *work);

/* A symmetric matrix, size x size, which is lost -> its eigenvalues, and its eigenvectors as rows. work: 2 size. */
void fe_eigen(double *matrix, int64_t size, double *values, double *vectors, double *work);

/* --- mixed.c --- */

/* Doubles of work that fe_find_mismatched needs. */
int64_t fe_mismatch_doubles(int64_t count, int64_t size);

/* projected: count x size, which is lost. Marks in `mismatched` what does not match the others; returns how many. */
int64_t fe_find_mismatched(const double *variance, double *projected, int64_t count, int64_t size, uint8_t *mismatched,
                           double *work);

#endif
