# From a frame to a face's crop: the part of facedge._kernel for facedge/faces/, included by _kernel.pyx.
#
# Candidates are rows of 15 float32: box x0 y0 x1 y1, five landmarks x y, score.

cdef extern from "faces.h" nogil:
    enum: FE_OUTPUTS
    ctypedef struct fe_letterbox:
        int64_t height, width, input_height, input_width
    ctypedef struct fe_candidate:
        pass
    ctypedef struct fe_similarity:
        double m_real, m_imag, t_real, t_imag
    ctypedef struct fe_measures:
        double sharpness, brightness, contrast
    fe_status fe_letterbox_planes(fe_isa, const fe_frame *, const fe_letterbox *, float *planes)
    int64_t fe_cells(int64_t height, int64_t width)
    int64_t fe_decode(const float *const *outputs, int64_t height, int64_t width, float min_score, fe_candidate *out)
    int64_t fe_suppress(fe_candidate *, int64_t count, float max_iou)
    double fe_mean_face(const fe_candidate *, int64_t count, int64_t chosen, float min_iou, float *landmarks)
    int fe_check_landmarks(const double *, int64_t height, int64_t width)
    fe_status fe_align_face(fe_isa, const fe_frame *, const double *landmarks, uint8_t *crop)
    fe_status fe_face_window(fe_isa, const fe_frame *, const double *landmarks, int64_t side, int64_t face,
                             float *planes, fe_similarity *window)
    int64_t fe_best_in_middle(const fe_candidate *, int64_t count, int64_t side)
    void fe_four_turns(const float *tile, int64_t side, float *planes)
    int fe_is_upright(const fe_candidate *, int64_t count)
    double fe_roll(const double *)
    double fe_stretch(const float *, double aspect)
    fe_status fe_measure(fe_isa, const fe_frame *, fe_measures *)


cdef fe_frame _frame(const uint8_t[:, :, :] photo):
    if photo.shape[0] < 1 or photo.shape[1] < 1 or photo.shape[2] != 3:
        _raise_for(FE_BAD_ARGUMENT)
    return fe_frame(&photo[0, 0, 0], photo.shape[0], photo.shape[1], photo.strides[0], photo.strides[1],
                    photo.strides[2])


cdef const fe_candidate *_candidates(const float[:, ::1] rows):
    if rows.shape[1] != 15:
        _raise_for(FE_BAD_ARGUMENT)
    return <const fe_candidate *>&rows[0, 0] if rows.shape[0] else NULL


cdef const double *_points(const double[:, ::1] landmarks):
    if landmarks.shape[0] != 5 or landmarks.shape[1] != 2:
        _raise_for(FE_BAD_ARGUMENT)
    return &landmarks[0, 0]


cdef const float *_single_points(const float[:, ::1] landmarks):
    if landmarks.shape[0] != 5 or landmarks.shape[1] != 2:
        _raise_for(FE_BAD_ARGUMENT)
    return &landmarks[0, 0]


def letterbox_planes(const uint8_t[:, :, :] photo, int64_t height, int64_t width, float[:, :, :, ::1] planes,
                     int implementation):
    """Photo (H, W, 3) -> planes (1, 3, input_height, input_width), as facedge.faces.boxes.input_planes."""
    cdef fe_status status
    cdef fe_frame frame = _frame(photo)
    cdef fe_letterbox box = fe_letterbox(height, width, planes.shape[2], planes.shape[3])
    if planes.shape[0] != 1 or planes.shape[1] != 3 or planes.shape[2] < 1 or planes.shape[3] < 1:
        _raise_for(FE_BAD_ARGUMENT)
    with nogil:
        status = fe_letterbox_planes(<fe_isa>implementation, &frame, &box, &planes[0, 0, 0, 0])
    _raise_for(status)


