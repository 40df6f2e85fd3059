/* Views of a face: which are the same photo, which are varied enough to enroll with, and the template that they make.
 * The rules and their constants are those of facedge/enrollment/{duplicates,capture,calibration,fit}.py. */
#ifndef FACEDGE_SAMPLES_H
#define FACEDGE_SAMPLES_H

#include "bundle.h"
#include "faces.h"

enum { FACE_SIDE = 65, FACE_PIXELS = FACE_SIDE * FACE_SIDE };

typedef struct {
    float *embedding;        /* of length 1; for free(), as is crop */
    double *crop, place[4];  /* grey levels of the face, of mean 0 and length 1; the face as shares of the picture */
    int placed;              /* 0: the photo came aligned, and has no place */
} sample;

/* The grey levels of the face in an aligned crop of any size, of mean 0 and length 1: FACE_PIXELS numbers. */
fe_status sample_crop(const fe_frame *crop, double *grey);
int sample_is_copy(const sample *one, const sample *other, int64_t size);
void sample_free(sample *one);

/* The places of at most `most` samples, as different from each other as possible, ascending, into kept; returns how many,
 * or -1 without memory. */
int64_t samples_varied(const sample *samples, int64_t count, int64_t most, int64_t size, int64_t *kept);

/* A fold left out of a template: samples k with k % folds == left_out; folds 0 leaves none out. mean may be NULL. 1, or 0
 * where the samples have nothing in common. */
int samples_template(const sample *samples, const int64_t *kept, int64_t count, int64_t folds, int64_t left_out, int64_t size,
                     double *mean, double *direction);

double sample_score(const float *embedding, const double *direction, int64_t size);

/* How many of the samples kept are refused by a template of the others, in FOLDS folds; -1 where a template fails. */
int64_t samples_refused(const sample *samples, const int64_t *kept, int64_t count, double threshold, int64_t size,
                        double *direction);

double median_of(double *values, int64_t count); /* sorts them */

#endif
