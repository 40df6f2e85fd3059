/* Inspects an ONNX file before it is loaded: no external data, standard operators, limits. deploy/FORMAT.md section 3, step 6. */
#ifndef FACEDGE_ONNX_H
#define FACEDGE_ONNX_H

#include <stddef.h>

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

#endif
