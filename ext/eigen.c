/* Eigenvalues and eigenvectors of a symmetric matrix: Householder's reduction to three diagonals, then the QL method with
 * implicit shifts (G. H. Golub and C. F. Van Loan, "Matrix Computations", sections 8.3.1 and 8.3.3). */
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

enum { FE_MOST_STEPS = 60 }; /* of one eigenvalue, which takes two or three */
static const double fe_epsilon = 2.220446049250313e-16;

static double fe_length(double a, double b) { return fe_sqrt(a * a + b * b); }

/* The reflection that brings x to a multiple of its first axis: x becomes its vector v, I - factor v v^T. Returns the
 * multiple. */
static double fe_reflection(double *x, int64_t count, double *factor)
{
    const double length = fe_sqrt(fe_dot(x, x, count)), onto = x[0] > 0 ? -length : length;
    double square;
    x[0] -= onto;
    square = fe_dot(x, x, count);
    *factor = square > 0 ? 2 / square : 0;
    return onto;
}

/* rest <- H rest H for the symmetric rest, count x count in rows of `stride`; p is work. */
static void fe_reflect_both(double *rest, int64_t count, int64_t stride, const double *v, double factor, double *p)
{
    double half = 0;
    int64_t i, j;
    for (i = 0; i < count; i++) p[i] = factor * fe_dot(rest + i * stride, v, count);
    half = factor / 2 * fe_dot(p, v, count);
    for (i = 0; i < count; i++) p[i] -= half * v[i];
    for (i = 0; i < count; i++)
        for (j = 0; j < count; j++) rest[i * stride + j] -= v[i] * p[j] + p[i] * v[j];
}

/* The last `count` rows of vectors, each of `size` numbers, reflected; sums is work. */
static void fe_reflect_rows(double *rows, int64_t count, int64_t size, const double *v, double factor, double *sums)
{
    int64_t i, j;
    memset(sums, 0, (size_t)size * sizeof *sums);
    for (i = 0; i < count; i++)
        for (j = 0; j < size; j++) sums[j] += factor * v[i] * rows[i * size + j];
    for (i = 0; i < count; i++)
        for (j = 0; j < size; j++) rows[i * size + j] -= v[i] * sums[j];
}

/* matrix = vectors^T T vectors, where T has the diagonals `values` and `beside`. */
static void fe_three_diagonals(double *matrix, int64_t size, double *values, double *beside, double *vectors, double *work)
{
    int64_t k;
    memset(vectors, 0, (size_t)(size * size) * sizeof *vectors);
    for (k = 0; k < size; k++) vectors[k * size + k] = 1;
    for (k = 0; k + 1 < size; k++) {
        double *v = matrix + k * size + k + 1, factor;
        const int64_t count = size - k - 1;
        values[k] = matrix[k * size + k];
        beside[k] = fe_reflection(v, count, &factor);
        fe_reflect_both(matrix + (k + 1) * size + k + 1, count, size, v, factor, work);
        fe_reflect_rows(vectors + (k + 1) * size, count, size, v, factor, work);
    }
    values[size - 1] = matrix[size * size - 1];
    beside[size - 1] = 0;
}

static void fe_rotate_rows(double *row, double *next, int64_t size, double c, double s)
{
    int64_t k;
    for (k = 0; k < size; k++) {
        const double low = row[k], high = next[k];
        row[k] = c * low - s * high;
        next[k] = s * low + c * high;
    }
}

/* One implicit QL step on the block first .. last. */
static void fe_ql_step(double *d, double *e, double *vectors, int64_t size, int64_t first, int64_t last)
{
    const double lean = (d[first + 1] - d[first]) / (2 * e[first]), root = fe_length(lean, 1);
    double g = d[last] - d[first] + e[first] / (lean + (lean < 0 ? -root : root));
    double c = 1, s = 1, moved = 0;
    int64_t k;
    for (k = last - 1; k >= first; k--) {
        const double f = s * e[k], b = c * e[k], r = fe_length(f, g);
        double turn;
        e[k + 1] = r;
        if (r == 0) { /* the block falls apart here */
            d[k + 1] -= moved;
            e[last] = 0;
            return;
        }
        s = f / r, c = g / r;
        g = d[k + 1] - moved;
        turn = (d[k] - g) * s + 2 * c * b;
        moved = s * turn;
        d[k + 1] = g + moved;
        g = c * turn - b;
        fe_rotate_rows(vectors + k * size, vectors + (k + 1) * size, size, c, s);
    }
    d[first] -= moved;
    e[first] = g;
    e[last] = 0;
}

void fe_eigen(double *matrix, int64_t size, double *values, double *vectors, double *work)
{
    double *beside = work;
    int64_t first, last;
    int step;
    fe_three_diagonals(matrix, size, values, beside, vectors, work + size);
    for (first = 0; first < size; first++)
        for (step = 0; step < FE_MOST_STEPS; step++) {
            for (last = first; last + 1 < size; last++)
                if (fe_abs(beside[last]) <= fe_epsilon * (fe_abs(values[last]) + fe_abs(values[last + 1]))) break;
            if (last == first) break;
            fe_ql_step(values, beside, vectors, size, first, last);
        }
}
