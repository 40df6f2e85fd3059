/* Views of a face, each with that by which copies of its photo are found. */
#ifndef FACEDGE_SAMPLES_H
#define FACEDGE_SAMPLES_H

#include "bundle.h"
#include "copies.h"

typedef struct {
    float *embedding;            /* of length 1; for free(), as is the fingerprint */
    fe_fingerprint *fingerprint; /* NULL where no copies are looked for */
    int64_t photo;               /* its number among those that were added, from 1 */
} sample;

void sample_free(sample *one);

double median_of(double *values, int64_t count); /* sorts them */

#endif
