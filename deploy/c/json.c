/* A recursive-descent parser for RFC 8259, 64 levels deep at most, with the limits of FORMAT.md, section 2. */
#define _POSIX_C_SOURCE 200809L /* newlocale */
#include "json.h"
#include "numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 1 << 19, MOST_DIGITS = 17 /* of a whole number, with its sign */ };

typedef struct {
    const char *at, *end;
    int depth;
} reader;

static json *value_of(reader *r);

static void skip_space(reader *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at) r->at++;
}

static int take(reader *r, char c) {
    skip_space(r);
    if (r->at < r->end && *r->at == c) return r->at++, 1;
    return 0;
}

static int take_word(reader *r, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return 0;
    r->at += n;
    return 1;
}

static char *put_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

static int hex4(reader *r, unsigned *code) {
    *code = 0;
    if (r->end - r->at < 4) return 0;
    for (int k = 0; k < 4; k++, r->at++) {
        char c = *r->at;
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
        if (digit > 15 || (digit > 9 && !((c | 32) >= 'a' && (c | 32) <= 'f'))) return 0;
        *code = *code << 4 | digit;
    }
    return 1;
}

static int escaped(reader *r, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at >= r->end) return 0;
    char c = *r->at++;
    const char *found = strchr(from, c);
    if (c && found) return *(*out)++ = to[found - from], 1;
    unsigned code, low;
    if (c != 'u' || !hex4(r, &code)) return 0;
    if (code >= 0xD800 && code < 0xDC00) { /* half of a surrogate pair */
        if (!take_word(r, "\\u") || !hex4(r, &low) || low < 0xDC00 || low > 0xDFFF) return 0;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return 0;
    }
    if (code == 0) return 0; /* would end a C string early */
    *out = put_utf8(*out, code);
    return 1;
}

static char *string_of(reader *r) {
    if (!take(r, '"')) return NULL;
    const char *close = r->at;
    while (close < r->end && *close != '"') close += *close == '\\' ? 2 : 1;
    if (close >= r->end) return NULL;
    char *text = malloc((size_t)(close - r->at) + 1), *out = text; /* an escape is never shorter than what it means */
    int good = text != NULL;
    while (good && r->at < close) {
        unsigned char c = (unsigned char)*r->at++;
        if (c >= 32 && c != '\\')
            *out++ = (char)c;
        else
            good = c == '\\' && escaped(r, &out);
    }
    if (!good || r->at != close) return free(text), NULL;
    r->at++;
    *out = 0;
    return text;
}

static int take_digits(reader *r) {
    const char *before = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > before;
}

/* [-] 0 or digits without a leading 0, [. digits], [e [+-] digits]: RFC 8259, section 6. */
static int take_number(reader *r, int *whole) {
    if (r->at < r->end && *r->at == '-') r->at++;
    const char *digits = r->at;
    if (!take_digits(r) || (*digits == '0' && r->at > digits + 1)) return 0;
    const char *integer = r->at;
    if (r->at < r->end && *r->at == '.' && (r->at++, !take_digits(r))) return 0;
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        if (!take_digits(r)) return 0;
    }
    *whole = r->at == integer;
    return 1;
}

/* Finite; a whole one exact. The text goes on behind a number, at least with the 0 behind its end, so that strtod ends there. */
static int number_of(reader *r, json *value) {
    const char *text = r->at;
    numbers_locale numbers;
    if (!take_number(r, &value->whole) || !numbers_begin(&numbers)) return 0;
    value->number = strtod(text, NULL);
    numbers_end(&numbers);
    if (!value->whole) return isfinite(value->number);
    return r->at - text <= MOST_DIGITS && llabs(strtoll(text, NULL, 10)) <= 1LL << 53;
}

static int by_key(const void *one, const void *other) {
    return strcmp((*(const json *const *)one)->key, (*(const json *const *)other)->key);
}

/* Whether an object has a key twice; sorted, as comparing each with each takes minutes for a hand-made object. */
static int has_key_twice(const json *object) {
    if (object->count < 2) return 0;
    const json **members = malloc(object->count * sizeof *members);
    if (!members) return 1;
    size_t n = 0;
    for (const json *member = object->first; member; member = member->next) members[n++] = member;
    qsort(members, n, sizeof *members, by_key);
    int twice = 0;
    for (size_t k = 1; k < n && !twice; k++) twice = strcmp(members[k - 1]->key, members[k]->key) == 0;
    free(members);
    return twice;
}

static int members_of(reader *r, json *value, char close) {
    json **tail = &value->first;
    if (take(r, close)) return 1;
    do {
        char *key = NULL;
        if (close == '}') {
            key = string_of(r);
            if (!key || !take(r, ':')) return free(key), 0;
        }
        json *member = value_of(r);
        if (!member) return free(key), 0;
        member->key = key;
        *tail = member;
        tail = &member->next;
        value->count++;
    } while (take(r, ','));
    return take(r, close) && (close == ']' || !has_key_twice(value));
}

static int content_of(reader *r, json *value) {
    skip_space(r);
    if (r->at >= r->end) return 0;
    switch (*r->at) {
    case '{': r->at++; return value->kind = JSON_OBJECT, members_of(r, value, '}');
    case '[': r->at++; return value->kind = JSON_ARRAY, members_of(r, value, ']');
    case '"': value->kind = JSON_STRING; return (value->text = string_of(r)) != NULL;
    case 't': value->kind = JSON_TRUE; return take_word(r, "true");
    case 'f': value->kind = JSON_FALSE; return take_word(r, "false");
    case 'n': value->kind = JSON_NULL; return take_word(r, "null");
    default: value->kind = JSON_NUMBER; return number_of(r, value);
    }
}

static json *value_of(reader *r) {
    json *value = r->depth < 64 ? calloc(1, sizeof *value) : NULL;
    if (!value) return NULL;
    r->depth++;
    int good = content_of(r, value);
    r->depth--;
    if (!good) return json_free(value), NULL;
    return value;
}

json *json_parse(const char *text, size_t length) {
    reader r = {text, text + length, 0};
    size_t values = 0;
    for (size_t k = 0; k < length; k++) values += text[k] == ',' || text[k] == '[' || text[k] == '{';
    if (values > MOST_VALUES) return NULL;
    json *value = value_of(&r);
    skip_space(&r);
    if (value && r.at != r.end) return json_free(value), NULL;
    return value;
}

void json_free(json *value) {
    while (value) {
        json *next = value->next;
        json_free(value->first);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

const json *json_get(const json *object, const char *key) {
    if (!json_is(object, JSON_OBJECT)) return NULL;
    for (const json *member = object->first; member; member = member->next)
        if (strcmp(member->key, key) == 0) return member;
    return NULL;
}

const json *json_at(const json *array, size_t index) {
    if (!json_is(array, JSON_ARRAY)) return NULL;
    const json *item = array->first;
    while (item && index--) item = item->next;
    return item;
}

const char *json_text(const json *value) { return json_is(value, JSON_STRING) ? value->text : NULL; }

int json_whole(const json *value, long long *number) {
    if (!json_is(value, JSON_NUMBER) || !value->whole) return 0;
    *number = (long long)value->number;
    return 1;
}

int json_is(const json *value, json_kind kind) { return value && value->kind == kind; }
