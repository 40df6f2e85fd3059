/* Which photos of an enrollment do not match the others: facedge/enrollment/consistency.py in C, without earlier samples. */
#include <string.h>

#include "enrollment_parts.h"
#include "fe_math.h"

static const double fe_per_photo = 7.5, fe_most_photos = 12, fe_single = 7.0, fe_per_single = 7.0;
static const double fe_per_grouped = 6.0, fe_one_moment = 0.5;

/* What one search works in. Groups are rows of `count` bytes: 1 for a photo that is inside. */
typedef struct {
    int64_t count, size;
    const double *variance;
    double *photos;              /* count x size, projected */
    uint8_t *groups;             /* every group that arises: 2 count - 1 */
    double *sums, *logs;         /* of the groups that exist: count x size, and their part of the likelihood */
    int64_t *sizes, *rows;       /* of the same: photos, and the group's row; size 0: merged into another */
    double *ratios;              /* count x count, above the diagonal */
    double *scales;              /* for n photos the logarithm of the scale: count + 1 */
    double *one, *other, *squares, *other_squares; /* size each */
} fe_mixed;

static int64_t fe_bytes_as_doubles(int64_t bytes) { return (bytes + 7) / 8; }

int64_t fe_mismatch_doubles(int64_t count, int64_t size)
{
    return fe_bytes_as_doubles((2 * count - 1) * count) + fe_bytes_as_doubles(count) + count * size + 5 * count + count * count + 1 +
           4 * size;
}

static double *fe_take_doubles(double **from, int64_t count)
{
    double *taken = *from;
    *from += count;
    return taken;
}

static fe_mixed fe_lay_out(const double *variance, double *photos, int64_t count, int64_t size, double **work)
{
    fe_mixed m;
    m.count = count, m.size = size, m.variance = variance, m.photos = photos;
    m.groups = (uint8_t *)fe_take_doubles(work, fe_bytes_as_doubles((2 * count - 1) * count));
    m.sums = fe_take_doubles(work, count * size);
    m.logs = fe_take_doubles(work, count);
    m.sizes = (int64_t *)fe_take_doubles(work, count);
    m.rows = (int64_t *)fe_take_doubles(work, count);
    m.ratios = fe_take_doubles(work, count * count);
    m.scales = fe_take_doubles(work, count + 1);
    m.one = fe_take_doubles(work, size), m.other = fe_take_doubles(work, size);
    m.squares = fe_take_doubles(work, size), m.other_squares = fe_take_doubles(work, size);
    return m;
}

static double fe_log_scale(const fe_mixed *m, double photos)
{
    double sum = 0;
    int64_t d;
    for (d = 0; d < m->size; d++) sum += fe_log(1 + photos * m->variance[d]);
    return sum;
}

/* The part of a group's log likelihood that depends on which photos are together. more: NULL, or what joins `sums`. */
static double fe_log_likelihood(const fe_mixed *m, const double *sums, const double *more, double photos, double scale)
{
    double found = 0;
    int64_t d;
    for (d = 0; d < m->size; d++) {
        const double sum = more ? sums[d] + more[d] : sums[d];
        found += sum * sum * m->variance[d] / (1 + photos * m->variance[d]);
    }
    return (found - scale) / 2;
}

/* How much better two people explain two groups than one person. */
static double fe_two_people(const fe_mixed *m, int64_t one, int64_t other)
{
    const int64_t photos = m->sizes[one] + m->sizes[other];
    return m->logs[one] + m->logs[other] -
           fe_log_likelihood(m, m->sums + one * m->size, m->sums + other * m->size, (double)photos, m->scales[photos]);
}

static void fe_start_groups(const fe_mixed *m)
{
    int64_t one, other;
    memset(m->groups, 0, (size_t)((2 * m->count - 1) * m->count));
    memcpy(m->sums, m->photos, (size_t)(m->count * m->size) * sizeof *m->sums);
    for (one = 0; one <= m->count; one++) m->scales[one] = fe_log_scale(m, (double)one);
    for (one = 0; one < m->count; one++) {
        m->groups[one * m->count + one] = 1;
        m->sizes[one] = 1, m->rows[one] = one;
        m->logs[one] = fe_log_likelihood(m, m->sums + one * m->size, NULL, 1, m->scales[1]);
    }
    for (one = 0; one < m->count; one++)
        for (other = one + 1; other < m->count; other++) m->ratios[one * m->count + other] = fe_two_people(m, one, other);
}

/* The two groups that are the least different; the first of equals. */
static void fe_least_different(const fe_mixed *m, int64_t *kept, int64_t *gone)
{
    double least = fe_infinity();
    int64_t one, other;
    for (one = 0; one < m->count; one++)
        for (other = one + 1; m->sizes[one] && other < m->count; other++)
            if (m->sizes[other] && !(m->ratios[one * m->count + other] >= least)) {
                least = m->ratios[one * m->count + other];
                *kept = one, *gone = other;
            }
}

