/* The files of a person's bundle, from those of its base and what an enrollment gave. */
#ifndef FACEDGE_PERSONAL_H
#define FACEDGE_PERSONAL_H

#include "buffer.h"
#include "calibration.h"
#include "verifier.h"

/* What an enrollment gave. */
typedef struct {
    const char *name;
    const calibration *calibration;
    const fe_enrolled *found;
    const float *embeddings; /* of the samples, one after the other */
} fitted_person;

typedef struct {
    bundle_file *files;
    size_t count;
    buffer head, verifier, enrolled, golden, manifest, seal;
} personal;

/* *out is for personal_free, whatever the status. */
facedge_status personal_make(const facedge *base, const fitted_person *person, personal *out, char *why, size_t why_size);
void personal_free(personal *p);

#endif
