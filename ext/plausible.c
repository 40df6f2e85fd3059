/* Whether a face is upright and undistorted, and good enough to enroll with: facedge/faces/plausible.py, pose.py and
 * quality.py in C. The constants and the measurements that they come from are explained there. */
#include "faces.h"
#include "fe_math.h"

static const float fe_same_face = 0.5f;
static const double fe_farthest_in_copy = 0.2;
static const double fe_most_roll = 30, fe_most_roll_left = 5, fe_certain_roll = 15, fe_least_detection = 0.9;
static const double fe_box_weight = 1.25, fe_eyes_weight = 0.45, fe_yaw_weight = 1.45, fe_offset = 0.37;
static const double fe_least_eyes = 0.6;
static const double fe_narrowest = -0.32, fe_widest = 0.23;

static const double fe_least_sharpness = 0.15, fe_least_brightness = 40, fe_most_brightness = 220;
static const double fe_least_contrast = 12, fe_least_eye_distance = 24, fe_most_yaw = 0.5;
const double FE_LEAST_CONTRAST = 8;
enum { FE_FACE_TOP = 30, FE_FACE_LEFT = 12, FE_FACE_SIDE = 65 };

void fe_four_turns(const float *tile, int64_t side, float *planes)
{
    const int64_t last = side - 1, wide = 2 * side;
    int64_t plane, y, x;
    for (plane = 0; plane < 3; plane++, tile += side * side, planes += wide * wide)
        for (y = 0; y < side; y++)
            for (x = 0; x < side; x++) {
                planes[y * wide + x] = tile[y * side + x];
                planes[y * wide + side + x] = tile[x * side + last - y];
                planes[(side + y) * wide + x] = tile[(last - y) * side + last - x];
                planes[(side + y) * wide + side + x] = tile[(last - x) * side + y];
            }
}

/* The best candidate near the middle of a copy: 0 to 3, row by row; -1 where there is none. */
static int64_t fe_best_of_copy(const fe_candidate *candidates, int64_t count, int copy)
{
    const double side = FE_WINDOW_SIDE / 2, farthest = fe_farthest_in_copy * side;
    const double middle_x = (copy % 2 + 0.5) * side, middle_y = (copy / 2 + 0.5) * side;
    int64_t best = -1, k;
    for (k = 0; k < count; k++) {
        const float *box = candidates[k].box;
        const double dx = (box[0] + box[2]) / 2 - middle_x, dy = (box[1] + box[3]) / 2 - middle_y;
        if (dx * dx + dy * dy <= farthest * farthest && (best < 0 || candidates[k].score > candidates[best].score))
            best = k;
    }
    return best;
}

static void fe_as_doubles(const float *landmarks, double *points)
{
    int k;
    for (k = 0; k < 2 * FE_POINT_COUNT; k++) points[k] = landmarks[k];
}

int fe_is_upright(const fe_candidate *candidates, int64_t count)
{
    const int64_t upright = fe_best_of_copy(candidates, count, 0);
    float landmarks[2 * FE_POINT_COUNT];
    double points[2 * FE_POINT_COUNT];
    int copy;
    if (upright < 0) return 0;
    for (copy = 1; copy < 4; copy++) {
        const int64_t other = fe_best_of_copy(candidates, count, copy);
        if (!(candidates[upright].score > (other < 0 ? 0 : candidates[other].score))) return 0;
    }
    fe_mean_face(candidates, count, upright, fe_same_face, landmarks);
    fe_as_doubles(landmarks, points);
    return fe_abs(fe_roll(points)) <= fe_most_roll_left;
}

double fe_roll(const double *landmarks)
{
    const fe_similarity to_crop = fe_fit(landmarks);
    return -fe_atan2(to_crop.m_imag, to_crop.m_real) * (180 / FE_PI);
}

static double fe_tilt(const double *landmarks, int turned)
{
    double rest = fe_roll(landmarks) + turned;
    while (rest > 180) rest -= 360;
    return fe_abs(rest);
}

int fe_is_tilted(const double *landmarks, int turned)
{
    return !(fe_tilt(landmarks, turned) <= fe_most_roll);
}

int fe_is_doubtful(float score, const double *landmarks, int turned)
{
    return score < fe_least_detection && (turned != 0 || fe_tilt(landmarks, turned) > fe_certain_roll);
}

double fe_stretch(const float *landmarks, double aspect)
{
    double points[2 * FE_POINT_COUNT], upright[2 * FE_POINT_COUNT], height, between, yaw;
    fe_similarity s;
    int k;
    fe_as_doubles(landmarks, points);
    s = fe_fit(points);
    for (k = 0; k < FE_POINT_COUNT; k++) {
        upright[2 * k] = s.m_real * points[2 * k] - s.m_imag * points[2 * k + 1] + s.t_real;
        upright[2 * k + 1] = s.m_real * points[2 * k + 1] + s.m_imag * points[2 * k] + s.t_imag;
    }
    height = (upright[7] + upright[9]) / 2 - (upright[1] + upright[3]) / 2;
    height = height > 1e-6 ? height : 1e-6;
    between = (upright[2] - upright[0]) / height;
    yaw = (upright[4] - (upright[0] + upright[2]) / 2) / height;
    return fe_box_weight * fe_log(aspect) + fe_eyes_weight * fe_log(between > fe_least_eyes ? between : fe_least_eyes) +
           fe_yaw_weight * (yaw * yaw) + fe_offset;
}

