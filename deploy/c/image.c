#include "image.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FACEDGE_JPEG
#include <turbojpeg.h>
#define KINDS "JPEG, or binary PPM or PGM"
#else
#define KINDS "binary PPM or PGM (this build reads no JPEG: it was made without libjpeg-turbo)"
#endif

enum { MOST_SIDE = 16384, MOST_BYTES = 1 << 29, CHUNK = 1 << 16 };

typedef struct {
    const unsigned char *at, *end;
} cursor;

static unsigned char *read_all(FILE *file, size_t *size) {
    unsigned char *data = NULL;
    size_t room = 0, got = 0, n = 1;
    while (n && got < MOST_BYTES) {
        if (room - got < CHUNK) {
            unsigned char *grown = realloc(data, room = 2 * room + CHUNK);
            if (!grown) return free(data), NULL;
            data = grown;
        }
        got += n = fread(data + got, 1, room - got, file);
    }
    *size = got;
    return data;
}

/* A decimal number of a PPM's header, behind blanks and comments; -1 where there is none. */
static long header_number(cursor *c) {
    while (c->at < c->end && (isspace(*c->at) || *c->at == '#')) {
        if (*c->at == '#')
            while (c->at < c->end && *c->at != '\n') c->at++;
        else
            c->at++;
    }
    long number = c->at < c->end && isdigit(*c->at) ? 0 : -1;
    for (; c->at < c->end && isdigit(*c->at) && number < 1000000; c->at++) number = number * 10 + (*c->at - '0');
    return number;
}

static unsigned char *read_ppm(const unsigned char *data, size_t size, facedge_photo *photo) {
    int channels = data[1] == '6' ? 3 : 1;
    cursor c = {data + 2, data + size};
    long width = header_number(&c), height = header_number(&c), most = header_number(&c);
    if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE || most != 255 || c.at >= c.end) return NULL;
    c.at++; /* the one blank behind the header */
    size_t bytes = (size_t)width * (size_t)height * (size_t)channels;
    unsigned char *pixels = (size_t)(c.end - c.at) >= bytes ? malloc(bytes) : NULL;
    if (!pixels) return NULL;
    memcpy(pixels, c.at, bytes);
    facedge_photo read = FACEDGE_PHOTO(pixels, height, width, (ptrdiff_t)width * channels, channels == 3 ? FACEDGE_RGB : FACEDGE_GREY);
    *photo = read;
    return pixels;
}

#ifdef FACEDGE_JPEG
static unsigned number_of(const unsigned char *at, int bytes, int little) {
    unsigned value = 0;
    for (int k = 0; k < bytes; k++) value = value << 8 | at[little ? bytes - 1 - k : k];
    return value;
}

/* The orientation, 1 to 8, of the first directory of a TIFF structure; 1 where there is none. */
static int tiff_orientation(const unsigned char *tiff, size_t size) {
    if (size < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0)) return 1;
    int little = tiff[0] == 'I';
    size_t at = number_of(tiff + 4, 4, little);
    if (at > size - 2) return 1;
    for (unsigned left = number_of(tiff + at, 2, little); left && at + 14 <= size; left--, at += 12) {
        const unsigned char *entry = tiff + at + 2;
        if (number_of(entry, 2, little) != 0x0112) continue;
        unsigned value = number_of(entry + 8, number_of(entry + 2, 2, little) == 3 ? 2 : 4, little);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

static int exif_orientation(const unsigned char *data, size_t size) {
    for (size_t at = 2; at + 4 <= size && data[at] == 0xFF && data[at + 1] != 0xDA;) {
        size_t length = number_of(data + at + 2, 2, 0);
        if (length < 2 || at + 2 + length > size) return 1;
        if (data[at + 1] == 0xE1 && length >= 8 && memcmp(data + at + 4, "Exif\0\0", 6) == 0)
            return tiff_orientation(data + at + 10, length - 8);
        at += 2 + length;
    }
    return 1;
}

static void mirror(unsigned char *pixels, int height, int width) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width / 2; x++) {
            unsigned char *left = pixels + 3 * ((size_t)y * (size_t)width + (size_t)x), kept[3];
            unsigned char *right = pixels + 3 * ((size_t)y * (size_t)width + (size_t)(width - 1 - x));
            memcpy(kept, left, 3);
            memcpy(left, right, 3);
            memcpy(right, kept, 3);
        }
}

static unsigned char *read_jpeg(const unsigned char *data, size_t size, facedge_photo *photo) {
    static const int rotations[9] = {0, 0, 0, 180, 180, 270, 90, 90, 270}; /* by EXIF's orientation; 2, 4, 5, 7 mirrored */
    int width = 0, height = 0, sampling, space, orientation = exif_orientation(data, size);
    unsigned char *pixels = NULL;
    tjhandle decoder = tjInitDecompress();
    if (decoder && tjDecompressHeader3(decoder, data, size, &width, &height, &sampling, &space) == 0 && width > 0 && height > 0 &&
        width <= MOST_SIDE && height <= MOST_SIDE && (pixels = malloc((size_t)width * (size_t)height * 3)) &&
        tjDecompress2(decoder, data, size, pixels, width, 0, height, TJPF_RGB, 0) != 0 &&
        tjGetErrorCode(decoder) == TJERR_FATAL) {
        free(pixels);
        pixels = NULL;
    }
    tjDestroy(decoder);
    if (!pixels) return NULL;
    if (orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7) mirror(pixels, height, width);
    facedge_photo read = FACEDGE_PHOTO(pixels, height, width, (ptrdiff_t)width * 3, FACEDGE_RGB);
    read.rotation = rotations[orientation];
    *photo = read;
    return pixels;
}
#endif

unsigned char *image_read(const char *path, facedge_photo *photo, char *why, size_t why_size) {
    int piped = strcmp(path, "-") == 0;
    FILE *file = piped ? stdin : fopen(path, "rb");
    size_t size = 0;
    unsigned char *data = file ? read_all(file, &size) : NULL, *pixels = NULL;
    if (file && !piped) fclose(file);
    if (data && size > 2 && data[0] == 'P' && (data[1] == '5' || data[1] == '6')) pixels = read_ppm(data, size, photo);
#ifdef FACEDGE_JPEG
    if (data && size > 4 && data[0] == 0xFF && data[1] == 0xD8) pixels = read_jpeg(data, size, photo);
#endif
    if (!pixels) snprintf(why, why_size, "%s: expected an image file: " KINDS, path);
    free(data);
    return pixels;
}
