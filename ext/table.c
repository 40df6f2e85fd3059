/* The threshold of an enrollment from the calibration table: facedge/enrollment/operating_points.py, conditions.py. */
#include "enrollment_parts.h"
#include "fe_math.h"

static const double fe_usual_far = 1e-3, fe_farthest_logit = 80;
enum { FE_ROW_NUMBERS = 4, FE_POINT_NUMBERS = 4, FE_CONDITION_POINT_NUMBERS = 2 };

static int64_t fe_row_numbers(const fe_calibration_table *t) { return FE_ROW_NUMBERS + FE_POINT_NUMBERS * t->points; }
static int64_t fe_condition_row_numbers(const fe_calibration_table *t) { return 1 + FE_CONDITION_POINT_NUMBERS * t->points; }

static int64_t fe_condition_numbers(const fe_calibration_table *t, int64_t size)
{
    return 2 * size + t->rows * fe_condition_row_numbers(t);
}

int64_t fe_table_numbers(const fe_calibration_table *t, int64_t size)
{
    return t->points + t->rows * fe_row_numbers(t) + t->conditions * fe_condition_numbers(t, size);
}

/* The last row that has no more images, else the first. */
static int64_t fe_row_for(const fe_calibration_table *t, int64_t images)
{
    int64_t found = 0, row;
    for (row = 0; row < t->rows; row++)
        if (t->numbers[t->points + row * fe_row_numbers(t)] <= (double)images) found = row;
    return found;
}

/* The place of the point for a FAR; the number of points where the table does not hold it. */
static int64_t fe_point_for(const fe_calibration_table *t, double far)
{
    int64_t k = 0;
    while (k < t->points && (far > 0 ? t->numbers[k] != far : t->numbers[k] < fe_usual_far)) k++;
    return k;
}

/* Raise the points to what a condition needs, where the enrollment shows it; the interval of the FAR stays. */
static void fe_raise(const fe_calibration_table *t, int64_t condition, int64_t row, int64_t size, const double *mean,
                     const double *direction, fe_calibrated *found)
{
    const double *own = t->numbers + t->points + t->rows * fe_row_numbers(t) + condition * fe_condition_numbers(t, size);
    const double *limits = own + 2 * size + row * fe_condition_row_numbers(t);
    const double shift = fe_dot(own, direction, size);
    int64_t k;
    if (fe_dot(own + size, mean, size) < limits[0]) return;
    for (k = 0; k < t->points; k++) {
        const double *point = limits + 1 + FE_CONDITION_POINT_NUMBERS * k;
        if (shift + point[0] <= found->points[k].cosine) continue;
        found->points[k].cosine = shift + point[0];
        found->points[k].frr = point[1];
        if (k == found->chosen) found->condition = condition;
    }
}

int fe_look_up(const fe_calibration_table *t, int64_t images, int64_t size, double far, const double *mean, const double *direction,
               fe_calibrated *found)
{
    const int64_t row = fe_row_for(t, images);
    const double *own = t->numbers + t->points + row * fe_row_numbers(t);
    int64_t k;
    found->slope = own[1], found->shift = own[2], found->error = own[3];
    found->condition = -1;
    found->chosen = fe_point_for(t, far);
    if (found->chosen == t->points) return 0;
    for (k = 0; k < t->points; k++) {
        const double *p = own + FE_ROW_NUMBERS + FE_POINT_NUMBERS * k;
        fe_point *point = &found->points[k];
        point->target = t->numbers[k], point->cosine = p[0], point->low95 = p[1], point->high95 = p[2], point->frr = p[3];
    }
    found->frr_before = found->points[found->chosen].frr;
    for (k = 0; k < t->conditions; k++) fe_raise(t, k, row, size, mean, direction, found);
    return 1;
}

float fe_probability(const fe_calibrated *c, double cosine)
{
    const double logit = c->slope * cosine + c->shift;
    const double near = logit < -fe_farthest_logit ? -fe_farthest_logit : logit > fe_farthest_logit ? fe_farthest_logit : logit;
    return (float)(1 / (1 + fe_exp(-near)));
}
