/* Binary PPM (P6, 8 bits), the image format that needs no library: `djpeg me.jpg > me.ppm`, `ffmpeg -i me.png me.ppm`. */
#ifndef FACEDGE_PPM_H
#define FACEDGE_PPM_H

#include <stddef.h>

#include "facedge.h"

unsigned char *ppm_read(const char *path, facedge_image *image, char *why, size_t why_size); /* free() the result */

#endif
