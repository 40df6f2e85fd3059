/* Samples and their template: facedge/enrollment/capture.py, calibration.py and fit.py in C. */
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

enum { FE_FOLDS = 10 };
static const double fe_too_alike = 0.995, fe_least_length = 1e-6;

/* The mean of the samples, without those of one fold where folds is not 0. */
static void fe_mean_embedding(const float *embeddings, const int64_t *kept, int64_t count, int64_t size, int64_t folds,
                              int64_t left_out, double *mean)
{
    int64_t used = 0, k, d;
    memset(mean, 0, (size_t)size * sizeof *mean);
    for (k = 0; k < count; k++) {
        const float *x = embeddings + kept[k] * size;
        if (folds && k % folds == left_out) continue;
        used++;
        for (d = 0; d < size; d++) mean[d] += x[d];
    }
    for (d = 0; d < size; d++) mean[d] /= (double)used;
}

static int fe_to_length_one(double *vector, int64_t size)
{
    const double length = fe_sqrt(fe_dot(vector, vector, size));
    int64_t d;
    if (!(length > fe_least_length)) return 0;
    for (d = 0; d < size; d++) vector[d] /= length;
    return 1;
}

int fe_template(const float *embeddings, const int64_t *kept, int64_t count, int64_t size, double *mean,
                double *direction)
{
    fe_mean_embedding(embeddings, kept, count, size, 0, 0, mean);
    memcpy(direction, mean, (size_t)size * sizeof *mean);
    return fe_to_length_one(direction, size);
}

int64_t fe_held_out_refused(const float *embeddings, const int64_t *kept, int64_t count, int64_t size, double cosine,
                            double *work)
{
    const int64_t folds = count < FE_FOLDS ? count : FE_FOLDS;
    int64_t refused = 0, fold, k;
    if (count < 2) return -1;
    for (fold = 0; fold < folds; fold++) {
        fe_mean_embedding(embeddings, kept, count, size, folds, fold, work);
        if (!fe_to_length_one(work, size)) return -1;
        for (k = fold; k < count; k += folds) refused += fe_score(embeddings + kept[k] * size, work, size) < cosine;
    }
    return refused;
}

double fe_likeness(const float *embeddings, const int64_t *kept, int64_t count, int64_t size)
{
    double sum = 0;
    int64_t one, other;
    for (one = 0; one < count; one++)
        for (other = 0; other < one; other++)
            sum += fe_cosine(embeddings + kept[one] * size, embeddings + kept[other] * size, size);
    return count < 2 ? fe_nan() : 2 * sum / (double)(count * (count - 1));
}

static void fe_insert(int64_t *ascending, int64_t count, int64_t value)
{
    for (; count > 0 && ascending[count - 1] > value; count--) ascending[count] = ascending[count - 1];
    ascending[count] = value;
}

/* Farthest-first traversal (T. F. Gonzalez, 1985) from the embedding nearest to the mean. */
int64_t fe_most_varied(const float *embeddings, int64_t count, int64_t size, int64_t most, int64_t *kept, double *work)
{
    double *nearest = work, *mean = work + count;
    int64_t kept_count, next = 0, k;
    for (k = 0; k < count; k++) kept[k] = k;
    fe_mean_embedding(embeddings, kept, count, size, 0, 0, mean);
    for (k = 0; k < count; k++) {
        nearest[k] = fe_score(embeddings + k * size, mean, size);
        if (nearest[k] > nearest[next]) next = k;
    }
    for (k = 0; k < count; k++) nearest[k] = -2; /* below any cosine */
    for (kept_count = 0; kept_count < most && kept_count < count; kept_count++) {
        if (kept_count)
            for (next = 0, k = 1; k < count; k++)
                if (nearest[k] < nearest[next]) next = k;
        if (nearest[next] > fe_too_alike) break;
        fe_insert(kept, kept_count, next);
        for (k = 0; k < count; k++) {
            const double cosine = fe_cosine(embeddings + k * size, embeddings + next * size, size);
            if (cosine > nearest[k]) nearest[k] = cosine;
        }
    }
    return kept_count;
}
