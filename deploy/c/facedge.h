/* facedge in C: a photo, a camera's frame or an aligned crop, and a bundle in; a decision, or a person's bundle, out.
 *
 *     facedge *verifier;
 *     char why[256];
 *     if (facedge_open("ana.facedge", NULL, &verifier, why, sizeof why) != FACEDGE_OK) { puts(why); exit(2); }
 *     facedge_photo photo = FACEDGE_PHOTO(pixels, height, width, width * 3, FACEDGE_RGB);
 *     facedge_result result = FACEDGE_RESULT;
 *     if (facedge_verify_photo(verifier, &photo, NULL, &result, why, sizeof why) == FACEDGE_OK && result.accepted)
 *         unlock();
 *     facedge_close(verifier);
 *
 * Ownership: what facedge_open gives belongs to the caller and ends with facedge_close; everything else stays with
 *   whoever made it. Only an enrollment keeps a pointer to an argument, its base.
 * Threads: any number of threads may use an open verifier at a time; close it when all are done.
 * Errors: every function that can fail returns a status and writes one sentence into `why` (cut to why_size, always
 *   terminated; NULL and 0 are fine). On an error `accepted` is 0: it fails closed.
 * Process: facedge_open sets ORT_DISABLE_TELEMETRY=1 in the environment, unless it is set, before onnxruntime loads, which it
 *   does on a thread of its own while the bundle is read.
 * ABI: structs that begin with struct_size may grow at their end; set it to their size as you compiled it, which their
 *   initializers do. Other structs never change. The soname rises when a function changes.
 */
#ifndef FACEDGE_H
#define FACEDGE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FACEDGE_API __attribute__((visibility("default")))
#else
#define FACEDGE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define FACEDGE_VERSION "0.1.0"

FACEDGE_API const char *facedge_version(void); /* of the library; FACEDGE_VERSION is the header's */

typedef enum {
    FACEDGE_OK = 0,
    FACEDGE_BAD_ARGUMENT = 1,
    FACEDGE_BAD_BUNDLE = 2,   /* damaged, edited, too new, or of a preprocessing that this code does not implement */
    FACEDGE_NOT_ENROLLED = 3, /* the bundle's head is a template: it verifies nobody */
    FACEDGE_NO_ENGINE = 4,    /* onnxruntime's library is missing, too old, or a call of it failed */
    FACEDGE_NO_MEMORY = 5,
    FACEDGE_NO_DETECTOR = 6,  /* photos need the detector's file, and it is missing or another one */
    FACEDGE_NO_SAMPLES = 7,   /* the photos do not enroll anybody: none is good enough, or they do not fit each other */
    FACEDGE_OCCUPIED = 8,     /* somebody is enrolled there already, or something else is there */
    FACEDGE_NO_STORAGE = 9    /* the disk is full or cannot be written; nothing has changed */
} facedge_status;

typedef enum { FACEDGE_AS_CALIBRATED = 0, FACEDGE_FP32 = 1, FACEDGE_INT8 = 2 } facedge_precision;

typedef struct {
    size_t struct_size;
    const char *onnxruntime; /* path of libonnxruntime.so; NULL: $FACEDGE_ONNXRUNTIME, else the system's */
    const char *detector;    /* path of face_detection_yunet_2023mar.onnx; NULL: $FACEDGE_DETECTOR; for photos only */
    int threads;             /* of one inference; 0 means 1 */
    facedge_precision precision;
} facedge_options;

#define FACEDGE_OPTIONS {sizeof(facedge_options), NULL, NULL, 0, FACEDGE_AS_CALIBRATED}

typedef struct facedge facedge;

/* One file of a bundle in memory. */
typedef struct {
    const char *name;
    const void *data;
    size_t size;
} facedge_file;

/* Read and check a bundle, from its directory or its NAME.facedge.zip, from its files or the bytes of its zip, and load its
 * models. options may be NULL. Of zips, deflated files need zlib (libz.so.1, loaded when it is needed). */
FACEDGE_API facedge_status facedge_open(const char *bundle, const facedge_options *options, facedge **verifier,
                                        char *why, size_t why_size);
FACEDGE_API facedge_status facedge_open_files(const facedge_file *files, size_t count, const facedge_options *options,
                                              facedge **verifier, char *why, size_t why_size);
FACEDGE_API facedge_status facedge_open_zip(const void *zip, size_t size, const facedge_options *options, facedge **verifier,
                                            char *why, size_t why_size);
FACEDGE_API void facedge_close(facedge *verifier); /* NULL is fine */

FACEDGE_API int64_t facedge_size(const facedge *verifier); /* S: the network's input has S * S values */
FACEDGE_API int64_t facedge_embedding_size(const facedge *verifier);
FACEDGE_API int64_t facedge_attribute_count(const facedge *verifier);
FACEDGE_API const char *facedge_attribute_name(const facedge *verifier, int64_t column); /* NULL beyond the last */

