/* facedge's way from a frame to the crop of a face, around a detector network that the host runs.
 *
 * C99, no Python, no threads, no C library beyond memory and strings. The numpy versions are in facedge/faces/ (boxes,
 * landmarks, align, plausible, quality), which explain the rules and state the measurements behind their constants.
 *
 *     fe_search *search;
 *     fe_run run;
 *     fe_search_create(fe_best_isa(), &search);
 *     fe_search_begin(search, &frame, NULL);
 *     while (fe_search_next(search, &run) == FE_RUN) detector(run.planes, run.height, run.width, run.outputs);
 *     const fe_found *found = fe_search_found(search);   // found->reason == FE_FOUND: found->crop
 *     fe_search_destroy(search);
 *
 * Points are (x, y) in pixels, (0, 0) at the corner of the first one. Landmarks are five points: the eye on the image's
 * left, the other eye, nose, mouth corners on the image's left and right, in memory ten numbers, x and y by turns. The
 * network is YuNet, 2023mar.
 */
#ifndef FACEDGE_FACES_H
#define FACEDGE_FACES_H

#include "align.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FE_POINT_COUNT = 5, FE_GRIDS = 3, FE_OUTPUTS = 12, FE_CROP_WIDTH = 178, FE_CROP_HEIGHT = 218 };
enum { FE_LEAST_INPUT = 128, FE_MOST_INPUT = 4096, FE_INPUT_MULTIPLE = 32 }; /* sides of the detector's input */

/* --- boxes.c: the detector's input and outputs --- */

/* A photo in the upper left height x width pixels of an input of input_height x input_width. */
typedef struct {
    int64_t height, width, input_height, input_width;
} fe_letterbox;

/* A possible face: box x0 y0 x1 y1, landmarks, score 0 to 1. */
typedef struct {
    float box[4], landmarks[2 * FE_POINT_COUNT], score;
} fe_candidate;

/* The photo's longer side scaled to longer_side pixels, enlarged at most twice. */
fe_letterbox fe_letterbox_fit(int64_t photo_height, int64_t photo_width, int64_t longer_side);

/* planes: float32 3 x input_height x input_width, blue first, 0 to 255, black where the photo ends. */
fe_status fe_letterbox_planes(fe_isa isa, const fe_frame *photo, const fe_letterbox *box, float *planes);

/* Cells of an input, over its three grids: the most candidates that it can have. */
int64_t fe_cells(int64_t input_height, int64_t input_width);

/* outputs: cls, obj, bbox and kps of strides 8, 16 and 32, in that order, cells row by row. Returns how many candidates
 * score at least min_score; out has room for fe_cells. */
int64_t fe_decode(const float *const outputs[FE_OUTPUTS], int64_t input_height, int64_t input_width, float min_score,
                  fe_candidate *out);

/* By falling score, drops each box whose intersection over union with a kept one exceeds max_iou. Returns how many stay. */
int64_t fe_suppress(fe_candidate *candidates, int64_t count, float max_iou);

/* The mean, weighted by score, of the candidates whose IoU with the chosen one exceeds min_iou; returns the width of
 * their mean box over its height. */
double fe_mean_face(const fe_candidate *candidates, int64_t count, int64_t chosen, float min_iou,
                    float *landmarks);

/* --- landmarks.c: similarities, and the window around a face --- */

/* m z + t brings a photo's point z = x + iy to another place. */
typedef struct {
    double m_real, m_imag, t_real, t_imag;
} fe_similarity;

typedef enum {
    FE_USABLE = 0,
    FE_NOT_FINITE = 1,
    FE_COLLAPSED = 2, /* or spread wider than any photo */
    FE_OUTSIDE = 3,
    FE_NO_FACE_SHAPE = 4
} fe_landmark_fault;

fe_landmark_fault fe_check_landmarks(const double *landmarks, int64_t height, int64_t width);

/* The least-squares similarity that brings landmarks to their places in the crop. */
fe_similarity fe_fit(const double *landmarks);

/* FE_BAD_ARGUMENT where the numbers do not fit fixed point. */
fe_status fe_sampling_for(const fe_similarity *to_crop, fe_sampling *sampling);

/* Landmarks that fe_check_landmarks allows -> the crop, FE_CROP_HEIGHT x FE_CROP_WIDTH x 3 bytes. */
fe_status fe_align_face(fe_isa isa, const fe_frame *photo, const double *landmarks, uint8_t *crop);

enum { FE_WINDOW_SIDE = 256, FE_WINDOW_FACE = 150, FE_NEXT_SIDE = 160, FE_NEXT_FACE = 120 };

/* A square of `side` pixels (at most FE_WINDOW_SIDE) around the face, upright, the face `face` wide: planes as above. */
fe_status fe_face_window(fe_isa isa, const fe_frame *photo, const double *landmarks, int64_t side,
                         int64_t face, float *planes, fe_similarity *window);

/* A point of the window in the photo. */
void fe_in_photo(const fe_similarity *window, double x, double y, double *photo_x, double *photo_y);

/* The best candidate near the middle of a window of `side` pixels; -1 where there is none. */
int64_t fe_best_in_middle(const fe_candidate *candidates, int64_t count, int64_t side);

