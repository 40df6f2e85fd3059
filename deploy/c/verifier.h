/* Inside of an open verifier, shared by facedge.c, find.c and enroll.c. */
#ifndef FACEDGE_VERIFIER_H
#define FACEDGE_VERIFIER_H

#include "bundle.h"
#include "detector.h"
#include "engine.h"
#include "facedge.h"

struct facedge {
    bundle bundle;
    engine *engine;
    session *backbone, *head;
    detector *detector;
};

/* The decision on an aligned crop, whatever its strides. */
facedge_status decide(const facedge *f, const fe_frame *crop, facedge_decision *decision, char *why, size_t why_size);

/* The models' answer about an aligned crop, whatever its strides. */
facedge_status infer(const facedge *f, const fe_frame *crop, const facedge_answer *answer, char *why, size_t why_size);

/* A photo that is searched: the photo as a frame, and the search where it is no crop. */
typedef struct {
    fe_frame frame;
    uint8_t *made;
    fe_search *search; /* NULL where the photo is an aligned crop */
} job;

extern const char *const search_reasons[]; /* by fe_reason; NULL for FE_FOUND */

/* wanted may point to NULL, for the defaults. Only where this is FACEDGE_OK the job has to be ended. */
facedge_status job_begin(const facedge *f, const facedge_photo *photo, const facedge_search **wanted, job *j, char *why,
                         size_t why_size);
void job_end(job *j);
fe_frame crop_of(const job *j); /* the aligned crop; pixels NULL where there is none */

#endif
