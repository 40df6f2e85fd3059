/* The face of a photo as a sample, by the rules of quality of facedge/faces/quality.py. */
#ifndef FACEDGE_PHOTO_SAMPLE_H
#define FACEDGE_PHOTO_SAMPLE_H

#include "samples.h"
#include "verifier.h"

/* The sample of a job that has a crop; *fault, NULL before, is why it is none. s is for sample_free, whatever the status.
 * work: FE_COPY_WORK doubles; NULL where no copies are looked for. */
facedge_status take_sample(const facedge *base, const job *j, double *work, sample *s, const char **fault, char *why, size_t why_size);

#endif
