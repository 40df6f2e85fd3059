/* Image files for the command line: binary PPM and PGM always, JPEG where libjpeg-turbo was there to build with. */
#ifndef FACEDGE_IMAGE_H
#define FACEDGE_IMAGE_H

#include "facedge.h"

/* path: "-" is standard input. The photo's pixels are for free(); its rotation is that of EXIF. NULL with a sentence. */
unsigned char *image_read(const char *path, facedge_photo *photo, char *why, size_t why_size);

#endif
