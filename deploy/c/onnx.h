/* Inspects an ONNX file before it is loaded: no external data, standard operators, limits. deploy/FORMAT.md section 3, step 6. */
#ifndef FACEDGE_ONNX_H
#define FACEDGE_ONNX_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    ONNX_FINE = 0,
    ONNX_BROKEN,   /* not an ONNX file */
    ONNX_EXTERNAL, /* a tensor's values are kept in another file */
    ONNX_FOREIGN,  /* an operator outside the standard ONNX domain */
    ONNX_NEWER,    /* no opset from 1 to 20, or no operator at all */
    ONNX_NO_MEMORY,
    ONNX_LARGE, /* more nodes or fields than the format allows */
    ONNX_LOOPS  /* an operator that iterates */
} onnx_verdict;

/* Everything in the file is inspected: subgraphs, functions and training graphs too. No memory is kept. */
onnx_verdict onnx_inspect(const unsigned char *data, size_t size);

/* One field of a protobuf message: its value where it is a varint, its content where its wire type is ONNX_LENGTH. */
typedef struct {
    uint64_t number, value;
    int wire;
    const unsigned char *start, *end;
} onnx_field;

enum { ONNX_LENGTH = 2 };

/* The next field of the message from *at, which moves on, to end: 0 where the bytes are no protobuf. */
int onnx_next_field(const unsigned char **at, const unsigned char *end, onnx_field *f);

#endif
