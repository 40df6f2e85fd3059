/* Bytes that grow, and JSON written into them. */
#ifndef FACEDGE_BUFFER_H
#define FACEDGE_BUFFER_H

#include <stddef.h>

#include "json.h"

typedef struct {
    unsigned char *data; /* for free() */
    size_t size, room;
    int failed; /* no memory: what follows is not added */
} buffer;

void buffer_bytes(buffer *b, const void *data, size_t size);
void buffer_text(buffer *b, const char *text);
void buffer_printf(buffer *b, const char *format, ...); /* at most 255 characters */

void buffer_json_text(buffer *b, const char *text); /* in quotes; UTF-8 stays as it is */
void buffer_json(buffer *b, const json *value);     /* lists and objects with ", " and ": ", as Python writes them */

/* The shortest decimal that reads back as the same number, a whole one without a point. */
void number_text(double number, char text[32]);

#endif
