#include "photo.h"

#include <stdlib.h>

#include "bundle.h"

static uint8_t byte_of(int32_t value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* BT.601 with luma 16 to 235 and chroma about 128, in 1/256: the usual integers, rounded. */
static void put_pixel(uint8_t *rgb, int32_t luma, int32_t blue, int32_t red) {
    const int32_t y = 298 * (luma - 16) + 128;
    rgb[0] = byte_of((y + 409 * red) >> 8);
    rgb[1] = byte_of((y - 100 * blue - 208 * red) >> 8);
    rgb[2] = byte_of((y + 516 * blue) >> 8);
}

static uint8_t *from_nv12(const facedge_photo *p) {
    uint8_t *rgb = malloc((size_t)p->height * (size_t)p->width * 3), *to = rgb;
    for (int64_t y = 0; rgb && y < p->height; y++) {
        const uint8_t *luma = p->pixels + y * p->row_stride, *chroma = p->chroma + y / 2 * p->chroma_stride;
        for (int64_t x = 0; x < p->width; x++, to += 3) put_pixel(to, luma[x], chroma[x & ~1] - 128, chroma[x | 1] - 128);
    }
    return rgb;
}

facedge_status photo_frame(const facedge_photo *p, fe_frame *frame, uint8_t **made, char *why, size_t why_size) {
    static const struct { int first, step, channel; } layouts[] = {{0, 3, 1}, {2, 3, -1}, {0, 4, 1}, {2, 4, -1}, {0, 1, 0}, {0, 3, 1}};
    *made = NULL;
    if (!p || p->struct_size < sizeof *p || !p->pixels)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected a photo made by FACEDGE_PHOTO, with pixels");
    if (p->height < 1 || p->width < 1 || p->height > FE_MAX_SIDE || p->width > FE_MAX_SIDE)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "a photo has 1 to %d pixels on a side, not %lld x %lld", FE_MAX_SIDE,
                    (long long)p->width, (long long)p->height);
    if ((int)p->format < 0 || p->format > FACEDGE_NV12 || p->rotation % 90 || p->rotation < 0 || p->rotation > 270)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "unknown format or rotation of a photo: 0, 90, 180 or 270 degrees");
    if (p->format == FACEDGE_NV12 && (!p->chroma || p->width % 2 || p->height % 2))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "NV12 needs a chroma plane, and even sides");
    if (p->format == FACEDGE_NV12 && !(*made = from_nv12(p))) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    fe_frame lying = {*made ? *made : p->pixels + layouts[p->format].first, p->height, p->width,
                      *made ? (ptrdiff_t)p->width * 3 : p->row_stride, layouts[p->format].step, layouts[p->format].channel};
    *frame = fe_turned_frame(&lying, p->rotation);
    return FACEDGE_OK;
}
