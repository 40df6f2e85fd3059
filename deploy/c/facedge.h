/* facedge in C: an aligned face crop and a bundle in, a decision out.
 *
 *     facedge *verifier;
 *     char why[256];
 *     if (facedge_open("ana.facedge", NULL, &verifier, why, sizeof why) != FACEDGE_OK) { puts(why); exit(2); }
 *     facedge_image crop = {pixels, 218, 178, 178 * 3};
 *     facedge_decision decision;
 *     if (facedge_verify(verifier, &crop, &decision, why, sizeof why) == FACEDGE_OK && decision.accepted) open_door();
 *     facedge_close(verifier);
 *
 * Ownership: what facedge_open gives belongs to the caller and ends with facedge_close; everything else stays with
 *   whoever made it. No function keeps a pointer to its arguments.
 * Threads: an open verifier never changes. Any number of threads may use one at a time; close it when all are done.
 * Errors: every function that can fail returns a status and writes one sentence into `why` (cut to why_size, always
 *   terminated; NULL and 0 are fine). On an error `decision.accepted` is 0: it fails closed.
 * Process: facedge_open sets ORT_DISABLE_TELEMETRY=1 in the environment, unless it is set, before onnxruntime loads.
 */
#ifndef FACEDGE_H
#define FACEDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    FACEDGE_OK = 0,
    FACEDGE_BAD_ARGUMENT = 1,
    FACEDGE_BAD_BUNDLE = 2,   /* damaged, edited, too new, or of a preprocessing that this code does not implement */
    FACEDGE_NOT_ENROLLED = 3, /* the bundle's head is a template: it verifies nobody */
    FACEDGE_NO_ENGINE = 4,    /* onnxruntime's library is missing or a call of it failed */
    FACEDGE_NO_MEMORY = 5
} facedge_status;

typedef enum { FACEDGE_AS_CALIBRATED = 0, FACEDGE_FP32 = 1, FACEDGE_INT8 = 2 } facedge_precision;

typedef struct {
    const char *onnxruntime; /* path of libonnxruntime.so; NULL: $FACEDGE_ONNXRUNTIME, else the system's */
    int threads;             /* of inference; 0 means 1 */
    facedge_precision precision;
} facedge_options;

/* An aligned RGB crop in CelebA geometry, of any size: 3 bytes a pixel, row_stride bytes from one row to the next. */
typedef struct {
    const uint8_t *pixels;
    int64_t height, width;
    ptrdiff_t row_stride;
} facedge_image;

typedef struct {
    int accepted; /* score >= threshold */
    float score;  /* 0..1, higher is more alike; NaN for low_quality */
    double threshold;
    const char *reason; /* NULL where accepted, else "below_threshold", or "low_quality": almost flat, never scored */
} facedge_decision;

/* The outputs of the models for one image. NULL pointers are skipped; sizes as facedge_* below. */
typedef struct {
    float *tensor;      /* size * size: the backbone's input */
    float *embedding;   /* embedding_size, of length 1 */
    float *attributes;  /* attribute_count, probabilities */
    float *probability; /* 1 */
} facedge_answer;

typedef struct facedge facedge;

/* Read and check a bundle directory, load its models. options may be NULL. */
facedge_status facedge_open(const char *bundle, const facedge_options *options, facedge **verifier, char *why,
                            size_t why_size);
void facedge_close(facedge *verifier); /* NULL is fine */

int64_t facedge_size(const facedge *verifier);
int64_t facedge_embedding_size(const facedge *verifier);
int64_t facedge_attribute_count(const facedge *verifier);
const char *facedge_attribute_name(const facedge *verifier, int64_t column); /* NULL beyond the last */

/* Is it the person that the bundle is about? */
facedge_status facedge_verify(const facedge *verifier, const facedge_image *image, facedge_decision *decision, char *why,
                              size_t why_size);

/* The numbers behind it; works without an enrolled person too. */
facedge_status facedge_infer(const facedge *verifier, const facedge_image *image, const facedge_answer *answer, char *why,
                             size_t why_size);

#ifdef __cplusplus
}
#endif

#endif
