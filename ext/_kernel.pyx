# cython: language_level=3, boundscheck=False, wraparound=False
"""facedge._kernel: the C kernel for Python. Thin: it checks shapes, releases the GIL and raises.

Arrays come through the buffer protocol, so numpy is not needed to build it.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t


cdef extern from "prep.h" nogil:
    ctypedef enum fe_status:
        FE_OK
        FE_BAD_ARGUMENT
        FE_NO_MEMORY
        FE_NOT_AVAILABLE
    ctypedef enum fe_isa:
        FE_ISA_COUNT
    ctypedef struct fe_geometry:
        int64_t height, width, channels
        ptrdiff_t pixel_stride, channel_stride
        int64_t out_height, out_width
        int64_t box[4]
    ctypedef struct fe_source:
        const uint8_t *pixels
        ptrdiff_t row_stride, image_stride
    ctypedef struct fe_plan:
        pass
    fe_status fe_plan_create(const fe_geometry *geometry, fe_plan **plan)
    void fe_plan_destroy(fe_plan *plan)
    bint fe_isa_available(fe_isa isa)
    const char *fe_isa_name(fe_isa isa)
    fe_status fe_prepare_f32(const fe_plan *, fe_isa, fe_source, size_t count, float *out, ptrdiff_t out_stride)
    fe_status fe_prepare_u8(const fe_plan *, fe_isa, fe_source, size_t count, uint8_t *out, ptrdiff_t out_stride)


IMPLEMENTATIONS = {fe_isa_name(<fe_isa>code).decode("ascii"): code for code in range(FE_ISA_COUNT)}


def implementations():
    """Names of the implementations that this build and this CPU have, slowest first."""
    return tuple(name for name, code in IMPLEMENTATIONS.items() if fe_isa_available(<fe_isa><int>code))


cdef _raise_for(fe_status status):
    if status == FE_NO_MEMORY:
        raise MemoryError("the kernel could not allocate its working memory")
    if status == FE_NOT_AVAILABLE:
        raise ValueError("this build or CPU does not have that implementation of the kernel")
    if status != FE_OK:
        raise ValueError("the kernel refused its arguments: sizes, box and shapes must be those of its plan")


cdef class Plan:
    """The weights of one geometry; immutable, so threads may share it."""

    cdef fe_plan *plan
    cdef fe_geometry geometry

    def __cinit__(self, int64_t height, int64_t width, int64_t channels, ptrdiff_t pixel_stride,
                  ptrdiff_t channel_stride, int64_t x0, int64_t y0, int64_t x1, int64_t y1, int64_t out_height,
                  int64_t out_width):
        cdef fe_geometry *g = &self.geometry
        g.height, g.width, g.channels = height, width, channels
        g.pixel_stride, g.channel_stride = pixel_stride, channel_stride
        g.box[0], g.box[1], g.box[2], g.box[3] = x0, y0, x1, y1
        g.out_height, g.out_width = out_height, out_width
        _raise_for(fe_plan_create(&self.geometry, &self.plan))

    def __dealloc__(self):
        fe_plan_destroy(self.plan)

    def run(self, const uint8_t[:, :, :, :] images, out, int implementation):
        """images (N, H, W, C) -> out (N, out_height, out_width), float32 or uint8."""
        cdef const fe_geometry *g = &self.geometry
        if images.shape[1] != g.height or images.shape[2] != g.width or images.shape[3] != g.channels:
            _raise_for(FE_BAD_ARGUMENT)
        if g.width > 1 and images.strides[2] != g.pixel_stride:  # an axis of length 1 may have any stride
            _raise_for(FE_BAD_ARGUMENT)
        if g.channels > 1 and images.strides[3] != g.channel_stride:
            _raise_for(FE_BAD_ARGUMENT)
        if out.dtype.char == "f":
            self._floats(images, out, <fe_isa>implementation)
        else:
            self._bytes(images, out, <fe_isa>implementation)

    cdef _floats(self, const uint8_t[:, :, :, :] images, float[:, :, :] out, fe_isa isa):
        cdef fe_status status
        cdef fe_source source
        if not _fits(out.shape, out.strides, sizeof(float), images.shape[0], &self.geometry):
            _raise_for(FE_BAD_ARGUMENT)
        source = fe_source(&images[0, 0, 0, 0], images.strides[1], images.strides[0])
        with nogil:
            status = fe_prepare_f32(self.plan, isa, source, images.shape[0], &out[0, 0, 0], out.strides[0] // 4)
        _raise_for(status)

    cdef _bytes(self, const uint8_t[:, :, :, :] images, uint8_t[:, :, :] out, fe_isa isa):
        cdef fe_status status
        cdef fe_source source
        if not _fits(out.shape, out.strides, 1, images.shape[0], &self.geometry):
            _raise_for(FE_BAD_ARGUMENT)
        source = fe_source(&images[0, 0, 0, 0], images.strides[1], images.strides[0])
        with nogil:
            status = fe_prepare_u8(self.plan, isa, source, images.shape[0], &out[0, 0, 0], out.strides[0])
        _raise_for(status)


cdef bint _fits(const Py_ssize_t *shape, const Py_ssize_t *strides, Py_ssize_t item, Py_ssize_t count,
                const fe_geometry *g):
    """Whether an output has the plan's shape, with the values of each image one after the other."""
    if count < 1 or shape[0] != count or shape[1] != g.out_height or shape[2] != g.out_width:
        return False
    if shape[0] > 1 and strides[0] % item:
        return False
    return (shape[2] == 1 or strides[2] == item) and (shape[1] == 1 or strides[1] == item * shape[2])


include "_align.pxi"
include "_faces.pxi"
