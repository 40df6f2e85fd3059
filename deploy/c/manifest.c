#include "manifest.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 2000, MOST_DEPTH = 8, MOST_BYTES = 1 << 30 };

int exact_keys(const json *value, const char *keys) {
    size_t count = 0;
    if (!json_is(value, JSON_OBJECT)) return 0;
    for (const char *at = keys; *at; count++) {
        char key[32];
        size_t length = strcspn(at, " ");
        memcpy(key, at, length);
        key[length] = 0;
        if (!json_get(value, key)) return 0;
        at += length + (at[length] == ' ');
    }
    return value->count == count;
}

static int is_rate(const json *value, double least) {
    return json_is(value, JSON_NUMBER) && value->number >= least && value->number <= 1;
}

int is_whole(const json *value, long long least, long long most) {
    long long number;
    return json_whole(value, &number) && number >= least && number <= most;
}

static int is_digest(const json *value) {
    const char *text = json_text(value);
    return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

int is_text(const json *value, size_t most) {
    const unsigned char *at = (const unsigned char *)json_text(value);
    size_t count = 0, blanks = 0;
    if (!at) return 0;
    for (; *at; at++) {
        if ((*at < 32 && *at != '\n' && *at != '\t') || *at == 127) return 0;
        if (*at == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) return 0; /* U+0080 to U+009F */
        blanks += *at == ' ' || *at == '\n' || *at == '\t';
        count += (*at & 0xC0) != 0x80; /* the first byte of a character */
    }
    return count > blanks && count <= most;
}

static int is_interval(const json *value) {
    const json *low = json_get(value, "far_low95");
    return is_rate(json_get(value, "far_target"), 0) && is_rate(low, 0) && is_rate(json_get(value, "far_upper95"), low->number);
}

static int is_calibration(const json *value) {
    long long identities;
    if (!exact_keys(value, "far_target far_low95 far_upper95 identities comparisons method points")) return 0;
    const json *points = json_get(value, "points");
    if (!is_interval(value) || !json_is(points, JSON_ARRAY) || !is_text(json_get(value, "method"), MOST_TEXT)) return 0;
    if (!json_whole(json_get(value, "identities"), &identities) || identities < 1) return 0;
    if (!is_whole(json_get(value, "comparisons"), identities, 1LL << 53)) return 0;
    for (const json *point = points->first; point; point = point->next) {
        if (!exact_keys(point, "far_target threshold far_low95 far_upper95 frr") || !is_interval(point)) return 0;
        const json *frr = json_get(point, "frr");
        if (!is_rate(json_get(point, "threshold"), 0) || (!json_is(frr, JSON_NULL) && !is_rate(frr, 0))) return 0;
    }
    return 1;
}

static int by_text(const void *one, const void *other) {
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static int are_names(const json *names) {
    if (!json_is(names, JSON_ARRAY) || names->count < 1) return 0;
    const char **texts = malloc(names->count * sizeof *texts);
    size_t n = 0;
    int good = texts != NULL;
    for (const json *name = names->first; good && name; name = name->next)
        if ((good = is_text(name, 100))) texts[n++] = name->text;
    if (good) qsort(texts, n, sizeof *texts, by_text);
    for (size_t k = 1; good && k < n; k++) good = strcmp(texts[k - 1], texts[k]) != 0;
    free(texts);
    return good;
}

static int is_shallow(const json *value, int depth) {
    for (const json *inner = value->first; inner; inner = inner->next)
        if (!is_shallow(inner, depth + 1)) return 0;
    return depth <= MOST_DEPTH;
}

static int are_differences(const json *parity) {
    if (!json_is(parity, JSON_OBJECT)) return 0;
    for (const json *value = parity->first; value; value = value->next)
        if (!json_is(value, JSON_NUMBER) || value->number < 0 || value->number > 1e30) return 0;
    return 1;
}

static int are_files(const json *files) {
    double total = 0;
    if (!json_is(files, JSON_OBJECT)) return 0;
    for (const json *entry = files->first; entry; entry = entry->next) {
        if (!manifest_has_file(entry->key) || !exact_keys(entry, "sha256 size")) return 0;
        if (!is_digest(json_get(entry, "sha256")) || !is_whole(json_get(entry, "size"), 1, MOST_BYTES)) return 0;
        total += json_get(entry, "size")->number;
    }
    return total <= MOST_BYTES && json_get(files, "backbone.onnx") && json_get(files, "head.onnx");
}

static int is_data(const json *data) {
    return exact_keys(data, "name licence partition") && is_text(json_get(data, "name"), MOST_TEXT) &&
           is_text(json_get(data, "licence"), MOST_TEXT) && is_text(json_get(data, "partition"), MOST_TEXT);
}

const char *manifest_fault(const json *m) {
    const json *enrolled = json_get(m, "enrolled"), *threshold = json_get(m, "threshold");
    const json *calibration = json_get(m, "calibration"), *created = json_get(m, "created"), *metrics = json_get(m, "metrics");
    const char *precision = json_text(json_get(m, "precision"));
    if (!exact_keys(m, "attribute_names calibration created created_by data embedding_size enrolled files format format_version "
                       "metrics name parity precision spec spec_digest threshold usage"))
        return "keys";
    if (!is_text(json_get(m, "name"), 200)) return "name";
    if (!is_text(json_get(m, "usage"), MOST_TEXT)) return "usage";
    if (!is_text(json_get(m, "created_by"), 200)) return "created_by";
    if (!json_is(created, JSON_NULL) && !is_text(created, 40)) return "created";
    if (!is_data(json_get(m, "data"))) return "data";
    if (!is_whole(json_get(m, "embedding_size"), 1, 65536)) return "embedding_size";
    if (!are_names(json_get(m, "attribute_names"))) return "attribute_names";
    if (!json_is(enrolled, JSON_TRUE) && !json_is(enrolled, JSON_FALSE)) return "enrolled";
    if (json_is(enrolled, JSON_TRUE) ? !is_rate(threshold, 0) : !json_is(threshold, JSON_NULL)) return "threshold";
    if (!json_is(calibration, JSON_NULL) && (json_is(enrolled, JSON_FALSE) || !is_calibration(calibration))) return "calibration";
    if (!precision || (strcmp(precision, "fp32") != 0 && strcmp(precision, "int8") != 0)) return "precision";
    if (!are_differences(json_get(m, "parity"))) return "parity";
    if (!json_is(metrics, JSON_OBJECT) || !is_shallow(metrics, 0)) return "metrics";
    if (!are_files(json_get(m, "files"))) return "files";
    return NULL;
}

int manifest_has_file(const char *name) {
    static const char *const known[] = {"backbone.onnx",         "backbone.int8.onnx", "head.onnx", "verifier.onnx", "cohort.npy",
                                        "cohort_identities.npy", "enrolled.npy",       "calibration.json", "card.md", "golden.json"};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k], name) == 0) return 1;
    if (strncmp(name, "golden_", 7) != 0) return 0;
    size_t length = strspn(name + 7, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length >= 1 && length <= 60 && strcmp(name + 7 + length, ".npy") == 0;
}
