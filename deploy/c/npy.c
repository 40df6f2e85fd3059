#include "npy.h"

#include <math.h>
#include <string.h>

enum { MOST_HEADER = 10000 };

static int take_text(const char **at, const char *text) {
    size_t length = strlen(text);
    if (strncmp(*at, text, length) != 0) return 0;
    *at += length;
    return 1;
}

/* '<f4' and the like: byte order, kind, bytes of a value. */
static int take_type(const char **at, npy *array) {
    const char *text = *at;
    if (strlen(text) < 5 || text[0] != '\'' || !strchr("<|", text[1]) || !strchr("biuf", text[2]) || text[4] != '\'') return 0;
    int bytes = text[3] - '0';
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return 0;
    if ((text[2] == 'b' && bytes != 1) || (text[2] == 'f' && bytes == 1)) return 0;
    array->type = text[2];
    array->bytes = bytes;
    *at += 5;
    return 1;
}

/* (), (3,), (3,4) or (3,4,): each axis and the number of values stay below 2^40. */
static int take_shape(const char **at, npy *array) {
    array->rank = 0;
    uint64_t count = 1;
    if (!take_text(at, "(")) return 0;
    while (**at >= '0' && **at <= '9') {
        uint64_t side = 0;
        while (**at >= '0' && **at <= '9') {
            side = side * 10 + (uint64_t)(*(*at)++ - '0');
            if (side >> 40) return 0;
        }
        if (array->rank == 4) return 0;
        array->shape[array->rank++] = (int64_t)side;
        if (side && count > (UINT64_C(1) << 40) / side) return 0;
        count *= side;
        if (!take_text(at, ",") && (array->rank == 1 || **at != ')')) return 0;
    }
    array->count = (size_t)count;
    return take_text(at, ")");
}

/* The header without its blanks: a dictionary of three entries in any order. */
static int parse_header(const char *at, npy *array) {
    int descr = 0, order = 0, shape = 0;
    if (!take_text(&at, "{")) return 0;
    while (*at == '\'') {
        if (take_text(&at, "'descr':") ? descr++ || !take_type(&at, array)
            : take_text(&at, "'fortran_order':") ? order++ || !take_text(&at, "False")
            : take_text(&at, "'shape':") ? shape++ || !take_shape(&at, array) : 1)
            return 0;
        if (!take_text(&at, ",") && *at != '}') return 0;
    }
    return take_text(&at, "}") && !*at && descr && order && shape;
}

int npy_parse(const unsigned char *bytes, size_t size, npy *array) {
    char header[MOST_HEADER + 1];
    size_t n = 0;
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) return 0;
    size_t begin = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > MOST_HEADER || size - begin < length) return 0;
    for (size_t k = begin; k < begin + length; k++)
        if (!bytes[k])
            return 0;
        else if (!strchr(" \t\r\n\v\f", bytes[k]))
            header[n++] = (char)bytes[k];
    header[n] = 0;
    if (!parse_header(header, array)) return 0;
    array->data = bytes + begin + length;
    return (uint64_t)(size - begin - length) == (uint64_t)array->count * (uint64_t)array->bytes;
}

int npy_is_cohort(const npy *cohort, const npy *identities, int64_t embedding_size) {
    if (cohort->type != 'f' || cohort->bytes != 4 || cohort->rank != 2 || cohort->shape[0] < 1 || cohort->shape[1] != embedding_size)
        return 0;
    for (size_t k = 0; k < cohort->count; k++) {
        float value;
        memcpy(&value, cohort->data + 4 * k, sizeof value);
        if (!isfinite(value)) return 0;
    }
    return !identities || (identities->type == 'i' && identities->bytes == 4 && identities->rank == 1 &&
                           identities->shape[0] == cohort->shape[0]);
}