int fe_is_distorted(double stretch) { return !(fe_narrowest <= stretch && stretch <= fe_widest); }

double fe_eye_distance(const float *p)
{
    const double x = (double)p[2] - p[0], y = (double)p[3] - p[1];
    return fe_sqrt(x * x + y * y);
}

double fe_yaw(const float *p)
{
    const double x = (double)p[2] - p[0], y = (double)p[3] - p[1], length = x * x + y * y;
    const double nose_x = p[4] - ((double)p[0] + p[2]) / 2, nose_y = p[5] - ((double)p[1] + p[3]) / 2;
    return length > 0 ? (nose_x * x + nose_y * y) / length : 0;
}

/* The standard deviation of `count` integers, from their sum and the sum of their squares. */
static double fe_deviation(int64_t count, int64_t sum, int64_t squares)
{
    return fe_sqrt((double)(count * squares - sum * sum)) / (double)count;
}

static void fe_measure_face(const uint8_t *half, fe_measures *measures)
{
    const int64_t pixels = FE_FACE_SIDE * FE_FACE_SIDE, inner = (FE_FACE_SIDE - 2) * (FE_FACE_SIDE - 2);
    int64_t sum = 0, squares = 0, edges = 0, edge_squares = 0;
    int y, x;
    for (y = 0; y < FE_FACE_SIDE; y++)
        for (x = 0; x < FE_FACE_SIDE; x++) {
            const uint8_t *at = half + (FE_FACE_TOP + y) * FE_HALF_WIDTH + FE_FACE_LEFT + x;
            const int64_t edge = 4 * at[0] - at[-FE_HALF_WIDTH] - at[FE_HALF_WIDTH] - at[-1] - at[1];
            sum += at[0], squares += at[0] * at[0];
            if (y == 0 || x == 0 || y == FE_FACE_SIDE - 1 || x == FE_FACE_SIDE - 1) continue;
            edges += edge, edge_squares += edge * edge;
        }
    measures->brightness = (double)sum / (double)pixels;
    measures->contrast = fe_deviation(pixels, sum, squares);
    measures->sharpness =
        fe_deviation(inner, edges, edge_squares) / (measures->contrast > 1 ? measures->contrast : 1);
}

fe_status fe_half_scale(fe_isa isa, const fe_frame *crop, uint8_t *half)
{
    fe_geometry g;
    fe_plan *plan;
    fe_source source;
    fe_status status;
    if (!crop || !crop->pixels || !half) return FE_BAD_ARGUMENT;
    g.height = crop->height, g.width = crop->width, g.channels = 3;
    g.pixel_stride = crop->pixel_stride, g.channel_stride = crop->channel_stride;
    g.out_height = FE_HALF_HEIGHT, g.out_width = FE_HALF_WIDTH;
    g.box[0] = g.box[1] = 0, g.box[2] = crop->width * FE_FRACTION, g.box[3] = crop->height * FE_FRACTION;
    if ((status = fe_plan_create(&g, &plan)) != FE_OK) return status;
    source.pixels = crop->pixels, source.row_stride = crop->row_stride, source.image_stride = 0;
    status = fe_prepare_u8(plan, isa, source, 1, half, FE_HALF_PIXELS);
    fe_plan_destroy(plan);
    return status;
}

fe_status fe_measure(fe_isa isa, const fe_frame *crop, fe_measures *measures)
{
    uint8_t half[FE_HALF_PIXELS];
    fe_status status;
    if (!measures) return FE_BAD_ARGUMENT;
    status = fe_half_scale(isa, crop, half);
    if (status == FE_OK) fe_measure_face(half, measures);
    return status;
}

fe_fault fe_quality_fault(const fe_measures *m, double eye_distance, double yaw)
{
    if (eye_distance < fe_least_eye_distance) return FE_FAR;
    if (m->brightness > fe_most_brightness) return FE_BRIGHT;
    if (m->brightness < fe_least_brightness || m->contrast < fe_least_contrast) return FE_DARK;
    if (m->sharpness < fe_least_sharpness) return FE_BLURRED;
    return fe_abs(yaw) > fe_most_yaw ? FE_TURNED : FE_GOOD;
}

double fe_input_contrast(const float *input, int64_t count)
{
    double sum = 0, squares = 0;
    int64_t k;
    for (k = 0; k < count; k++) sum += input[k];
    for (k = 0; k < count; k++) {
        const double off = input[k] - sum / (double)count;
        squares += off * off;
    }
    return fe_sqrt(squares / (double)count) * 127.5;
}