/* --- photos and frames --- */

typedef enum {
    FACEDGE_RGB = 0,
    FACEDGE_BGR = 1,
    FACEDGE_RGBA = 2, /* the fourth byte is not looked at */
    FACEDGE_BGRA = 3,
    FACEDGE_GREY = 4,
    FACEDGE_NV12 = 5  /* a plane of luma, and one of chroma at half size: BT.601, 16 to 235, as cameras give it */
} facedge_format;

typedef struct {
    size_t struct_size;
    const uint8_t *pixels;
    int64_t height, width;   /* as the pixels lie in memory; 1 to 16384 each */
    ptrdiff_t row_stride;    /* bytes from one row to the next; may be negative */
    facedge_format format;
    int rotation;            /* degrees clockwise that turn the picture upright: 0, 90, 180, 270 */
    const uint8_t *chroma;   /* of NV12: height / 2 rows of width bytes */
    ptrdiff_t chroma_stride;
} facedge_photo;

#define FACEDGE_PHOTO(pixels, height, width, row_stride, format) \
    {sizeof(facedge_photo), pixels, height, width, row_stride, format, 0, NULL, 0}

typedef enum { FACEDGE_LARGEST = 0, FACEDGE_CENTER = 1, FACEDGE_ONLY = 2 } facedge_policy;

/* How a photo is searched; NULL in place of one means FACEDGE_SEARCH. */
typedef struct {
    size_t struct_size;
    facedge_policy policy; /* which of several faces is meant; FACEDGE_ONLY refuses several */
    double min_face;       /* width of the smallest face: below 1 a share of the longer side, otherwise pixels */
    double min_score;      /* of the detector, 0 to 1 */
    int turn;              /* where no face is upright, search the photo turned by 90, 270 and 180 degrees too */
    int aligned;           /* 1: the photo is an aligned crop; 0: never; -1: where it has 178 x 218 or 89 x 109 pixels */
} facedge_search;

#define FACEDGE_SEARCH {sizeof(facedge_search), FACEDGE_LARGEST, 0.075, 0.6, 1, -1}

/* A face in pixels of the photo turned upright by `rotation`. */
typedef struct {
    double box[4];       /* x0 y0 x1 y1 */
    float landmarks[10]; /* x and y of the eye on the image's left, the other eye, nose, mouth left, mouth right */
    float detection;     /* the detector's score, 0 to 1 */
} facedge_face;

typedef struct {
    size_t struct_size;
    int accepted;       /* score >= threshold */
    float score;        /* 0..1, higher is more alike; NaN where nothing was scored */
    double threshold;
    const char *reason; /* NULL where accepted; below_threshold, or why nothing was scored: no_face, many_faces,
                           low_quality, rotated, distorted */
    int has_face;
    facedge_face face;  /* the face that is meant, where has_face */
    int64_t faces;      /* how many were found */
    int turned;         /* degrees clockwise by which the photo was turned to find the face */
    double stretch;     /* logarithm of the factor by which the picture seems widened; NaN where not measured */
} facedge_result;

#define FACEDGE_RESULT {sizeof(facedge_result), 0, 0, 0, NULL, 0, {{0}, {0}, 0}, 0, 0, 0}

/* Is the person that the bundle is about in the photo? */
FACEDGE_API facedge_status facedge_verify_photo(const facedge *verifier, const facedge_photo *photo,
                                                const facedge_search *search, facedge_result *result, char *why,
                                                size_t why_size);

enum { FACEDGE_CROP_WIDTH = 178, FACEDGE_CROP_HEIGHT = 218 };

/* The face that is meant and its aligned crop, FACEDGE_CROP_HEIGHT x FACEDGE_CROP_WIDTH x 3 bytes of RGB (NULL is fine;
 * untouched where reason is not NULL). Scores nothing, and works where nobody is enrolled. */
FACEDGE_API facedge_status facedge_find_face(const facedge *verifier, const facedge_photo *photo,
                                             const facedge_search *search, facedge_result *result, uint8_t *crop,
                                             char *why, size_t why_size);

/* Every face, largest first: at most `room` into faces, and how many there are into count. */
FACEDGE_API facedge_status facedge_list_faces(const facedge *verifier, const facedge_photo *photo,
                                              const facedge_search *search, facedge_face *faces, int64_t room,
                                              int64_t *count, char *why, size_t why_size);

/* --- aligned crops --- */

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

