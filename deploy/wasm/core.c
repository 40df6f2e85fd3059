/* The C core of ext/ as a WebAssembly module for one caller: a photo goes in, the detector that the host runs is called
 * in between, and a face with its crop comes out. Numbers are 32-bit or double, so that JavaScript needs no BigInt. */
#include <stdlib.h>

#include "export.h"
#include "faces.h"

enum { FE_FACE_NUMBERS = 15, FE_RESULT_NUMBERS = 8 };

static fe_search *search;
static fe_run run;
static uint8_t *pixels;
static size_t room;
static double face[FE_FACE_NUMBERS], result[FE_RESULT_NUMBERS];

/* Room for a photo of so many bytes; NULL where there is no memory. */
uint8_t *FE_EXPORT(photo)(size_t bytes)
{
    if (bytes <= room) return pixels;
    free(pixels);
    pixels = malloc(bytes);
    room = pixels ? bytes : 0;
    return pixels;
}

/* A search of the photo, whose rows have no gaps; what fe_search_begin returns. */
int FE_EXPORT(begin)(int height, int width, int channels, int policy, double min_face, int turn)
{
    fe_frame frame;
    fe_search_options options = FE_SEARCH_DEFAULTS;
    fe_status status;
    if (height < 1 || width < 1 || height > FE_MAX_SIDE || width > FE_MAX_SIDE || channels < 3 || channels > 4 ||
        (size_t)height * (size_t)width * (size_t)channels > room)
        return FE_BAD_ARGUMENT;
    if (!search && (status = fe_search_create(fe_best_isa(), &search)) != FE_OK) return (int)status;
    frame.pixels = pixels, frame.height = height, frame.width = width;
    frame.row_stride = (ptrdiff_t)width * channels, frame.pixel_stride = channels, frame.channel_stride = 1;
    options.policy = (fe_policy)policy, options.min_face = min_face, options.turn = turn;
    return (int)fe_search_begin(search, &frame, &options);
}

/* fe_search_next; after FE_RUN, `planes` and `output` say what the detector reads and writes. */
int FE_EXPORT(next)(void) { return (int)fe_search_next(search, &run); }
int FE_EXPORT(run_height)(void) { return (int)run.height; }
int FE_EXPORT(run_width)(void) { return (int)run.width; }
const float *FE_EXPORT(planes)(void) { return run.planes; }
float *FE_EXPORT(output)(int k) { return run.outputs[k]; }
int FE_EXPORT(output_floats)(int k) { return (int)run.floats[k]; }

static const double *write_face(const fe_face *from)
{
    int k;
    for (k = 0; k < 4; k++) face[k] = from->box[k];
    for (k = 0; k < 2 * FE_POINT_COUNT; k++) face[4 + k] = from->landmarks[k];
    face[FE_FACE_NUMBERS - 1] = from->score;
    return face;
}

/* Box, landmarks and score of the face that is meant; NULL where there is none. */
const double *FE_EXPORT(chosen)(void)
{
    const fe_found *found = fe_search_found(search);
    return found->has_face ? write_face(&found->face) : NULL;
}

/* The same of each face that was found, largest first. */
const double *FE_EXPORT(other)(int index) { return write_face(&fe_search_found(search)->faces[index]); }

/* Reason, faces, turned, stretch; where there is a crop its sharpness, brightness and contrast, and its fe_fault. */
const double *FE_EXPORT(found)(void)
{
    const fe_found *f = fe_search_found(search);
    fe_measures m = {0, 0, 0};
    fe_frame crop = {f->crop, FE_CROP_HEIGHT, FE_CROP_WIDTH, 3 * FE_CROP_WIDTH, 3, 1};
    result[0] = f->reason, result[1] = (double)f->count, result[2] = f->turned, result[3] = f->stretch;
    if (f->crop && fe_measure(fe_best_isa(), &crop, &m) != FE_OK) return NULL;
    result[4] = m.sharpness, result[5] = m.brightness, result[6] = m.contrast;
    result[7] = f->crop ? fe_quality_fault(&m, fe_eye_distance(f->face.landmarks), fe_yaw(f->face.landmarks)) : -1;
    return result;
}

/* FE_CROP_HEIGHT x FE_CROP_WIDTH x 3 bytes; NULL without a face to be judged. */
const uint8_t *FE_EXPORT(crop)(void) { return fe_search_found(search)->crop; }
