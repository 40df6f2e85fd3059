/* Landmarks to similarities, and the windows and crops that they give: facedge/faces/align.py and landmarks.py in C. */
#include "faces.h"
#include "fe_math.h"

enum { FE_FACE_OF_CROP = 84 }; /* pixels of the crop that a face is wide */
static const double fe_middle[2] = {88, 126}; /* of the face in the crop, brought to the middle of a window */
static const double fe_farthest = 0.2; /* of a window's side: from its middle to the face's */
static const double fe_enlarged = 1 + 1.0 / 1024; /* a step up to here needs one sample */
static const double fe_least_spread = 1, fe_most_spread = 16384, fe_least_correlation = 0.5;

static const double fe_target[2 * FE_POINT_COUNT] = {67.57, 111.91, 105.75, 111.95, 85.89,
                                                     134.46, 70.34, 151.83, 102.49, 151.88};

/* Sums of products of the landmarks' and the target's points, each about its mean. */
typedef struct {
    double mean[2], target_mean[2], own, target, real, imag;
} fe_shape;

static void fe_mean(const double *points, double mean[2])
{
    int k;
    mean[0] = mean[1] = 0;
    for (k = 0; k < FE_POINT_COUNT; k++) mean[0] += points[2 * k], mean[1] += points[2 * k + 1];
    mean[0] /= FE_POINT_COUNT, mean[1] /= FE_POINT_COUNT;
}

static fe_shape fe_shape_of(const double *points)
{
    fe_shape s = {{0}, {0}, 0, 0, 0, 0};
    int k;
    fe_mean(points, s.mean);
    fe_mean(fe_target, s.target_mean);
    for (k = 0; k < FE_POINT_COUNT; k++) {
        const double x = points[2 * k] - s.mean[0], y = points[2 * k + 1] - s.mean[1];
        const double u = fe_target[2 * k] - s.target_mean[0], v = fe_target[2 * k + 1] - s.target_mean[1];
        s.own += x * x + y * y;
        s.target += u * u + v * v;
        s.real += x * u + y * v;
        s.imag += x * v - y * u;
    }
    return s;
}

fe_landmark_fault fe_check_landmarks(const double *landmarks, int64_t height, int64_t width)
{
    fe_shape s;
    double spread;
    int k;
    for (k = 0; k < 2 * FE_POINT_COUNT; k++)
        if (!fe_is_finite(landmarks[k])) return FE_NOT_FINITE;
    s = fe_shape_of(landmarks);
    spread = fe_sqrt(s.own / FE_POINT_COUNT);
    if (!(fe_least_spread <= spread && spread <= fe_most_spread)) return FE_COLLAPSED;
    if (!(0 <= s.mean[0] && s.mean[0] <= (double)width && 0 <= s.mean[1] && s.mean[1] <= (double)height))
        return FE_OUTSIDE;
    if (fe_sqrt(s.real * s.real + s.imag * s.imag) / fe_sqrt(s.own * s.target) < fe_least_correlation)
        return FE_NO_FACE_SHAPE;
    return FE_USABLE;
}

fe_similarity fe_fit(const double *landmarks)
{
    const fe_shape s = fe_shape_of(landmarks);
    fe_similarity to_crop;
    to_crop.m_real = s.real / s.own, to_crop.m_imag = s.imag / s.own;
    to_crop.t_real = s.target_mean[0] - (to_crop.m_real * s.mean[0] - to_crop.m_imag * s.mean[1]);
    to_crop.t_imag = s.target_mean[1] - (to_crop.m_real * s.mean[1] + to_crop.m_imag * s.mean[0]);
    return to_crop;
}

/* The nearest multiple of 1/2^32, as its integer; halves to even. */
static int fe_fixed(double value, int64_t *fixed)
{
    if (!(fe_abs(value) < (double)(1 << 26))) return 0;
    *fixed = (int64_t)fe_rint(value * 4294967296.0);
    return 1;
}

static int64_t fe_sample_count(double step)
{
    const double count = fe_ceil(1 + step / 2);
    if (step <= fe_enlarged) return 1;
    return count < FE_MAX_SAMPLES ? (int64_t)count : FE_MAX_SAMPLES;
}

