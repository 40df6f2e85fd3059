/* A caller's photo as a frame of RGB bytes. */
#ifndef FACEDGE_PHOTO_H
#define FACEDGE_PHOTO_H

#include "faces.h"
#include "facedge.h"

/* The photo turned upright. A view of the caller's pixels, but for NV12: then *made holds them, for free(). */
facedge_status photo_frame(const facedge_photo *photo, fe_frame *frame, uint8_t **made, char *why, size_t why_size);

#endif
