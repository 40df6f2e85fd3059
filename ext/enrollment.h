/* Enrolling without training: embeddings of a person, with a bundle's cohort and calibration table -> samples, template,
 * threshold, and what is wrong with them.
 *
 * C99, no threads, no allocation: all work is done in memory that the caller gives. The numpy versions, in
 * facedge/enrollment/ (consistency, capture, calibration, conditions, fit and source_check), explain the rules and state
 * the measurements behind their constants; deploy/FORMAT.md sections 11 and 12 define them for other hosts.
 *
 *     double *memory = malloc(fe_enroll_doubles(&asked) * sizeof *memory);
 *     fe_enrolled found;
 *     fe_enroll(&asked, memory, &found);           // found.fault == FE_ENROLLED: found.weight, found.bias, ...
 *
 * Embeddings are float32 of length 1, `size` numbers each, one after the other.
 */
#ifndef FACEDGE_ENROLLMENT_H
#define FACEDGE_ENROLLMENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* People whom the threshold was set on. identities: equal numbers are one person; NULL: each row is one. */
typedef struct {
    const float *embeddings;
    const int32_t *identities;
    int64_t rows;
} fe_cohort;

/* calibration.json, checked, as numbers: the target FAR of each point; then for each row images, slope, shift,
 * calibration_error and, for each point, threshold, far_low95, far_upper95, frr; then for each condition mean and
 * direction, and for each row limit, and for each point above, frr. */
typedef struct {
    int64_t rows, points, conditions;
    const double *numbers;
} fe_calibration_table;

/* How many numbers a table of this shape has. */
int64_t fe_table_numbers(const fe_calibration_table *table, int64_t size);

/* An operating point: accept from this cosine on. */
typedef struct {
    double target, cosine, low95, high95, frr;
} fe_point;

/* What the table gives for one enrollment. probability = 1 / (1 + exp(-(slope cosine + shift))). */
typedef struct {
    double slope, shift, error;
    double frr_before;  /* at the chosen point, before a condition raised it */
    fe_point *points;   /* as many as the table has */
    int64_t chosen;     /* the point in force */
    int64_t condition;  /* that raised it; -1 where none did */
} fe_calibrated;

typedef enum {
    FE_ENROLLED = 0,
    FE_NOTHING_COMMON = 1, /* the embeddings cancel out */
    FE_SEVERAL_PEOPLE = 2, /* `mismatched` tells which */
    FE_NO_SUCH_FAR = 3,    /* the table does not hold it */
    FE_MOSTLY_REFUSED = 4  /* `refused` of `samples` */
} fe_enroll_fault;

typedef struct {
    const float *embeddings; /* of photos or frames of one person, copies left out */
    int64_t count, size;
    int64_t most; /* samples that are kept */
    double far;   /* asked: a target of the table; 0 for 0.001, or the lowest above it */
    fe_calibration_table table;
    fe_cohort cohort;
} fe_enroll_asked;

/* Pointers lead into the caller's memory. */
typedef struct {
    fe_enroll_fault fault;
    uint8_t *mismatched; /* for each embedding: 1 where it does not match the others */
    int64_t samples, *kept; /* the places of the embeddings that the template is made of, ascending */
    fe_calibrated calibrated;
    float threshold;          /* of the probability, at the chosen point */
    double *direction;        /* the template: the mean embedding's direction, of length 1 */
    double *weight, bias;     /* logit = weight . embedding + bias */
    int64_t refused;          /* samples that a template of the others refuses; -1 with one sample */
    int64_t passed, passed_people; /* of the cohort, that pass as this person */
    double likeness;          /* mean cosine between the samples; NaN with one */
    double nearness; /* to the mean of all people, in standard deviations of the cohort's people; NaN without such people */
} fe_enrolled;

/* Beyond these a user should be warned: people in general are like this template; the samples are of one moment. */
extern const double FE_MOST_NEARNESS, FE_MOST_LIKENESS;

/* Doubles of memory that fe_enroll needs; -1 for sizes that make no sense. */
int64_t fe_enroll_doubles(const fe_enroll_asked *asked);
void fe_enroll(const fe_enroll_asked *asked, double *memory, fe_enrolled *found);

float fe_probability(const fe_calibrated *calibrated, double cosine);

#ifdef __cplusplus
}
#endif

#endif
