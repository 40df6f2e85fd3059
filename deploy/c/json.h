/* Enough JSON for a manifest: parse a whole text into a tree, look values up, free it in one call. */
#ifndef FACEDGE_JSON_H
#define FACEDGE_JSON_H

#include <stddef.h>

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

typedef struct json {
    json_kind kind;
    double number;      /* of a number */
    int whole;          /* of a number: written without fraction and exponent; it lies in -2^53..2^53 */
    char *text;         /* of a string: UTF-8, terminated; escapes resolved */
    char *key;          /* where this is a member of an object */
    struct json *first; /* children of an array or object, in order */
    struct json *next;
    size_t count;
} json;

json *json_parse(const char *text, size_t length); /* NULL: not JSON, a key twice, too many values, or no memory */
void json_free(json *value);

const json *json_get(const json *object, const char *key); /* NULL where there is none, or where this is no object */
const json *json_at(const json *array, size_t index);
const char *json_text(const json *value);                     /* NULL unless a string */
int json_whole(const json *value, long long *number);         /* 1 and the number where it is written as a whole one */
int json_is(const json *value, json_kind kind);

#endif