fe_status fe_sampling_for(const fe_similarity *s, fe_sampling *sampling)
{
    const double square = s->m_real * s->m_real + s->m_imag * s->m_imag;
    const double step_real = s->m_real / square, step_imag = -s->m_imag / square; /* 1 / m */
    const double samples = (double)fe_sample_count(fe_sqrt(step_real * step_real + step_imag * step_imag));
    const double real = step_real / samples, imag = step_imag / samples;
    const int64_t half = ((int64_t)1 << 32) / 256;
    sampling->samples = (int64_t)samples;
    if (!fe_fixed(s->t_imag * step_imag - s->t_real * step_real + (real - imag) / 2 - 0.5, &sampling->x0) ||
        !fe_fixed(-(s->t_real * step_imag + s->t_imag * step_real) + (real + imag) / 2 - 0.5, &sampling->y0) ||
        !fe_fixed(real, &sampling->dx) || !fe_fixed(imag, &sampling->dy))
        return FE_BAD_ARGUMENT;
    sampling->x0 += half, sampling->y0 += half;
    return FE_OK;
}

fe_status fe_align_face(fe_isa isa, const fe_frame *photo, const double *landmarks, uint8_t *crop)
{
    const fe_similarity to_crop = fe_fit(landmarks);
    fe_sampling sampling;
    const fe_status status = fe_sampling_for(&to_crop, &sampling);
    return status == FE_OK ? fe_align(isa, photo, &sampling, FE_CROP_HEIGHT, FE_CROP_WIDTH, crop) : status;
}

static void fe_to_planes(const uint8_t *rgb, int64_t pixels, float *planes)
{
    int64_t k;
    for (k = 0; k < pixels; k++) {
        planes[k] = rgb[3 * k + 2];
        planes[pixels + k] = rgb[3 * k + 1];
        planes[2 * pixels + k] = rgb[3 * k];
    }
}

fe_status fe_face_window(fe_isa isa, const fe_frame *photo, const double *landmarks, int64_t side, int64_t face,
                         float *planes, fe_similarity *window)
{
    const double zoom = (double)face / FE_FACE_OF_CROP, middle = (double)side / 2;
    uint8_t rgb[3 * FE_WINDOW_SIDE * FE_WINDOW_SIDE];
    fe_similarity s = fe_fit(landmarks);
    fe_sampling sampling;
    fe_status status;
    if (side < 1 || side > FE_WINDOW_SIDE || face < 1) return FE_BAD_ARGUMENT;
    s.m_real *= zoom, s.m_imag *= zoom;
    s.t_real = zoom * (s.t_real - fe_middle[0]) + middle;
    s.t_imag = zoom * (s.t_imag - fe_middle[1]) + middle;
    if ((status = fe_sampling_for(&s, &sampling)) != FE_OK) return status;
    if ((status = fe_align(isa, photo, &sampling, side, side, rgb)) != FE_OK) return status;
    fe_to_planes(rgb, side * side, planes);
    *window = s;
    return FE_OK;
}

void fe_in_photo(const fe_similarity *w, double x, double y, double *photo_x, double *photo_y)
{
    const double square = w->m_real * w->m_real + w->m_imag * w->m_imag;
    const double dx = x - w->t_real, dy = y - w->t_imag;
    *photo_x = (dx * w->m_real + dy * w->m_imag) / square;
    *photo_y = (dy * w->m_real - dx * w->m_imag) / square;
}

int64_t fe_best_in_middle(const fe_candidate *candidates, int64_t count, int64_t side)
{
    const double middle = (double)side / 2, farthest = fe_farthest * (double)side;
    int64_t best = -1, k;
    for (k = 0; k < count; k++) {
        const float *box = candidates[k].box;
        const double dx = (box[0] + box[2]) / 2 - middle, dy = (box[1] + box[3]) / 2 - middle;
        if (dx * dx + dy * dy <= farthest * farthest && (best < 0 || candidates[k].score > candidates[best].score))
            best = k;
    }
    return best;
}
