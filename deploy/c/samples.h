/* Views of a face, and which of them are the same photo, by the rules of facedge/enrollment/duplicates.py. */
#ifndef FACEDGE_SAMPLES_H
#define FACEDGE_SAMPLES_H

#include "bundle.h"
#include "faces.h"

enum { FACE_SIDE = 65, FACE_PIXELS = FACE_SIDE * FACE_SIDE };

typedef struct {
    float *embedding;        /* of length 1; for free(), as is crop */
    double *crop, place[4];  /* grey levels of the face, of mean 0 and length 1; the face as shares of the picture */
    int placed;              /* 0: the photo came aligned, and has no place */
    int64_t photo;           /* its number among those that were added, from 1 */
} sample;

/* The grey levels of the face in an aligned crop of any size, of mean 0 and length 1: FACE_PIXELS numbers. */
fe_status sample_crop(const fe_frame *crop, double *grey);
int sample_is_copy(const sample *one, const sample *other, int64_t size);
void sample_free(sample *one);

double median_of(double *values, int64_t count); /* sorts them */

#endif
