/* The detector's input (a letterboxed photo) and outputs (boxes and landmarks): facedge/faces/boxes.py in C. */
#include <string.h>

#include "faces.h"
#include "fe_math.h"

static const int64_t fe_strides[FE_GRIDS] = {8, 16, 32}; /* input pixels to a cell */
static const double fe_most_enlarged = 2.0;
static const float fe_step = 1.0f / 8; /* pixels of the input: STEP in facedge/faces/boxes.py */

static int64_t fe_padded_side(int64_t pixels)
{
    const int64_t side = (pixels + FE_INPUT_MULTIPLE - 1) / FE_INPUT_MULTIPLE * FE_INPUT_MULTIPLE;
    return side < FE_LEAST_INPUT ? FE_LEAST_INPUT : side > FE_MOST_INPUT ? FE_MOST_INPUT : side;
}

static int64_t fe_scaled_side(int64_t pixels, double scale)
{
    const double side = fe_rint((double)pixels * scale);
    return side < 1 ? 1 : (int64_t)side;
}

fe_letterbox fe_letterbox_fit(int64_t photo_height, int64_t photo_width, int64_t longer_side)
{
    const int64_t longer = photo_height > photo_width ? photo_height : photo_width;
    const double wanted = (double)longer_side / (double)longer;
    const double scale = wanted < fe_most_enlarged ? wanted : fe_most_enlarged;
    fe_letterbox box;
    box.height = fe_scaled_side(photo_height, scale);
    box.width = fe_scaled_side(photo_width, scale);
    box.input_height = fe_padded_side(box.height);
    box.input_width = fe_padded_side(box.width);
    return box;
}

/* Bytes that lie without gaps at the end of a plane become its floats, row by row: they are never overtaken, as as many
 * floats or more are left to write as bytes to read. */
static void fe_spread(float *plane, const fe_letterbox *box)
{
    const int64_t floats = box->input_height * box->input_width;
    const uint8_t *bytes = (const uint8_t *)(plane + floats) - box->height * box->width;
    uint8_t line[FE_MAX_OUTPUT];
    int64_t y, x;
    for (y = 0; y < box->height; y++) {
        float *row = plane + y * box->input_width;
        memcpy(line, bytes + y * box->width, (size_t)box->width);
        for (x = 0; x < box->width; x++) row[x] = line[x];
        for (; x < box->input_width; x++) row[x] = 0;
    }
    memset(plane + y * box->input_width, 0, (size_t)(box->input_height - y) * (size_t)box->input_width * sizeof *plane);
}

static int fe_letterbox_allowed(const fe_letterbox *b)
{
    return b->height >= 1 && b->width >= 1 && b->height <= b->input_height && b->width <= b->input_width &&
           b->input_height <= FE_MOST_INPUT && b->input_width <= FE_MOST_INPUT;
}

fe_status fe_letterbox_planes(fe_isa isa, const fe_frame *photo, const fe_letterbox *box, float *planes)
{
    fe_geometry g;
    fe_plan *plans[3];
    fe_source source;
    fe_status status;
    ptrdiff_t floats;
    int k;
    if (!photo || !photo->pixels || !box || !planes || !fe_letterbox_allowed(box)) return FE_BAD_ARGUMENT;
    g.height = photo->height, g.width = photo->width, g.channels = 3;
    g.pixel_stride = photo->pixel_stride, g.channel_stride = -photo->channel_stride; /* blue first */
    g.out_height = box->height, g.out_width = box->width;
    g.box[0] = g.box[1] = 0, g.box[2] = photo->width * FE_FRACTION, g.box[3] = photo->height * FE_FRACTION;
    if ((status = fe_planes_create(&g, plans)) != FE_OK) return status;
    source.pixels = photo->pixels + 2 * photo->channel_stride;
    source.row_stride = photo->row_stride, source.image_stride = 0;
    floats = (ptrdiff_t)(box->input_height * box->input_width);
    status = fe_prepare_planes(plans, isa, source, (uint8_t *)(planes + floats) - box->height * box->width,
                               floats * (ptrdiff_t)sizeof *planes);
    fe_planes_destroy(plans);
    for (k = 0; k < 3 && status == FE_OK; k++) fe_spread(planes + k * floats, box);
    return status;
}

int64_t fe_cells(int64_t input_height, int64_t input_width)
{
    int64_t cells = 0;
    int k;
    for (k = 0; k < FE_GRIDS; k++) cells += (input_height / fe_strides[k]) * (input_width / fe_strides[k]);
    return cells;
}

