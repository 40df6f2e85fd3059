/* Whether two photos are copies of one: facedge/enrollment/duplicates.py and facedge/faces/motion.py in C, which explain
 * the rule and state the measurements behind its constants.
 *
 * C99, no threads, no allocation. A photo is compared by its aligned crop at half scale, as fe_half_scale gives it. */
#ifndef FACEDGE_COPIES_H
#define FACEDGE_COPIES_H

#include "faces.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels of the face, from the forehead to the chin; doubles of work that each of these functions needs. */
enum { FE_FACE_PIXELS = 1382, FE_COPY_WORK = 2 * FE_HALF_PIXELS };

/* What shows that a photo is a copy of another one. */
typedef struct {
    double face[FE_HALF_PIXELS];       /* in even light, row by row */
    double blurred[2][FE_FACE_PIXELS]; /* of the blurred face and of its mirror image: mean 0, length 1 */
} fe_fingerprint;

/* half: FE_HALF_HEIGHT rows of FE_HALF_WIDTH grey levels. */
void fe_take_fingerprint(const uint8_t *half, fe_fingerprint *photo, double *work);

/* The correlation of both faces after the affine motion from one to the other, or to the other's mirror image. */
double fe_moved_likeness(const fe_fingerprint *photo, const fe_fingerprint *other, int mirrored, double *work);

/* Whether both are of one photo, or one of the other's mirror image. */
int fe_same_photo(const fe_fingerprint *photo, const fe_fingerprint *other, double *work);

#ifdef __cplusplus
}
#endif

#endif