/* The outputs of the models for one image. NULL pointers are skipped; sizes as facedge_* above. */
typedef struct {
    float *tensor;      /* size * size: the backbone's input */
    float *embedding;   /* embedding_size, of length 1 */
    float *attributes;  /* attribute_count, probabilities */
    float *probability; /* 1 */
} facedge_answer;

/* Is it the person that the bundle is about? */
FACEDGE_API facedge_status facedge_verify(const facedge *verifier, const facedge_image *image,
                                          facedge_decision *decision, char *why, size_t why_size);

/* `count` crops -> as many decisions; stops at the first that fails, whose number, from 0, is in the sentence. */
FACEDGE_API facedge_status facedge_verify_batch(const facedge *verifier, const facedge_image *images, size_t count,
                                                facedge_decision *decisions, char *why, size_t why_size);

/* The numbers behind it; works without an enrolled person too. */
FACEDGE_API facedge_status facedge_infer(const facedge *verifier, const facedge_image *image,
                                         const facedge_answer *answer, char *why, size_t why_size);

/* --- enrolling --- */

/* A person's bundle from photos or frames, without training, as `facedge enroll` makes it: the same rules of quality and
 * of copies, the same choice of varied samples, template, threshold (from the base's calibration.json, raised where the
 * samples show a condition such as dark glasses) and head. The base is any open bundle with a cohort and a calibration.json.
 *
 *     facedge_enrollment *person;
 *     facedge_enroll_begin(base, NULL, &person, why, sizeof why);
 *     while (next_photo(&photo)) facedge_enroll_add(person, &photo, NULL, &fault, why, sizeof why);
 *     status = facedge_enroll_save(person, "ana.facedge", NULL, 0, NULL, why, sizeof why);
 *     facedge_enroll_end(person);
 *
 * What only `facedge enroll` does: impostors of the user's own, adding to somebody who is enrolled, a FAR that the table
 * does not hold. No lock is taken: two programs that replace one person at the same time leave the bundle of either, whole.
 * An enrollment is used by one thread at a time; the base must stay open until it ends. */
typedef struct facedge_enrollment facedge_enrollment;

typedef struct {
    size_t struct_size;
    double far;      /* asked: a target of the table; 0 for 0.001, or the lowest above it that the table holds */
    int64_t samples; /* that are kept at most; 0 for 20 */
    int frames;      /* 1: frames of one camera, which may be alike; 0: photos, each of which counts once */
} facedge_enroll_options;

#define FACEDGE_ENROLL_OPTIONS {sizeof(facedge_enroll_options), 0, 0, 0}

typedef struct {
    size_t struct_size;
    int64_t photos, samples; /* that were added; that the template is made of */
    double threshold;        /* of the score */
    double far_target, far_low95, far_upper95; /* asked, and the 95 % interval */
    double frr;              /* share of a person's own photos that are refused, as measured on the cohort */
    int64_t refused_samples; /* by a template of the others */
    const char *condition;   /* what raised the threshold, NULL for nothing; valid until the next save or the end */
    double stretch;          /* median logarithm by which the pictures seem widened; outside -0.16..0.13 it is doubtful */
    int near_others;         /* 1: people in general are like this template, and may be accepted more often than asked */
    int one_moment;          /* 1: the samples are nearly the same picture, so that frr holds for this moment only */
} facedge_enrolled;

#define FACEDGE_ENROLLED {sizeof(facedge_enrolled), 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0}

FACEDGE_API facedge_status facedge_enroll_begin(const facedge *base, const facedge_enroll_options *options,
                                                facedge_enrollment **enrollment, char *why, size_t why_size);
FACEDGE_API void facedge_enroll_end(facedge_enrollment *enrollment); /* NULL is fine */

/* search: NULL refuses photos of several faces. *fault: NULL where the photo may become a sample, otherwise why not: no_face,
 * many_faces, low_quality, rotated, distorted, far, bright, dark, blurred, turned, or copy of an earlier one. */
FACEDGE_API facedge_status facedge_enroll_add(facedge_enrollment *enrollment, const facedge_photo *photo,
                                              const facedge_search *search, const char **fault, char *why, size_t why_size);

/* Choose samples and threshold, and write the bundle to `path`, NAME.facedge, whole or not at all (directory 0700, files
 * 0600). name: what it is called inside; NULL takes NAME. replace: 1 replaces somebody who is enrolled there. enrolled:
 * filled in where it is not NULL. FACEDGE_NO_SAMPLES where the photos are of several people, with the numbers of those that do
 * not match, from 1 in the order in which they were added. More photos may be added afterwards, and the enrollment saved again. */
FACEDGE_API facedge_status facedge_enroll_save(facedge_enrollment *enrollment, const char *path, const char *name, int replace,
                                               facedge_enrolled *enrolled, char *why, size_t why_size);

#ifdef __cplusplus
}
#endif

#endif