static float fe_unit(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

/* The nearest multiple of a step, halves to even: the last digits differ between builds of onnxruntime. */
static float fe_on_grid(double pixels) { return (float)(fe_rint(pixels / fe_step) * fe_step); }

/* A cell's box centre and landmarks are offsets from the cell's corner, its sizes logarithms of cells. */
static void fe_decode_cell(const float *box, const float *points, float column, float row, float stride,
                           fe_candidate *out)
{
    const float x = (column + box[0]) * stride, y = (row + box[1]) * stride;
    const float half_width = (float)fe_exp(box[2]) * (stride / 2), half_height = (float)fe_exp(box[3]) * (stride / 2);
    int k;
    out->box[0] = fe_on_grid(x - half_width), out->box[1] = fe_on_grid(y - half_height);
    out->box[2] = fe_on_grid(x + half_width), out->box[3] = fe_on_grid(y + half_height);
    for (k = 0; k < FE_POINT_COUNT; k++) {
        out->landmarks[2 * k] = fe_on_grid((points[2 * k] + column) * stride);
        out->landmarks[2 * k + 1] = fe_on_grid((points[2 * k + 1] + row) * stride);
    }
}

int64_t fe_decode(const float *const outputs[FE_OUTPUTS], int64_t input_height, int64_t input_width, float min_score,
                  fe_candidate *out)
{
    int64_t count = 0, row, column;
    int grid;
    for (grid = 0; grid < FE_GRIDS; grid++) {
        const int64_t stride = fe_strides[grid], rows = input_height / stride, columns = input_width / stride;
        const float *classes = outputs[grid], *objects = outputs[grid + 3];
        for (row = 0; row < rows; row++)
            for (column = 0; column < columns; column++) {
                const int64_t cell = row * columns + column;
                const float score = (float)fe_sqrt(fe_unit(classes[cell]) * fe_unit(objects[cell]));
                if (!(score >= min_score)) continue;
                out[count].score = score;
                fe_decode_cell(outputs[grid + 6] + 4 * cell, outputs[grid + 9] + 10 * cell, (float)column, (float)row,
                               (float)stride, &out[count]);
                count++;
            }
    }
    return count;
}

/* No number, as of boxes without end, stays no number. */
static float fe_least(float a, float b) { return a < b || a != a ? a : b; }
static float fe_most(float a, float b) { return a > b || a != a ? a : b; }

static float fe_iou(const float *a, const float *b)
{
    const float width = fe_most(fe_least(a[2], b[2]) - fe_most(a[0], b[0]), 0);
    const float height = fe_most(fe_least(a[3], b[3]) - fe_most(a[1], b[1]), 0);
    const float common = width * height;
    const float areas = (b[2] - b[0]) * (b[3] - b[1]);
    const float sum = (a[2] - a[0]) * (a[3] - a[1]) + areas - common;
    return common / fe_most(sum, 1.17549435e-38f); /* the least normal float32 */
}

int64_t fe_suppress(fe_candidate *candidates, int64_t count, float max_iou)
{
    int64_t kept, k, left;
    for (kept = 0; kept < count; kept++) {
        int64_t best = kept;
        fe_candidate chosen;
        for (k = kept + 1; k < count; k++)
            if (candidates[k].score > candidates[best].score) best = k; /* the first of equals */
        chosen = candidates[best];
        memmove(candidates + kept + 1, candidates + kept, (size_t)(best - kept) * sizeof *candidates);
        candidates[kept] = chosen;
        for (k = left = kept + 1; k < count; k++)
            if (fe_iou(chosen.box, candidates[k].box) <= max_iou) candidates[left++] = candidates[k];
        count = left;
    }
    return count;
}

double fe_mean_face(const fe_candidate *candidates, int64_t count, int64_t chosen, float min_iou,
                    float *landmarks)
{
    double sums[4 + 2 * FE_POINT_COUNT] = {0}, weights = 0;
    float box[4];
    int64_t i;
    int k;
    for (i = 0; i < count; i++) {
        const double score = candidates[i].score;
        if (!(fe_iou(candidates[chosen].box, candidates[i].box) > min_iou)) continue;
        weights += score;
        for (k = 0; k < 4; k++) sums[k] += score * candidates[i].box[k];
        for (k = 0; k < 2 * FE_POINT_COUNT; k++) sums[4 + k] += score * candidates[i].landmarks[k];
    }
    for (k = 0; k < 4; k++) box[k] = fe_on_grid(sums[k] / weights);
    for (k = 0; k < 2 * FE_POINT_COUNT; k++) landmarks[k] = fe_on_grid(sums[4 + k] / weights);
    return (double)fe_most(box[2] - box[0], fe_step) / fe_most(box[3] - box[1], fe_step);
}
