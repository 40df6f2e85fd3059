/* Inside of search.c: the state of a search and its memory. */
#ifndef FACEDGE_SEARCH_MEMORY_H
#define FACEDGE_SEARCH_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "faces.h"

/* Which outputs the next call brings. */
typedef enum { FE_IDLE, FE_WHOLE, FE_COARSE, FE_AGAIN, FE_TURNS, FE_NEXT, FE_ENDED } fe_search_stage;

struct fe_search {
    fe_status status;
    fe_search_stage stage;
    fe_isa isa;
    fe_frame photo;
    fe_search_options options;
    int attempt; /* 0 to 3: the turn that is searched */
    fe_letterbox box;
    fe_similarity window;
    float *planes, *outputs; /* of the run, in one allocation each */
    int64_t plane_room, cell_room;
    fe_candidate *candidates;
    int64_t count, candidate_room;
    fe_face *faces;
    int64_t face_room;
    fe_found found, first; /* first: the result of the unturned photo, kept while turns are searched */
    fe_face *first_faces;
    int64_t first_room;
    uint8_t crop[3 * FE_CROP_WIDTH * FE_CROP_HEIGHT];
};

/* At least `count` items of `size` bytes; what was in them is kept. */
static int fe_grow(void *items, int64_t *room, int64_t count, size_t size)
{
    void *old, *grown;
    memcpy(&old, items, sizeof old);
    if (count <= *room) return 1;
    grown = realloc(old, (size_t)count * size);
    if (!grown) return 0;
    memcpy(items, &grown, sizeof grown);
    *room = count;
    return 1;
}

static int fe_make_room(fe_search *s, int64_t height, int64_t width)
{
    const int64_t cells = fe_cells(height, width);
    return fe_grow(&s->planes, &s->plane_room, 3 * height * width, sizeof *s->planes) &&
           fe_grow(&s->outputs, &s->cell_room, cells, 16 * sizeof *s->outputs) &&
           fe_grow(&s->candidates, &s->candidate_room, s->count + cells, sizeof *s->candidates);
}

static int64_t fe_cells_of(int output, int64_t height, int64_t width)
{
    const int64_t stride = (int64_t)8 << output % FE_GRIDS;
    return (height / stride) * (width / stride);
}

static const int64_t fe_channels[4] = {1, 1, 4, 10}; /* of cls, obj, bbox, kps */

static void fe_describe(fe_search *s, int64_t height, int64_t width, fe_run *run)
{
    float *at = s->outputs;
    int k;
    run->planes = s->planes, run->height = height, run->width = width;
    for (k = 0; k < FE_OUTPUTS; k++) {
        run->outputs[k] = at;
        run->floats[k] = fe_cells_of(k, height, width) * fe_channels[k / FE_GRIDS];
        at += run->floats[k];
    }
}

#endif
