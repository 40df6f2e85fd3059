#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_shape(const char *text, npy *array) {
    array->rank = 0;
    array->count = 1;
    for (char *end; *text && *text != ')'; text = end) {
        long long side = strtoll(text, &end, 10);
        if (end == text || side < 0 || side > 1 << 24 || array->rank == 4) return 0;
        array->shape[array->rank++] = side;
        array->count *= (size_t)side;
        if (array->count > 1 << 28) return 0;
        while (*end == ',' || *end == ' ') end++;
    }
    return *text == ')';
}

int npy_parse(const unsigned char *bytes, size_t size, npy *array) {
    char header[1024];
    if (size < 10 || memcmp(bytes, "\x93NUMPY\x01\x00", 8) != 0) return 0;
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (length >= sizeof header || size < 10 + length) return 0;
    memcpy(header, bytes + 10, length);
    header[length] = 0;
    const char *shape = strstr(header, "'shape': (");
    if (!shape || !strstr(header, "'fortran_order': False") || !parse_shape(shape + 10, array)) return 0;
    array->type = strstr(header, "'|u1'") ? 'B' : strstr(header, "'<f4'") ? 'f' : 0;
    array->data = bytes + 10 + length;
    return array->type && size - 10 - length == array->count * (array->type == 'B' ? 1 : 4);
}
