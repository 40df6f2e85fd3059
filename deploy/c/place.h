/* Where the files of a bundle are: in a directory, in memory, or in a zip. */
#ifndef FACEDGE_PLACE_H
#define FACEDGE_PLACE_H

#include <stddef.h>

#include "facedge.h"

typedef struct place place;

/* Each gives FACEDGE_OK and a place for place_close, or a status and a sentence. What is in memory has to stay there. */
facedge_status place_open(const char *path, place **out, char *why, size_t why_size);
facedge_status place_of_files(const facedge_file *files, size_t count, place **out, char *why, size_t why_size);
facedge_status place_of_zip(const void *data, size_t size, place **out, char *why, size_t why_size);
void place_close(place *p); /* NULL is fine */

/* The bytes of the file called `name`, with a 0 behind them, for free(); NULL where there is none, where it has more than
 * `most` bytes or is no plain file. Follows no link. */
unsigned char *place_read(const place *p, const char *name, size_t most, size_t *size);
const char *place_why_not(const place *p); /* why place_read gave NULL, to be put behind the name */

/* The name of something there that does not belong, by `belongs` given `to`: FACEDGE_OK where all does. */
facedge_status place_refuse_others(const place *p, int (*belongs)(const void *to, const char *name), const void *to, char *why,
                                   size_t why_size);

#endif
