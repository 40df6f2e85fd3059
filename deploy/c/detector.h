/* The detector network YuNet (2023mar), which facedge does not contain: its file, and one session for inputs of any size. */
#ifndef FACEDGE_DETECTOR_H
#define FACEDGE_DETECTOR_H

#include "engine.h"
#include "facedge.h"
#include "faces.h"

typedef struct detector detector;

/* path: NULL for $FACEDGE_DETECTOR. The file is read at the first run. NULL where memory is out. */
detector *detector_create(const engine *e, const char *path, int threads);
void detector_destroy(detector *d);

/* Fill the outputs that a search asks for. */
facedge_status detector_run(detector *d, const fe_run *run, char *why, size_t why_size);

#endif
