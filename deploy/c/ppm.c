#include "ppm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_SIDE = 16384 };

/* A decimal number of the header, behind blanks and comments; -1 where there is none. */
static long header_number(FILE *file) {
    int c = getc(file);
    while (isspace(c) || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF) c = getc(file);
        else
            c = getc(file);
    }
    long number = isdigit(c) ? 0 : -1;
    for (; isdigit(c); c = getc(file)) {
        number = number * 10 + (c - '0');
        if (number > 1000000) return -1;
    }
    return number; /* the one blank behind it is read too */
}

unsigned char *ppm_read(const char *path, facedge_image *image, char *why, size_t why_size) {
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = NULL;
    if (file && getc(file) == 'P' && getc(file) == '6') {
        long width = header_number(file), height = header_number(file), most = header_number(file);
        if (width > 0 && height > 0 && width <= MOST_SIDE && height <= MOST_SIDE && most == 255) {
            size_t size = (size_t)width * (size_t)height * 3;
            pixels = malloc(size);
            if (pixels && fread(pixels, 1, size, file) != size) free(pixels), pixels = NULL;
            *image = (facedge_image){pixels, height, width, (ptrdiff_t)width * 3};
        }
    }
    if (!pixels) snprintf(why, why_size, "%s: expected a binary PPM image (P6, 8 bits)", path);
    if (file) fclose(file);
    return pixels;
}
