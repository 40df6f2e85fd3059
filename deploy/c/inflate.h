/* Raw deflate (RFC 1951) through zlib, which is loaded at run time as onnxruntime is. */
#ifndef FACEDGE_INFLATE_H
#define FACEDGE_INFLATE_H

#include <stddef.h>

/* Further packed bytes: how many, and where they are until the next call; 0 at their end. */
typedef size_t (*inflate_source)(void *from, const unsigned char **bytes);

/* 1 where the packed bytes are a whole stream of exactly `size` bytes, which are then in `out`. 0 without zlib, too. */
int inflate_raw(inflate_source next, void *from, unsigned char *out, size_t size);
int inflate_available(void);

#endif
