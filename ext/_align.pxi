# The aligner's part of facedge._kernel, included by _kernel.pyx.

cdef extern from "align.h" nogil:
    ctypedef struct fe_frame:
        const uint8_t *pixels
        int64_t height, width
        ptrdiff_t row_stride, pixel_stride, channel_stride
    ctypedef struct fe_sampling:
        int64_t samples, x0, y0, dx, dy
    fe_status fe_align(fe_isa, const fe_frame *, const fe_sampling *, int64_t out_height, int64_t out_width,
                       uint8_t *out)


def align(const uint8_t[:, :, :] frame, uint8_t[:, :, ::1] out, int64_t samples, int64_t x0, int64_t y0, int64_t dx,
          int64_t dy, int implementation):
    """Frame (H, W, 3) -> out (out_height, out_width, 3), sampled as facedge.faces.align.Sampling defines."""
    cdef fe_status status
    cdef fe_frame source
    cdef fe_sampling sampling = fe_sampling(samples, x0, y0, dx, dy)
    if frame.shape[0] < 1 or frame.shape[1] < 1 or frame.shape[2] != 3 or out.shape[2] != 3:
        _raise_for(FE_BAD_ARGUMENT)
    if out.shape[0] < 1 or out.shape[1] < 1:
        _raise_for(FE_BAD_ARGUMENT)
    source = fe_frame(&frame[0, 0, 0], frame.shape[0], frame.shape[1], frame.strides[0], frame.strides[1],
                      frame.strides[2])
    with nogil:
        status = fe_align(<fe_isa>implementation, &source, &sampling, out.shape[0], out.shape[1], &out[0, 0, 0])
    _raise_for(status)
