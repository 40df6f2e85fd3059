/* A bundle, a directory, a zip or files in memory, read as deploy/FORMAT.md section 3 asks: the seal first, then every hash, then the same bytes. */
#ifndef FACEDGE_BUNDLE_H
#define FACEDGE_BUNDLE_H

#include <stddef.h>

#include "facedge.h"
#include "json.h"
#include "place.h"

typedef struct {
    char *name;
    unsigned char *data;
    size_t size;
} bundle_file;

typedef struct {
    json *manifest;
    bundle_file *files;
    size_t count;
    long long size, crop[4];                     /* of the preprocessing */
    long long embedding_size, attribute_count;
    int enrolled, int8;                          /* int8: the threshold was measured on backbone.int8.onnx */
    double threshold;
} bundle;

facedge_status bundle_read(const char *path, bundle *out, char *why, size_t why_size);
facedge_status bundle_read_from(const place *from, bundle *out, char *why, size_t why_size);
void bundle_free(bundle *b);
const bundle_file *bundle_find(const bundle *b, const char *name); /* NULL where there is none */

/* Write one sentence and return the status. */
facedge_status fail(facedge_status status, char *why, size_t why_size, const char *format, ...);

#endif
