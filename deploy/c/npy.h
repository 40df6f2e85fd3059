/* NumPy's .npy files (NEP 1): booleans, integers and floats, little-endian, C order, nothing behind the array. */
#ifndef FACEDGE_NPY_H
#define FACEDGE_NPY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char type; /* 'b' boolean, 'i' and 'u' integer, 'f' float */
    int bytes; /* of a value: 1, 2, 4 or 8 */
    int64_t shape[4];
    size_t rank, count;
    const unsigned char *data; /* inside the bytes given */
} npy;

int npy_parse(const unsigned char *bytes, size_t size, npy *array); /* 1, or 0 where it is something else; up to 4 axes */

/* Whether the cohort fits: float32 (N, D) of finite numbers; and its identities, or NULL: int32 (N,). */
int npy_is_cohort(const npy *cohort, const npy *identities, int64_t embedding_size);

#endif
