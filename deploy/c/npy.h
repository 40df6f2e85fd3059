/* NumPy's .npy files (version 1.0): little-endian, C order, uint8 or float32, up to four axes. */
#ifndef FACEDGE_NPY_H
#define FACEDGE_NPY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char type; /* 'B' uint8, 'f' float32 */
    int64_t shape[4];
    size_t rank, count;
    const unsigned char *data; /* inside the bytes given */
} npy;

int npy_parse(const unsigned char *bytes, size_t size, npy *array); /* 1, or 0 where it is something else */

#endif
