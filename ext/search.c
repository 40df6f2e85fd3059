/* The order of work from a photo to a crop, as facedge/faces/crop.py has it, one run of the detector after the other. */
#include <stdlib.h>
#include <string.h>

#include "faces.h"
#include "fe_math.h"
#include "search_faces.h"

enum { FE_COARSE_SIDE = 192, FE_LARGEST_FACE = 400, FE_SMALLEST_FACE = 24, FE_TILE_SIDE = FE_WINDOW_SIDE / 2 };
static const float fe_most_iou = 0.3f, fe_same = 0.5f, fe_least_again = 0.3f, fe_least_turned = 0.02f, fe_least_next = 0.6f;

const fe_search_options FE_SEARCH_DEFAULTS = {FE_LARGEST, 0.075, 0.6, 1};

fe_status fe_search_create(fe_isa isa, fe_search **search)
{
    if (!search) return FE_BAD_ARGUMENT;
    *search = NULL;
    if (!fe_isa_available(isa)) return FE_NOT_AVAILABLE;
    *search = calloc(1, sizeof **search);
    if (!*search) return FE_NO_MEMORY;
    (*search)->isa = isa;
    return FE_OK;
}

void fe_search_destroy(fe_search *s)
{
    if (!s) return;
    free(s->planes);
    free(s->outputs);
    free(s->candidates);
    free(s->faces);
    free(s->first_faces);
    free(s);
}

static fe_progress fe_fail(fe_search *s, fe_status status)
{
    s->status = status;
    s->stage = FE_ENDED;
    return FE_FAILED;
}

fe_frame fe_turned_frame(const fe_frame *f, int degrees)
{
    fe_frame view = *f;
    const ptrdiff_t rows = f->row_stride, pixels = f->pixel_stride;
    if (degrees == 180) {
        view.pixels += (f->height - 1) * rows + (f->width - 1) * pixels;
        view.row_stride = -rows, view.pixel_stride = -pixels;
    } else if (degrees) {
        view.height = f->width, view.width = f->height;
        view.pixels += degrees == 90 ? (f->height - 1) * rows : (f->width - 1) * pixels;
        view.row_stride = degrees == 90 ? pixels : -pixels;
        view.pixel_stride = degrees == 90 ? -rows : rows;
    }
    return view;
}

static int64_t fe_input_side(const fe_search *s)
{
    const int64_t longer = s->photo.height > s->photo.width ? s->photo.height : s->photo.width;
    const double wanted = s->options.min_face < 1 ? s->options.min_face : s->options.min_face / (double)longer;
    const double side = fe_ceil(FE_SMALLEST_FACE / (wanted < 1 ? wanted : 1));
    const int64_t whole = side < FE_MOST_INPUT ? (int64_t)side : FE_MOST_INPUT;
    const int64_t padded = (whole + FE_INPUT_MULTIPLE - 1) / FE_INPUT_MULTIPLE * FE_INPUT_MULTIPLE;
    return padded < FE_LEAST_INPUT ? FE_LEAST_INPUT : padded;
}

/* The detector's run on the letterboxed photo in the turn of this attempt. */
static fe_progress fe_ask_photo(fe_search *s, fe_search_stage stage, int64_t side, fe_run *run)
{
    const fe_frame view = fe_turned_frame(&s->photo, fe_turn_order[s->attempt]);
    fe_status status;
    s->box = fe_letterbox_fit(view.height, view.width, side);
    if (!fe_make_room(s, s->box.input_height, s->box.input_width)) return fe_fail(s, FE_NO_MEMORY);
    if ((status = fe_letterbox_planes(s->isa, &view, &s->box, s->planes)) != FE_OK) return fe_fail(s, status);
    fe_describe(s, s->box.input_height, s->box.input_width, run);
    s->stage = stage;
    return FE_RUN;
}

static void fe_to_doubles(const float *landmarks, double *points)
{
    int k;
    for (k = 0; k < 2 * FE_POINT_COUNT; k++) points[k] = landmarks[k];
}

/* The detector's run on a window around the face, or on four turns of one; 0 where the landmarks allow none. */
static int fe_ask_window(fe_search *s, fe_search_stage stage, const double *points, int64_t side, int64_t face, fe_run *run)
{
    const int64_t input = stage == FE_TURNS ? 2 * side : side;
    float *tile;
    s->count = 0;
    if (fe_check_landmarks(points, s->photo.height, s->photo.width) != FE_USABLE) return 0;
    if (!fe_make_room(s, input, input)) return fe_fail(s, FE_NO_MEMORY), 0;
    tile = stage == FE_TURNS ? s->outputs : s->planes; /* the outputs' room is free until the run, and larger */
    if (stage == FE_TURNS && 16 * s->cell_room < 3 * side * side) {
        if (!fe_grow(&s->outputs, &s->cell_room, 3 * side * side / 16 + 1, 16 * sizeof *s->outputs))
            return fe_fail(s, FE_NO_MEMORY), 0;
        tile = s->outputs;
    }
    if (fe_face_window(s->isa, &s->photo, points, side, face, tile, &s->window) != FE_OK) return 0;
    if (stage == FE_TURNS) fe_four_turns(tile, side, s->planes);
    fe_describe(s, input, input, run);
    s->stage = stage;
    return 1;
}