static void fe_merge(const fe_mixed *m, int64_t kept, int64_t gone, int64_t row)
{
    const uint8_t *one = m->groups + m->rows[kept] * m->count, *other = m->groups + m->rows[gone] * m->count;
    double *sums = m->sums + kept * m->size;
    int64_t k;
    for (k = 0; k < m->count; k++) m->groups[row * m->count + k] = one[k] | other[k];
    for (k = 0; k < m->size; k++) sums[k] += m->sums[gone * m->size + k];
    m->sizes[kept] += m->sizes[gone], m->sizes[gone] = 0;
    m->rows[kept] = row;
    m->logs[kept] = fe_log_likelihood(m, sums, NULL, (double)m->sizes[kept], m->scales[m->sizes[kept]]);
    for (k = 0; k < m->count; k++)
        if (m->sizes[k] && k != kept)
            m->ratios[k < kept ? k * m->count + kept : kept * m->count + k] = fe_two_people(m, kept, k);
}

/* Photos of one moment count as fewer: L. Kish's design effect. sums become those of so many independent photos. */
static double fe_worth(double *sums, const double *squares, int64_t photos, int64_t size)
{
    const double number = (double)photos;
    double variance = 0, correlation, worth;
    int64_t d;
    for (d = 0; d < size; d++) {
        const double mean = sums[d] / number;
        variance += squares[d] / number - mean * mean;
    }
    variance = variance / (double)size * number / (photos > 2 ? number - 1 : 1);
    correlation = photos > 1 ? 1 - variance / fe_one_moment : 0;
    correlation = correlation < 0 ? 0 : correlation > 1 ? 1 : correlation;
    worth = number / (1 + (number - 1) * correlation);
    for (d = 0; d < size; d++) sums[d] *= worth / number;
    return worth;
}

/* The ratio of a group of so many photos against all the rest. */
static double fe_against_rest(const fe_mixed *m, const uint8_t *group, int64_t inside)
{
    const size_t bytes = (size_t)m->size * sizeof *m->one;
    double worth, rest;
    int64_t k, d;
    memset(m->one, 0, bytes), memset(m->other, 0, bytes);
    memset(m->squares, 0, bytes), memset(m->other_squares, 0, bytes);
    for (k = 0; k < m->count; k++) {
        double *sums = group[k] ? m->one : m->other, *squares = group[k] ? m->squares : m->other_squares;
        const double *photo = m->photos + k * m->size;
        for (d = 0; d < m->size; d++) sums[d] += photo[d], squares[d] += photo[d] * photo[d];
    }
    worth = fe_worth(m->one, m->squares, inside, m->size);
    rest = fe_worth(m->other, m->other_squares, m->count - inside, m->size);
    return fe_log_likelihood(m, m->one, NULL, worth, fe_log_scale(m, worth)) +
           fe_log_likelihood(m, m->other, NULL, rest, fe_log_scale(m, rest)) -
           fe_log_likelihood(m, m->one, m->other, worth + rest, fe_log_scale(m, worth + rest));
}

/* The ratio from which on `smaller` photos out of all are questioned. */
static double fe_limit(int64_t photos, int64_t smaller)
{
    const double counted = (double)photos < fe_most_photos ? (double)photos : fe_most_photos;
    const double all = fe_per_photo * counted, more = counted > 2 ? counted - 2 : 0;
    const double single = fe_single + fe_per_single * fe_sqrt(more * fe_sqrt(more)); /* to the power of 3/4 */
    if (smaller == 1) return single < all ? single : all;
    return all + fe_per_grouped * (double)(smaller - 2);
}

/* The group that is the least of one person with the rest; NULL where no ratio reaches its limit. */
static const uint8_t *fe_worst_group(const fe_mixed *m, int64_t *inside)
{
    const uint8_t *worst = NULL;
    double most = 0;
    int64_t row, k, kept = 0, gone = 0;
    fe_start_groups(m);
    for (row = m->count; row < 2 * m->count - 1; row++) {
        fe_least_different(m, &kept, &gone);
        fe_merge(m, kept, gone, row);
    }
    for (row = 0; row < 2 * m->count - 2; row++) { /* the last is all of them */
        const uint8_t *group = m->groups + row * m->count;
        int64_t own = 0;
        double over;
        for (k = 0; k < m->count; k++) own += group[k];
        over = fe_against_rest(m, group, own) - fe_limit(m->count, own < m->count - own ? own : m->count - own);
        if (over > most) most = over, worst = group, *inside = own;
    }
    return worst;
}

int64_t fe_find_mismatched(const double *variance, double *projected, int64_t count, int64_t size, uint8_t *mismatched,
                           double *work)
{
    uint8_t *there = (uint8_t *)fe_take_doubles(&work, fe_bytes_as_doubles(count)); /* 1: still among the photos */
    int64_t left = count, found, k;
    memset(mismatched, 0, (size_t)count);
    memset(there, 1, (size_t)count);
    while (left > 1) {
        double *from = work;
        const fe_mixed m = fe_lay_out(variance, projected, left, size, &from);
        int64_t inside = 0, at = 0, stay = 0;
        const uint8_t *group = fe_worst_group(&m, &inside);
        if (!group) break;
        for (k = 0; k < count; k++) { /* the smaller group goes, both where they are equal */
            int goes;
            if (!there[k]) continue;
            goes = 2 * inside == left || (2 * inside < left ? group[at] : !group[at]);
            if (goes) mismatched[k] = 1, there[k] = 0;
            else memmove(projected + size * stay++, projected + size * at, (size_t)size * sizeof *projected);
            at++;
        }
        left = stay;
    }
    for (k = 0, found = 0; k < count; k++) found += mismatched[k];
    return found;
}