def decode(outputs, int64_t height, int64_t width, float min_score, float[:, ::1] rows):
    """The network's twelve outputs for an input of height x width -> candidates in rows; returns how many."""
    cdef const float *tensors[FE_OUTPUTS]
    cdef const float[:, :, ::1] tensor
    cdef int64_t channels, cells
    cdef int k
    cdef fe_candidate *out = <fe_candidate *>_candidates(rows)
    if len(outputs) != FE_OUTPUTS or height < 32 or width < 32 or rows.shape[0] < fe_cells(height, width):
        _raise_for(FE_BAD_ARGUMENT)
    for k in range(FE_OUTPUTS):
        tensor = outputs[k]
        cells = (height // (8 << k % 3)) * (width // (8 << k % 3))
        channels = 1 if k < 6 else 4 if k < 9 else 10
        if tensor.shape[0] != 1 or tensor.shape[1] != cells or tensor.shape[2] != channels:
            _raise_for(FE_BAD_ARGUMENT)
        tensors[k] = &tensor[0, 0, 0]
    return fe_decode(tensors, height, width, min_score, out)


def suppress(float[:, ::1] rows, float max_iou):
    """Non-maximum suppression in place: the candidates that stay come first; returns how many."""
    return fe_suppress(<fe_candidate *>_candidates(rows), rows.shape[0], max_iou)


def mean_face(const float[:, ::1] rows, int64_t chosen, float min_iou, float[:, ::1] landmarks):
    """Weighted mean of the candidates on one face -> landmarks (5, 2); returns the mean box's width / height."""
    if not 0 <= chosen < rows.shape[0]:
        _raise_for(FE_BAD_ARGUMENT)
    return fe_mean_face(_candidates(rows), rows.shape[0], chosen, min_iou, <float *>_single_points(landmarks))


def best_in_middle(const float[:, ::1] rows, int64_t side):
    """Index of the best candidate near the middle of a window, -1 for none."""
    return fe_best_in_middle(_candidates(rows), rows.shape[0], side)


def is_upright(const float[:, ::1] rows):
    """Whether the first of four turned copies of a face is the upright one."""
    return bool(fe_is_upright(_candidates(rows), rows.shape[0]))


def landmarks_usable(const double[:, ::1] landmarks, int64_t height, int64_t width):
    """Whether five landmarks can be a face in a photo of height x width."""
    return fe_check_landmarks(_points(landmarks), height, width) == 0


def align_face(const uint8_t[:, :, :] photo, const double[:, ::1] landmarks, uint8_t[:, :, ::1] out, int implementation):
    """Photo (H, W, 3) and landmarks (5, 2) -> the crop, out (218, 178, 3)."""
    cdef fe_status status
    cdef fe_frame frame = _frame(photo)
    cdef const double *points = _points(landmarks)
    if out.shape[0] != 218 or out.shape[1] != 178 or out.shape[2] != 3:
        _raise_for(FE_BAD_ARGUMENT)
    with nogil:
        status = fe_align_face(<fe_isa>implementation, &frame, points, &out[0, 0, 0])
    _raise_for(status)


def face_window(const uint8_t[:, :, :] photo, const double[:, ::1] landmarks, int64_t face, float[:, :, :, ::1] planes,
                int implementation):
    """An upright square around the face -> planes (1, 3, side, side); returns m and t of the similarity m z + t."""
    cdef fe_status status
    cdef fe_similarity window
    cdef fe_frame frame = _frame(photo)
    cdef const double *points = _points(landmarks)
    if planes.shape[0] != 1 or planes.shape[1] != 3 or planes.shape[2] < 1 or planes.shape[2] != planes.shape[3]:
        _raise_for(FE_BAD_ARGUMENT)
    with nogil:
        status = fe_face_window(<fe_isa>implementation, &frame, points, planes.shape[2], face, &planes[0, 0, 0, 0],
                                &window)
    _raise_for(status)
    return complex(window.m_real, window.m_imag), complex(window.t_real, window.t_imag)


def four_turns(const float[:, :, :, ::1] tile, float[:, :, :, ::1] planes):
    """Planes (1, 3, S, S) -> the same turned four times, (1, 3, 2S, 2S)."""
    cdef int64_t side = tile.shape[2]
    if tile.shape[0] != 1 or tile.shape[1] != 3 or side < 1 or tile.shape[3] != side:
        _raise_for(FE_BAD_ARGUMENT)
    if planes.shape[0] != 1 or planes.shape[1] != 3 or planes.shape[2] != 2 * side or planes.shape[3] != 2 * side:
        _raise_for(FE_BAD_ARGUMENT)
    fe_four_turns(&tile[0, 0, 0, 0], side, &planes[0, 0, 0, 0])


def roll(const double[:, ::1] landmarks):
    """Degrees by which landmarks (5, 2) lie turned clockwise."""
    return fe_roll(_points(landmarks))


def stretch(const float[:, ::1] landmarks, double aspect):
    """See facedge.faces.plausible.stretch."""
    return fe_stretch(_single_points(landmarks), aspect)


def measure(const uint8_t[:, :, :] crop, int implementation):
    """Sharpness, brightness and contrast of an aligned crop (H, W, 3)."""
    cdef fe_status status
    cdef fe_measures found
    cdef fe_frame frame = _frame(crop)
    with nogil:
        status = fe_measure(<fe_isa>implementation, &frame, &found)
    _raise_for(status)
    return found.sharpness, found.brightness, found.contrast
