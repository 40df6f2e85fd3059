#define _POSIX_C_SOURCE 200809L /* newlocale */
#include "buffer.h"
#include "numbers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_bytes(buffer *b, const void *data, size_t size) {
    if (b->failed) return;
    if (size > b->room - b->size) {
        size_t room = 2 * (b->size + size) + 256;
        unsigned char *grown = realloc(b->data, room);
        if (!grown) {
            b->failed = 1;
            return;
        }
        b->data = grown;
        b->room = room;
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buffer_text(buffer *b, const char *text) { buffer_bytes(b, text, strlen(text)); }

void buffer_printf(buffer *b, const char *format, ...) {
    char text[256];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    buffer_text(b, text);
}

void buffer_json_text(buffer *b, const char *text) {
    buffer_text(b, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_printf(b, "\\%c", *text);
        else if (*text == '\n' || *text == '\t' || *text == '\r')
            buffer_text(b, *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : "\\r");
        else if ((unsigned char)*text < 32)
            buffer_printf(b, "\\u%04x", (unsigned)*text);
        else
            buffer_bytes(b, text, 1);
    }
    buffer_text(b, "\"");
}

void number_text(double number, char text[32]) {
    if (fabs(number) < 9007199254740992.0 && number == floor(number)) {
        snprintf(text, 32, "%.0f", number);
        return;
    }
    numbers_locale numbers;
    int plain = numbers_begin(&numbers); /* else "nan", which no reader takes */
    snprintf(text, 32, "nan");
    for (int digits = 15; plain && digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    if (plain) numbers_end(&numbers);
}

static void json_members(buffer *b, const json *value) {
    buffer_text(b, value->kind == JSON_ARRAY ? "[" : "{");
    for (const json *member = value->first; member; member = member->next) {
        if (member != value->first) buffer_text(b, ", ");
        if (value->kind == JSON_OBJECT) {
            buffer_json_text(b, member->key);
            buffer_text(b, ": ");
        }
        buffer_json(b, member);
    }
    buffer_text(b, value->kind == JSON_ARRAY ? "]" : "}");
}

void buffer_json(buffer *b, const json *value) {
    char number[32];
    switch (value->kind) {
    case JSON_NULL: buffer_text(b, "null"); return;
    case JSON_FALSE: buffer_text(b, "false"); return;
    case JSON_TRUE: buffer_text(b, "true"); return;
    case JSON_STRING: buffer_json_text(b, value->text); return;
    case JSON_NUMBER: number_text(value->number, number); buffer_text(b, number); return;
    case JSON_ARRAY:
    case JSON_OBJECT: json_members(b, value); return;
    }
}
