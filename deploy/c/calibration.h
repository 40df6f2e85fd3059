/* What a bundle enrolls with, as the core takes it: calibration.json (deploy/FORMAT.md section 11) and the cohort. */
#ifndef FACEDGE_CALIBRATION_H
#define FACEDGE_CALIBRATION_H

#include "bundle.h"
#include "enrollment.h"

typedef struct {
    json *text; /* calibration.json, checked whole */
    fe_calibration_table table;
    fe_cohort cohort;
    long long identities, comparisons;
} calibration;

/* Refuses a bundle without a cohort or a table, and one with impostors of its user's own. *out is for calibration_free,
 * whatever the status. */
facedge_status calibration_read(const bundle *b, calibration *out, char *why, size_t why_size);
void calibration_free(calibration *c);

/* The name of a condition of the table; NULL for -1. */
const char *calibration_condition(const calibration *c, int64_t condition);

#endif
