/* An ONNX file is a protobuf message. The few field numbers used here are fixed by onnx.proto and never change. */
#include "onnx.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPSET = 20, MOST_NESTED = 32, MOST_FIELDS = 1 << 17, MOST_NODES = 20000, MOST_NAME = 1 << 20 };
enum { MOST_FIELD = (1 << 29) - 1 }; /* engines cut a larger number off, and would read another field than we */
enum { VARINT = 0, FIXED64 = 1, LENGTH = ONNX_LENGTH, FIXED32 = 5 };
typedef enum { LEAF, MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, TRAINING, FUNCTION, OPSET, PROPERTY } kind;

/* Which fields of a message hold further messages worth visiting. */
static const struct { kind parent, child; uint64_t number; } children[] = {
    {MODEL, GRAPH, 7},       {MODEL, OPSET, 8},       {MODEL, TRAINING, 20},   {MODEL, FUNCTION, 25},
    {GRAPH, NODE, 1},        {GRAPH, TENSOR, 5},      {GRAPH, SPARSE, 15},     {NODE, ATTRIBUTE, 5},
    {ATTRIBUTE, TENSOR, 5},  {ATTRIBUTE, GRAPH, 6},   {ATTRIBUTE, TENSOR, 10}, {ATTRIBUTE, GRAPH, 11},
    {ATTRIBUTE, SPARSE, 22}, {ATTRIBUTE, SPARSE, 23}, {SPARSE, TENSOR, 1},     {SPARSE, TENSOR, 2},
    {TRAINING, GRAPH, 1},    {TRAINING, GRAPH, 2},    {FUNCTION, NODE, 7},     {FUNCTION, OPSET, 9},
    {FUNCTION, ATTRIBUTE, 11}, {MODEL, PROPERTY, 14},
};

typedef struct {
    kind kind;
    int depth;
    const unsigned char *at, *end;
} message;

/* A stack, so that no file can exhaust the program's own. */
typedef struct {
    message *items;
    size_t count, room;
} waiting;

typedef struct {
    uint64_t opset;
    long nodes, fields;
} facts;

static int varint(const unsigned char **at, const unsigned char *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 70 && *at < end; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= shift < 64 ? (uint64_t)(byte & 0x7F) << shift : 0;
        if (byte < 0x80) return 1;
    }
    return 0;
}

int onnx_next_field(const unsigned char **at, const unsigned char *end, onnx_field *f) {
    uint64_t key, length;
    if (!varint(at, end, &key)) return 0;
    f->number = key >> 3;
    f->wire = (int)(key & 7);
    f->value = length = 0;
    if (f->wire == VARINT ? !varint(at, end, &f->value) : f->wire == LENGTH && !varint(at, end, &length))
        return 0;
    if (f->wire == FIXED64 || f->wire == FIXED32) length = f->wire == FIXED64 ? 8 : 4;
    int known = f->wire == VARINT || f->wire == FIXED64 || f->wire == LENGTH || f->wire == FIXED32;
    if (!known || f->number < 1 || f->number > MOST_FIELD || length > (uint64_t)(end - *at)) return 0;
    f->start = *at;
    f->end = *at += length;
    return 1;
}

static int push(waiting *stack, message m) {
    if (stack->count == stack->room) {
        size_t room = stack->room ? 2 * stack->room : 256;
        message *items = realloc(stack->items, room * sizeof *items);
        if (!items) return 0;
        stack->items = items;
        stack->room = room;
    }
    stack->items[stack->count++] = m;
    return 1;
}

static kind child_of(kind parent, uint64_t number) {
    for (size_t k = 0; k < sizeof children / sizeof *children; k++)
        if (children[k].parent == parent && children[k].number == number) return children[k].child;
    return LEAF;
}

/* "" and "ai.onnx" are the same, the standard domain. */
static int standard(const onnx_field *domain) {
    size_t length = (size_t)(domain->end - domain->start);
    return length == 0 || (length == 7 && memcmp(domain->start, "ai.onnx", 7) == 0);
}

static int iterates(const onnx_field *operator) {
    size_t length = (size_t)(operator->end - operator->start);
    return length == 4 && (memcmp(operator->start, "Loop", 4) == 0 || memcmp(operator->start, "Scan", 4) == 0);
}

/* Whether a field is a text that Python's reader looks at. */
static int is_name(kind kind, uint64_t number) {
    return (kind == NODE && (number == 4 || number == 7)) || (kind == OPSET && number == 1) ||
           (kind == PROPERTY && (number == 1 || number == 2));
}

/* Inspect one message and put its submessages on the stack. */
static onnx_verdict visit(message m, waiting *stack, facts *found) {
    kind kind = m.kind;
    int depth = m.depth + 1;
    onnx_field f, domain = {0}, operator = {0};
    uint64_t version = 0;
    while (m.at < m.end) {
        if (++found->fields > MOST_FIELDS) return ONNX_LARGE;
        if (!onnx_next_field(&m.at, m.end, &f)) return ONNX_BROKEN;
        if (f.wire == LENGTH && is_name(kind, f.number) && f.end - f.start > MOST_NAME) return ONNX_BROKEN;
        if (f.wire == LENGTH && kind == NODE && f.number == 4) operator = f;
        if (kind == TENSOR && (f.number == 13 || (f.number == 14 && f.value != 0))) return ONNX_EXTERNAL;
        if (f.wire == LENGTH && f.number == (kind == NODE ? 7u : kind == OPSET ? 1u : 0u)) domain = f; /* the last counts */
        if (kind == OPSET && f.number == 2 && f.value > version) version = f.value;
        message below = {child_of(kind, f.number), depth, f.start, f.end};
        if (below.kind == LEAF) continue;
        if (f.wire != LENGTH || depth > MOST_NESTED) return ONNX_BROKEN;
        if (!push(stack, below)) return ONNX_NO_MEMORY;
    }
    if (kind == NODE && !standard(&domain)) return ONNX_FOREIGN;
    if (kind == NODE && iterates(&operator)) return ONNX_LOOPS;
    if (kind == NODE && ++found->nodes > MOST_NODES) return ONNX_LARGE;
    if (kind == OPSET && standard(&domain) && version > found->opset) found->opset = version;
    return ONNX_FINE;
}

onnx_verdict onnx_inspect(const unsigned char *data, size_t size) {
    waiting stack = {0};
    facts found = {0};
    message file = {MODEL, 0, data, data + size};
    onnx_verdict verdict = push(&stack, file) ? ONNX_FINE : ONNX_NO_MEMORY;
    while (verdict == ONNX_FINE && stack.count) verdict = visit(stack.items[--stack.count], &stack, &found);
    free(stack.items);
    if (verdict == ONNX_FINE && (!found.nodes || found.opset < 1 || found.opset > MOST_OPSET)) verdict = ONNX_NEWER;
    return verdict;
}