/* --- plausible.c: what a crop claims --- */

/* Planes of side x side turned counter-clockwise by 0 and 90 degrees, below by 180 and 270: planes of twice the side. */
void fe_four_turns(const float *tile, int64_t side, float *planes);

/* Whether the face of the first of fe_four_turns' copies, each FE_WINDOW_SIDE / 2 wide, is the upright one. */
int fe_is_upright(const fe_candidate *candidates, int64_t count);

double fe_roll(const double *landmarks); /* degrees, -180 to 180, clockwise */
int fe_is_tilted(const double *landmarks, int turned);
/* A face found with little certainty in a turned photo, or tilted: it may be upside down. */
int fe_is_doubtful(float score, const double *landmarks, int turned);
double fe_stretch(const float *landmarks, double aspect);
int fe_is_distorted(double stretch);

/* Pixels between the eyes; how far the nose lies beside their middle, in eye distances. */
double fe_eye_distance(const float *landmarks);
double fe_yaw(const float *landmarks);

/* The grey levels of an aligned crop of any size at half scale, row by row. */
enum { FE_HALF_HEIGHT = 109, FE_HALF_WIDTH = 89, FE_HALF_PIXELS = FE_HALF_HEIGHT * FE_HALF_WIDTH };
fe_status fe_half_scale(fe_isa isa, const fe_frame *crop, uint8_t *half);

/* facedge/faces/quality.py: the blur, light and contrast of the face in an aligned crop of any size. */
typedef struct {
    double sharpness, brightness, contrast;
} fe_measures;

typedef enum { FE_GOOD = 0, FE_FAR = 1, FE_BRIGHT = 2, FE_DARK = 3, FE_BLURRED = 4, FE_TURNED = 5 } fe_fault;

fe_status fe_measure(fe_isa isa, const fe_frame *crop, fe_measures *measures);
fe_fault fe_quality_fault(const fe_measures *measures, double eye_distance, double yaw);

/* The standard deviation of a network input in grey levels; below FE_LEAST_CONTRAST it is not scored. */
double fe_input_contrast(const float *input, int64_t count);
extern const double FE_LEAST_CONTRAST;

/* --- search.c: the order of work --- */

/* The frame turned clockwise by 0, 90, 180 or 270 degrees, as a view of the same pixels. */
fe_frame fe_turned_frame(const fe_frame *frame, int degrees);

typedef enum { FE_LARGEST = 0, FE_CENTER = 1, FE_ONLY = 2 } fe_policy;

typedef struct {
    fe_policy policy;
    double min_face; /* width of the smallest face: below 1 a share of the photo's longer side, otherwise pixels */
    double min_score;
    int turn; /* where no face is upright, search the photo turned by 90, 270 and 180 degrees too */
} fe_search_options;

typedef enum {
    FE_FOUND = 0,
    FE_NO_FACE = 1,
    FE_MANY_FACES = 2,
    FE_LOW_QUALITY = 3, /* landmarks that cannot be used, or a face that was not found again near them */
    FE_ROTATED = 4,
    FE_DISTORTED = 5
} fe_reason;

typedef struct {
    double box[4];
    float landmarks[2 * FE_POINT_COUNT], score;
} fe_face;

typedef struct {
    fe_reason reason;
    const uint8_t *crop;  /* FE_CROP_HEIGHT x FE_CROP_WIDTH x 3; NULL but for FE_FOUND */
    fe_face face;         /* the face that is meant, its landmarks refined; only where has_face */
    int has_face;
    const fe_face *faces; /* every face, largest first */
    int64_t count;
    int turned;           /* degrees clockwise by which the photo was turned to find the face */
    double stretch;       /* NaN where no face was measured */
} fe_found;

/* What the detector is to do next: planes, float32 1 x 3 x height x width -> outputs, floats[k] of them in outputs[k]. */
typedef struct {
    const float *planes;
    int64_t height, width;
    float *outputs[FE_OUTPUTS];
    int64_t floats[FE_OUTPUTS];
} fe_run;

typedef enum { FE_RUN = 0, FE_DONE = 1, FE_FAILED = 2 } fe_progress;

/* A search owns all memory that it works in, grown to the largest input so far; one thread at a time. */
typedef struct fe_search fe_search;

fe_status fe_search_create(fe_isa isa, fe_search **search);
void fe_search_destroy(fe_search *search); /* NULL is fine */

extern const fe_search_options FE_SEARCH_DEFAULTS;

/* The photo must stay until the search has ended. options: NULL for the defaults. */
fe_status fe_search_begin(fe_search *search, const fe_frame *photo, const fe_search_options *options);

/* The face of the frame before, near its landmarks only: FE_FOUND, or FE_NO_FACE where it is not there any more. */
fe_status fe_search_follow(fe_search *search, const fe_frame *photo, const float *landmarks,
                           int turned, double stretch);

/* FE_RUN: run the detector and call again. FE_FAILED: fe_search_status tells why. */
fe_progress fe_search_next(fe_search *search, fe_run *run);
fe_status fe_search_status(const fe_search *search);

/* The result, until the next begin. */
const fe_found *fe_search_found(const fe_search *search);

#ifdef __cplusplus
}
#endif

#endif
