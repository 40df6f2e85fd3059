/* calibration.json: the threshold of an enrollment without trials on the cohort. deploy/FORMAT.md section 11. */
#ifndef FACEDGE_CALIBRATION_H
#define FACEDGE_CALIBRATION_H

#include "bundle.h"

enum { MOST_POINTS = 1024 };

typedef struct {
    double far_target, cosine, low95, high95, frr;
} table_point;

/* What the table gives for one enrollment. */
typedef struct {
    double slope, shift, calibration_error; /* probability = 1 / (1 + exp(-(slope cosine + shift))) */
    table_point *points;                    /* for free() */
    size_t count, chosen;
    double frr_before;     /* at the chosen point, before a condition raised it */
    const char *condition; /* the name of the one that raised the chosen point; NULL where none did */
    long long identities, comparisons;
} table_choice;

/* The table of a bundle, checked whole; *table is for json_free. */
facedge_status table_read(const bundle *b, json **table, char *why, size_t why_size);

/* For an enrollment by `images` samples of mean embedding `mean` and template `direction`.
 * far: a target FAR of the table; 0 for 0.001, or the lowest above it. *out points into the table. */
facedge_status table_choose(const json *table, int64_t images, double far, const double *mean, const double *direction,
                            table_choice *out, char *why, size_t why_size);

double table_probability(const table_choice *choice, double cosine);

#endif