static void fe_start_attempt(fe_search *s)
{
    memset(&s->found, 0, sizeof s->found);
    s->found.stretch = fe_nan();
    s->found.turned = fe_turn_order[s->attempt];
    s->count = 0;
}

static fe_progress fe_end(fe_search *s)
{
    s->stage = FE_ENDED;
    return FE_DONE;
}

/* Keeps the result of the unturned photo: it counts where no turn gives a better one. */
static int fe_keep_first(fe_search *s)
{
    if (!fe_grow(&s->first_faces, &s->first_room, s->found.count, sizeof *s->faces)) return 0;
    if (s->found.count) memcpy(s->first_faces, s->faces, (size_t)s->found.count * sizeof *s->faces);
    s->first = s->found;
    s->first.faces = s->first_faces;
    return 1;
}

/* This attempt has its result: the search's, or the next turn's search. */
static fe_progress fe_conclude(fe_search *s, fe_reason reason, fe_run *run)
{
    const int turnable = reason == FE_NO_FACE || reason == FE_LOW_QUALITY || reason == FE_ROTATED;
    if (s->stage == FE_ENDED) return FE_FAILED;
    s->found.reason = reason;
    if (!s->options.turn || !turnable) return fe_end(s);
    if (s->attempt == 0 && !fe_keep_first(s)) return fe_fail(s, FE_NO_MEMORY);
    if (s->attempt == 3) {
        s->found = s->first;
        return fe_end(s);
    }
    s->attempt++;
    fe_start_attempt(s);
    return fe_ask_photo(s, FE_WHOLE, fe_input_side(s), run);
}

static fe_progress fe_after_photo(fe_search *s, fe_run *run)
{
    const int64_t side = fe_input_side(s), before = s->stage == FE_WHOLE ? 0 : s->count;
    int64_t chosen;
    double points[2 * FE_POINT_COUNT];
    fe_take(s, s->box.input_height, s->box.input_width, (float)s->options.min_score);
    fe_scale(s, before);
    if (s->stage == FE_WHOLE && side > FE_LARGEST_FACE) return fe_ask_photo(s, FE_COARSE, FE_COARSE_SIDE, run);
    s->count = fe_suppress(s->candidates, s->count, fe_most_iou);
    if (!fe_list_faces(s)) return fe_fail(s, FE_NO_MEMORY);
    chosen = fe_chosen(s);
    if (chosen < 0) return fe_conclude(s, s->found.count ? FE_MANY_FACES : FE_NO_FACE, run);
    s->found.face = s->faces[chosen], s->found.has_face = 1;
    fe_to_doubles(s->found.face.landmarks, points);
    if (fe_ask_window(s, FE_AGAIN, points, FE_WINDOW_SIDE, FE_WINDOW_FACE, run)) return FE_RUN;
    return fe_conclude(s, FE_LOW_QUALITY, run);
}

/* The averaged landmarks of the window's best face in the photo; 0 where the window has none. */
static int fe_take_window(fe_search *s, int64_t side, float landmarks[2 * FE_POINT_COUNT], double *aspect, int64_t *best)
{
    int k;
    fe_take(s, side, side, fe_least_again);
    *best = fe_best_in_middle(s->candidates, s->count, side);
    if (*best < 0) return 0;
    *aspect = fe_mean_face(s->candidates, s->count, *best, fe_same, landmarks);
    for (k = 0; k < FE_POINT_COUNT; k++) {
        double x, y;
        fe_in_photo(&s->window, landmarks[2 * k], landmarks[2 * k + 1], &x, &y);
        landmarks[2 * k] = (float)x, landmarks[2 * k + 1] = (float)y;
    }
    return 1;
}

static fe_progress fe_after_again(fe_search *s, fe_run *run)
{
    float landmarks[2 * FE_POINT_COUNT];
    double points[2 * FE_POINT_COUNT], aspect;
    int64_t best;
    int tilted;
    if (!fe_take_window(s, FE_WINDOW_SIDE, landmarks, &aspect, &best)) return fe_conclude(s, FE_LOW_QUALITY, run);
    fe_to_doubles(landmarks, points);
    if (fe_check_landmarks(points, s->photo.height, s->photo.width) != FE_USABLE)
        return fe_conclude(s, FE_LOW_QUALITY, run);
    tilted = fe_is_tilted(points, s->found.turned) || fe_is_doubtful(s->found.face.score, points, s->found.turned);
    if (!tilted && !fe_ask_window(s, FE_TURNS, points, FE_TILE_SIDE, FE_WINDOW_FACE / 2, run))
        return fe_conclude(s, FE_LOW_QUALITY, run);
    memcpy(s->found.face.landmarks, landmarks, sizeof landmarks);
    s->found.stretch = fe_stretch(landmarks, aspect);
    return tilted ? fe_conclude(s, FE_ROTATED, run) : FE_RUN;
}

