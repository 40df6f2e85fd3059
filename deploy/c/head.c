#include "head.h"

#include <stdlib.h>
#include <string.h>

#include "onnx.h"

enum { MODEL_GRAPH = 7, MODEL_PROPERTY = 14, GRAPH_TENSOR = 5, TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { TENSOR_FLOAT = 1, KEY = 1, VALUE = 2, HEAD_TENSORS = 4 };

static const char *const head_names[HEAD_TENSORS] = {"hidden.weight", "hidden.bias", "output.weight", "output.bias"};

typedef struct {
    uint64_t dims[2], rank, type;
    const unsigned char *raw;
    size_t bytes;
} head_tensor;

static int is_named(const onnx_field *f, const char *prefix, const char *name) {
    size_t length = (size_t)(f->end - f->start), before = strlen(prefix);
    return length == before + strlen(name) && memcmp(f->start, prefix, before) == 0 &&
           memcmp(f->start + before, name, length - before) == 0;
}

/* Which tensor of the head this TensorProto is, or -1. */
static int read_tensor(const unsigned char *at, const unsigned char *end, const char *prefix, head_tensor *out) {
    int found = -1;
    onnx_field f;
    memset(out, 0, sizeof *out);
    while (at < end) {
        if (!onnx_next_field(&at, end, &f)) return -1;
        if (f.number == TENSOR_DIMS && f.wire != ONNX_LENGTH) {
            if (out->rank == 2) return -1;
            out->dims[out->rank++] = f.value;
        }
        if (f.number == TENSOR_TYPE) out->type = f.value;
        if (f.wire != ONNX_LENGTH) continue;
        if (f.number == TENSOR_RAW) out->raw = f.start, out->bytes = (size_t)(f.end - f.start);
        for (int k = 0; f.number == TENSOR_NAME && k < HEAD_TENSORS; k++)
            if (is_named(&f, prefix, head_names[k])) found = k;
    }
    return found;
}

/* The four tensors of a model: 1 where each is there once. */
static int find_tensors(const unsigned char *at, const unsigned char *end, const char *prefix, head_tensor *tensors) {
    onnx_field graph, f;
    int found = 0;
    while (at < end && onnx_next_field(&at, end, &graph)) {
        if (graph.number != MODEL_GRAPH || graph.wire != ONNX_LENGTH) continue;
        for (const unsigned char *inner = graph.start; inner < graph.end && onnx_next_field(&inner, graph.end, &f);) {
            head_tensor tensor;
            int which = f.number == GRAPH_TENSOR && f.wire == ONNX_LENGTH ? read_tensor(f.start, f.end, prefix, &tensor) : -1;
            if (which < 0) continue;
            if (found & 1 << which) return 0;
            found |= 1 << which;
            tensors[which] = tensor;
        }
    }
    return found == (1 << HEAD_TENSORS) - 1;
}

static int has_shape(const head_tensor *t, uint64_t rank, uint64_t first, uint64_t second) {
    uint64_t values = first * (rank == 2 ? second : 1);
    return t->type == TENSOR_FLOAT && t->rank == rank && t->dims[0] == first && (rank == 1 || t->dims[1] == second) &&
           t->raw && t->bytes == values * sizeof(float);
}

/* ONNX keeps raw values little-endian, as do the machines that onnxruntime runs on. */
static void put_float(unsigned char *at, size_t place, double value) {
    float single = (float)value;
    memcpy(at + place * sizeof single, &single, sizeof single);
}

int head_replace(unsigned char *data, size_t size, const char *prefix, const double *weight, double bias, int64_t embedding_size) {
    head_tensor t[HEAD_TENSORS];
    unsigned char *raw[HEAD_TENSORS];
    uint64_t columns = (uint64_t)embedding_size;
    if (!find_tensors(data, data + size, prefix, t)) return 0;
    uint64_t hidden = t[0].dims[0];
    if (hidden < 2 || hidden > 1 << 20 || !has_shape(&t[0], 2, hidden, columns) || !has_shape(&t[1], 1, hidden, 0) ||
        !has_shape(&t[2], 2, 1, hidden) || !has_shape(&t[3], 1, 1, 0))
        return 0;
    for (int k = 0; k < HEAD_TENSORS; k++) {
        raw[k] = data + (t[k].raw - data);
        memset(raw[k], 0, t[k].bytes);
    }
    for (uint64_t k = 0; k < columns; k++) {
        put_float(raw[0], k, weight[k]);
        put_float(raw[0], columns + k, -weight[k]);
    }
    put_float(raw[2], 0, 1);
    put_float(raw[2], 1, -1);
    put_float(raw[3], 0, bias);
    return 1;
}

const char *property_find(const unsigned char *data, size_t size, const char *key, size_t *length) {
    const unsigned char *at = data, *end = data + size;
    const char *found = NULL;
    onnx_field f, part;
    while (at < end && onnx_next_field(&at, end, &f)) {
        if (f.number != MODEL_PROPERTY || f.wire != ONNX_LENGTH) continue;
        onnx_field name = {0}, value = {0};
        for (const unsigned char *inner = f.start; inner < f.end && onnx_next_field(&inner, f.end, &part);) {
            if (part.number == KEY) name = part;
            if (part.number == VALUE) value = part;
        }
        if (!name.start || !value.start || !is_named(&name, "", key)) continue;
        found = (const char *)value.start;
        *length = (size_t)(value.end - value.start);
    }
    return found;
}

static void put_varint(buffer *out, uint64_t value) {
    unsigned char bytes[10];
    size_t n = 0;
    for (; value > 0x7F; value >>= 7) bytes[n++] = (unsigned char)((value & 0x7F) | 0x80);
    bytes[n++] = (unsigned char)value;
    buffer_bytes(out, bytes, n);
}

static void put_content(buffer *out, uint64_t number, const void *data, size_t size) {
    put_varint(out, number << 3 | ONNX_LENGTH);
    put_varint(out, size);
    buffer_bytes(out, data, size);
}

int properties_replace(const unsigned char *data, size_t size, const char *const *properties, size_t count, buffer *out) {
    const unsigned char *at = data, *end = data + size;
    onnx_field f;
    while (at < end) {
        const unsigned char *begin = at;
        if (!onnx_next_field(&at, end, &f)) return 0;
        if (f.number != MODEL_PROPERTY) buffer_bytes(out, begin, (size_t)(at - begin));
    }
    for (size_t k = 0; k < count; k++) {
        buffer entry = {0};
        put_content(&entry, KEY, properties[2 * k], strlen(properties[2 * k]));
        put_content(&entry, VALUE, properties[2 * k + 1], strlen(properties[2 * k + 1]));
        if (entry.failed) out->failed = 1;
        put_content(out, MODEL_PROPERTY, entry.data, entry.size);
        free(entry.data);
    }
    return !out->failed;
}
