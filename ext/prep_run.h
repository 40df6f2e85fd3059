/* Inside of prep.c: outputs past the caches. */
#ifndef FACEDGE_PREP_RUN_H
#define FACEDGE_PREP_RUN_H

#include "prep_plan.h"

/* Outputs of at least so many bytes bypass the caches, where an engine can write them so: they are too many for whoever
 * reads them to find them in one, and writing in place would first read what is there. */
#ifndef FE_STREAM
#define FE_STREAM (8 << 20)
#endif

enum { FE_LINE_FLOATS = 16 }; /* floats of a cache line */

/* Floats in the order of memory, written in whole cache lines: those that do not fill one yet wait here, at its end. */
typedef struct {
    float waiting[FE_LINE_FLOATS];
    int begun;
} fe_waiting;

/* How many floats from `at` to where a cache line begins: 0..15. */
static inline int32_t fe_run_before(const float *at)
{
    return (int32_t)((64 - (uintptr_t)at % 64) % 64 / sizeof *at);
}

/* A run takes rows of whole cache lines that follow each other without a gap. */
static inline int fe_run_fits(const fe_plan *p, size_t count, const float *out, ptrdiff_t out_stride)
{
    const size_t image = (size_t)p->out_width * (size_t)p->out_height;
    return p->out_width % FE_LINE_FLOATS == 0 && (size_t)out_stride == image && (uintptr_t)out % sizeof *out == 0 &&
           count >= FE_STREAM / sizeof *out / image;
}

/* What still waits is written before `end`; after this, what bypassed the caches is there for other threads. */
static inline void fe_run_end(const fe_waiting *run, float *end)
{
    const size_t rest = run->begun ? (size_t)(FE_LINE_FLOATS - fe_run_before(end)) : 0;
    memcpy(end - rest, run->waiting + FE_LINE_FLOATS - rest, rest * sizeof *end);
#ifdef __GNUC__
    __sync_synchronize();
#endif
}

#endif