/* The crop of the face that was found; FE_LOW_QUALITY where its landmarks allow none. */
static fe_reason fe_make_crop(fe_search *s)
{
    double points[2 * FE_POINT_COUNT];
    fe_to_doubles(s->found.face.landmarks, points);
    if (fe_check_landmarks(points, s->photo.height, s->photo.width) != FE_USABLE ||
        fe_align_face(s->isa, &s->photo, points, s->crop) != FE_OK)
        return FE_LOW_QUALITY;
    s->found.crop = s->crop;
    return FE_FOUND;
}

static fe_progress fe_after_turns(fe_search *s, fe_run *run)
{
    fe_take(s, FE_WINDOW_SIDE, FE_WINDOW_SIDE, fe_least_turned);
    if (!fe_is_upright(s->candidates, s->count)) return fe_conclude(s, FE_ROTATED, run);
    if (fe_is_distorted(s->found.stretch)) return fe_conclude(s, FE_DISTORTED, run);
    return fe_conclude(s, fe_make_crop(s), run);
}

static fe_progress fe_after_next(fe_search *s)
{
    float landmarks[2 * FE_POINT_COUNT];
    double points[2 * FE_POINT_COUNT], aspect, x, y, zoom;
    int64_t best;
    const float *box;
    s->found.reason = FE_NO_FACE;
    if (!fe_take_window(s, FE_NEXT_SIDE, landmarks, &aspect, &best) || s->candidates[best].score < fe_least_next)
        return fe_end(s);
    fe_to_doubles(landmarks, points);
    if (fe_is_tilted(points, s->found.turned)) return fe_end(s);
    box = s->candidates[best].box;
    fe_in_photo(&s->window, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, &x, &y);
    zoom = 2 * fe_sqrt(s->window.m_real * s->window.m_real + s->window.m_imag * s->window.m_imag);
    s->found.face.box[0] = x - (box[2] - box[0]) / zoom, s->found.face.box[1] = y - (box[3] - box[1]) / zoom;
    s->found.face.box[2] = x + (box[2] - box[0]) / zoom, s->found.face.box[3] = y + (box[3] - box[1]) / zoom;
    memcpy(s->found.face.landmarks, landmarks, sizeof landmarks);
    s->found.face.score = s->candidates[best].score;
    if (fe_make_crop(s) != FE_FOUND) return fe_end(s);
    s->found.reason = FE_FOUND, s->found.has_face = 1;
    s->found.faces = &s->found.face, s->found.count = 1;
    return fe_end(s);
}

static int fe_photo_allowed(const fe_frame *f)
{
    return f && f->pixels && f->height >= 1 && f->width >= 1 && f->height <= FE_MAX_SIDE && f->width <= FE_MAX_SIDE;
}

fe_status fe_search_begin(fe_search *s, const fe_frame *photo, const fe_search_options *options)
{
    if (!options) options = &FE_SEARCH_DEFAULTS;
    if (!s || !fe_photo_allowed(photo) || !(options->min_face > 0) || !fe_is_finite(options->min_face) ||
        !(options->min_score >= 0 && options->min_score <= 1) || (int)options->policy < 0 || options->policy > FE_ONLY)
        return FE_BAD_ARGUMENT;
    s->photo = *photo, s->options = *options;
    s->status = FE_OK, s->attempt = 0, s->stage = FE_IDLE;
    fe_start_attempt(s);
    return FE_OK;
}

fe_status fe_search_follow(fe_search *s, const fe_frame *photo, const float *landmarks, int turned, double stretch)
{
    const fe_status status = landmarks ? fe_search_begin(s, photo, NULL) : FE_BAD_ARGUMENT;
    if (status != FE_OK) return status;
    memcpy(s->found.face.landmarks, landmarks, sizeof s->found.face.landmarks);
    s->found.turned = turned, s->found.stretch = stretch;
    s->stage = FE_NEXT;
    s->attempt = -1; /* nothing was asked for yet */
    return FE_OK;
}

static fe_progress fe_ask_next(fe_search *s, fe_run *run)
{
    double points[2 * FE_POINT_COUNT];
    s->attempt = 0;
    fe_to_doubles(s->found.face.landmarks, points);
    if (fe_ask_window(s, FE_NEXT, points, FE_NEXT_SIDE, FE_NEXT_FACE, run)) return FE_RUN;
    if (s->stage == FE_ENDED) return FE_FAILED;
    s->found.reason = FE_NO_FACE;
    return fe_end(s);
}

fe_progress fe_search_next(fe_search *s, fe_run *run)
{
    switch (s->stage) {
    case FE_IDLE: return fe_ask_photo(s, FE_WHOLE, fe_input_side(s), run);
    case FE_WHOLE:
    case FE_COARSE: return fe_after_photo(s, run);
    case FE_AGAIN: return fe_after_again(s, run);
    case FE_TURNS: return fe_after_turns(s, run);
    case FE_NEXT: return s->attempt < 0 ? fe_ask_next(s, run) : fe_after_next(s);
    case FE_ENDED: break;
    }
    return s->status == FE_OK ? FE_DONE : FE_FAILED;
}

fe_status fe_search_status(const fe_search *s) { return s->status; }
const fe_found *fe_search_found(const fe_search *s) { return &s->found; }
