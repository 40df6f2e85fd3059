/* Inside of an open verifier, shared by facedge.c and find.c. */
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

#endif
