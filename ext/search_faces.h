/* Inside of search.c: candidates of a turned photo as faces of the photo, and which of them is meant. */
#ifndef FACEDGE_SEARCH_FACES_H
#define FACEDGE_SEARCH_FACES_H

#include "search_memory.h"

static const int fe_turn_order[4] = {0, 90, 270, 180};

/* Candidates of the run that was asked for, added to those of the runs before. */
static void fe_take(fe_search *s, int64_t height, int64_t width, float min_score)
{
    const float *outputs[FE_OUTPUTS];
    fe_run run;
    int k;
    fe_describe(s, height, width, &run);
    for (k = 0; k < FE_OUTPUTS; k++) outputs[k] = run.outputs[k];
    s->count += fe_decode(outputs, height, width, min_score, s->candidates + s->count);
}

/* The letterbox's candidates from `first` on in pixels of the photo as it was turned. */
static void fe_scale(fe_search *s, int64_t first)
{
    const fe_frame view = fe_turned_frame(&s->photo, fe_turn_order[s->attempt]);
    const float by[2] = {(float)((double)view.width / (double)s->box.width),
                         (float)((double)view.height / (double)s->box.height)};
    int64_t i;
    int k;
    for (i = first; i < s->count; i++) {
        for (k = 0; k < 4; k++) s->candidates[i].box[k] *= by[k % 2];
        for (k = 0; k < 2 * FE_POINT_COUNT; k++) s->candidates[i].landmarks[k] *= by[k % 2];
    }
}

/* A point of the photo turned clockwise, in the photo unturned. */
static void fe_turn_back(const fe_frame *photo, int degrees, double x, double y, double *to)
{
    to[0] = degrees == 90 ? y : degrees == 180 ? (double)photo->width - x : degrees == 270 ? (double)photo->width - y : x;
    to[1] = degrees == 90 ? (double)photo->height - x : degrees == 180 ? (double)photo->height - y : degrees == 270 ? x : y;
}

static void fe_face_of(const fe_search *s, const fe_candidate *c, fe_face *face)
{
    const int degrees = fe_turn_order[s->attempt];
    double a[2], b[2], point[2];
    int k;
    fe_turn_back(&s->photo, degrees, c->box[0], c->box[1], a);
    fe_turn_back(&s->photo, degrees, c->box[2], c->box[3], b);
    for (k = 0; k < 2; k++) {
        face->box[k] = a[k] < b[k] ? a[k] : b[k];
        face->box[k + 2] = a[k] < b[k] ? b[k] : a[k];
    }
    for (k = 0; k < FE_POINT_COUNT; k++) {
        fe_turn_back(&s->photo, degrees, c->landmarks[2 * k], c->landmarks[2 * k + 1], point);
        face->landmarks[2 * k] = (float)point[0], face->landmarks[2 * k + 1] = (float)point[1];
    }
    face->score = c->score;
}

static double fe_area(const fe_face *f)
{
    const double width = f->box[2] - f->box[0], height = f->box[3] - f->box[1];
    return (width > 0 ? width : 0) * (height > 0 ? height : 0);
}

static int fe_before(const fe_face *a, const fe_face *b)
{
    const double one = fe_area(a), other = fe_area(b);
    return one > other || (one == other && a->score > b->score);
}

/* The candidates as faces, largest first; equal ones keep their order. */
static int fe_list_faces(fe_search *s)
{
    int64_t i, at;
    if (!fe_grow(&s->faces, &s->face_room, s->count, sizeof *s->faces)) return 0;
    for (i = 0; i < s->count; i++) {
        fe_face face;
        fe_face_of(s, &s->candidates[i], &face);
        for (at = i; at > 0 && fe_before(&face, &s->faces[at - 1]); at--) s->faces[at] = s->faces[at - 1];
        s->faces[at] = face;
    }
    s->found.faces = s->faces, s->found.count = s->count;
    return 1;
}

static int64_t fe_chosen(const fe_search *s)
{
    int64_t best = 0, k;
    double nearest = 0;
    if (s->found.count == 0 || (s->options.policy == FE_ONLY && s->found.count > 1)) return -1;
    for (k = 0; s->options.policy == FE_CENTER && k < s->found.count; k++) {
        const double *box = s->faces[k].box;
        const double dx = (double)s->photo.width / 2 - (box[0] + box[2]) / 2;
        const double dy = (double)s->photo.height / 2 - (box[1] + box[3]) / 2;
        if (k && dx * dx + dy * dy >= nearest) continue;
        nearest = dx * dx + dy * dy;
        best = k;
    }
    return best;
}

#endif
