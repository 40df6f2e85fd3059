/* The head's weights inside head.onnx and verifier.onnx, replaced in place; every other byte of a graph stays. */
#ifndef FACEDGE_HEAD_H
#define FACEDGE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* sigmoid(weight . embedding + bias), by two hidden neurons: weight and -weight, out of which comes their difference. The
 * other neurons become 0. prefix: of the tensors' names, "" in head.onnx, "head/" in verifier.onnx.
 * 1, or 0 where `data` holds no head of this embedding size with at least two neurons. */
int head_replace(unsigned char *data, size_t size, const char *prefix, const double *weight, double bias, int64_t embedding_size);

/* The text of a property of a graph, length bytes that are not terminated; NULL where there is none. */
const char *property_find(const unsigned char *data, size_t size, const char *key, size_t *length);

/* The graph with `count` properties in place of those that it has: keys and values by turns. 1, or 0 without memory. */
int properties_replace(const unsigned char *data, size_t size, const char *const *properties, size_t count, buffer *out);

#endif
