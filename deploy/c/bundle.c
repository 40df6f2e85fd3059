#include "bundle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "npy.h"
#include "onnx.h"
#include "place.h"
#include "sha256.h"

enum { FORMAT_VERSION = 1, MOST_MANIFEST = 4 << 20 };

facedge_status fail(facedge_status status, char *why, size_t why_size, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (why && why_size) vsnprintf(why, why_size, format, values);
    va_end(values);
    return status;
}

#define REFUSE(...) return fail(FACEDGE_BAD_BUNDLE, why, why_size, __VA_ARGS__)

static facedge_status read_manifest(const place *from, bundle *b, char *why, size_t why_size) {
    size_t size, seal_size;
    unsigned char *text = place_read(from, "manifest.json", MOST_MANIFEST, &size);
    if (!text) REFUSE("manifest.json is missing or is no plain file: this is no facedge bundle");
    char seal[128], hex[65];
    sha256_hex(text, size, hex);
    snprintf(seal, sizeof seal, "%s  manifest.json\n", hex);
    b->manifest = json_parse((const char *)text, size);
    free(text);
    const char *format = json_text(json_get(b->manifest, "format"));
    long long version;
    if (!format || strcmp(format, "facedge-bundle") != 0 || !json_whole(json_get(b->manifest, "format_version"), &version))
        REFUSE("manifest.json is not a facedge manifest");
    if (version != FORMAT_VERSION)
        REFUSE("this bundle has format version %lld, and this code reads version %d", version, FORMAT_VERSION);
    unsigned char *found = place_read(from, "manifest.sha256", 1024, &seal_size);
    int same = found && seal_size == strlen(seal) && memcmp(found, seal, seal_size) == 0;
    free(found);
    if (!same) REFUSE("manifest.json was edited or damaged: manifest.sha256 does not match it");
    return FACEDGE_OK;
}

/* The sha256 of the canonical JSON of the spec; the rest of its text is what ext/prep.c implements. */
static void digest_of(const bundle *b, char hex[65]) {
    char text[512];
    int n = snprintf(text, sizeof text,
                     "{\"algorithm\":1,\"crop\":[%lld,%lld,%lld,%lld],\"fraction\":256,\"frame\":[178,218],"
                     "\"luma\":[19595,38470,7471],\"size\":%lld}",
                     b->crop[0], b->crop[1], b->crop[2], b->crop[3], b->size);
    sha256_hex(text, (size_t)n, hex);
}

/* Whether it is a list of exactly these whole numbers. */
static int is_list_of(const json *value, const long long *numbers, size_t count) {
    if (!json_is(value, JSON_ARRAY) || value->count != count) return 0;
    for (size_t k = 0; k < count; k++)
        if (!is_whole(json_at(value, k), numbers[k], numbers[k])) return 0;
    return 1;
}

static facedge_status read_spec(bundle *b, char *why, size_t why_size) {
    const json *spec = json_get(b->manifest, "spec"), *crop = json_get(spec, "crop");
    const char *digest = json_text(json_get(b->manifest, "spec_digest"));
    static const long long frame[] = {178, 218}, luma[] = {19595, 38470, 7471};
    char hex[65] = "";
    int good = exact_keys(spec, "algorithm crop fraction frame luma size") && is_whole(json_get(spec, "algorithm"), 1, 1) &&
               is_whole(json_get(spec, "fraction"), 256, 256) && is_list_of(json_get(spec, "frame"), frame, 2) &&
               is_list_of(json_get(spec, "luma"), luma, 3) && json_whole(json_get(spec, "size"), &b->size) &&
               json_is(crop, JSON_ARRAY) && crop->count == 4;
    for (size_t k = 0; good && k < 4; k++) good = json_whole(json_at(crop, k), &b->crop[k]);
    const long long *box = b->crop, width = 178 * 256, height = 218 * 256; /* of the frame, in 1/256 pixel */
    good = good && 0 <= box[0] && box[0] < box[2] && box[2] <= width && 0 <= box[1] && box[1] < box[3] &&
           box[3] <= height;
    if (good) digest_of(b, hex);
    if (!good || !digest || strcmp(digest, hex) != 0 || b->size < 8 || b->size > 512)
        REFUSE("this bundle was made with another preprocessing than this code implements: export it again");
    return FACEDGE_OK;
}

static facedge_status read_facts(bundle *b, char *why, size_t why_size) {
    const char *fault = manifest_fault(b->manifest);
    if (fault) REFUSE("manifest.json lacks a value or holds one that the format does not allow (%s)", fault);
    json_whole(json_get(b->manifest, "embedding_size"), &b->embedding_size);
    b->enrolled = json_is(json_get(b->manifest, "enrolled"), JSON_TRUE);
    b->threshold = b->enrolled ? json_get(b->manifest, "threshold")->number : 2; /* out of reach where nobody is enrolled */
    b->attribute_count = (long long)json_get(b->manifest, "attribute_names")->count;
    b->int8 = strcmp(json_text(json_get(b->manifest, "precision")), "int8") == 0;
    return FACEDGE_OK;
}

static facedge_status read_files(const place *from, bundle *b, char *why, size_t why_size) {
    const json *files = json_get(b->manifest, "files");
    b->files = calloc(files->count + 1, sizeof *b->files);
    if (!b->files) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    for (const json *entry = files->first; entry; entry = entry->next) {
        const char *expected = json_text(json_get(entry, "sha256"));
        bundle_file *file = &b->files[b->count];
        long long size = 0; /* at most 1 GiB for all files together: manifest.c */
        char hex[65];
        json_whole(json_get(entry, "size"), &size);
        file->data = place_read(from, entry->key, (size_t)size, &file->size);
        if (!file->data) REFUSE("%s %s", entry->key, place_why_not(from));
        file->name = entry->key;
        b->count++;
        if ((size_t)size != file->size)
            REFUSE("%s has another size than its manifest gives", entry->key);
        sha256_hex(file->data, file->size, hex);
        if (strcmp(hex, expected) != 0) REFUSE("%s is damaged or was replaced: its sha256 is not the manifest's", entry->key);
    }
    if (b->int8 && !bundle_find(b, "backbone.int8.onnx")) REFUSE("the bundle is int8 but has no backbone.int8.onnx");
    return FACEDGE_OK;
}

static int belongs(const void *to, const char *name) {
    return strcmp(name, "manifest.json") == 0 || strcmp(name, "manifest.sha256") == 0 || bundle_find(to, name);
}

static int ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static facedge_status check_graphs(const bundle *b, char *why, size_t why_size) {
    for (size_t k = 0; k < b->count; k++) {
        const bundle_file *file = &b->files[k];
        if (!ends_with(file->name, ".onnx")) continue;
        switch (onnx_inspect(file->data, file->size)) {
        case ONNX_FINE: break;
        case ONNX_BROKEN: REFUSE("%s is not an ONNX file", file->name);
        case ONNX_EXTERNAL: REFUSE("%s keeps weights in another file, which a bundle never does", file->name);
        case ONNX_FOREIGN: REFUSE("%s uses an operator outside standard ONNX, which a bundle never does", file->name);
        case ONNX_NEWER: REFUSE("%s has no operators, or an opset outside 1 to 20", file->name);
        case ONNX_LARGE: REFUSE("%s has more nodes or fields than a bundle's graph may have", file->name);
        case ONNX_LOOPS: REFUSE("%s uses Loop or Scan, and a bundle holds no operators that iterate", file->name);
        case ONNX_NO_MEMORY: return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
        }
    }
    return FACEDGE_OK;
}

static facedge_status check_arrays(const bundle *b, char *why, size_t why_size) {
    npy array, cohort = {0}, identities = {0};
    for (size_t k = 0; k < b->count; k++) {
        const bundle_file *file = &b->files[k];
        if (!ends_with(file->name, ".npy")) continue;
        if (!npy_parse(file->data, file->size, &array)) REFUSE("%s is not a plain .npy array", file->name);
        if (strcmp(file->name, "cohort.npy") == 0) cohort = array;
        if (strcmp(file->name, "cohort_identities.npy") == 0) identities = array;
    }
    if (identities.data && !cohort.data) REFUSE("cohort_identities.npy needs cohort.npy, which is missing");
    if (cohort.data && !npy_is_cohort(&cohort, identities.data ? &identities : NULL, b->embedding_size))
        REFUSE("cohort.npy or cohort_identities.npy does not fit the embeddings of this bundle");
    return FACEDGE_OK;
}

facedge_status bundle_read_from(const place *from, bundle *out, char *why, size_t why_size) {
    memset(out, 0, sizeof *out);
    facedge_status status = read_manifest(from, out, why, why_size);
    if (status == FACEDGE_OK) status = read_spec(out, why, why_size);
    if (status == FACEDGE_OK) status = read_facts(out, why, why_size);
    if (status == FACEDGE_OK) status = read_files(from, out, why, why_size);
    if (status == FACEDGE_OK)
        status = place_refuse_others(from, belongs, out, why, why_size);
    if (status == FACEDGE_OK) status = check_graphs(out, why, why_size);
    if (status == FACEDGE_OK) status = check_arrays(out, why, why_size);
    if (status != FACEDGE_OK) bundle_free(out);
    return status;
}

facedge_status bundle_read(const char *path, bundle *out, char *why, size_t why_size) {
    place *from;
    memset(out, 0, sizeof *out);
    facedge_status status = place_open(path, &from, why, why_size);
    if (status == FACEDGE_OK) status = bundle_read_from(from, out, why, why_size);
    place_close(from);
    return status;
}

void bundle_free(bundle *b) {
    for (size_t k = 0; b->files && k < b->count; k++) free(b->files[k].data);
    free(b->files);
    json_free(b->manifest);
    memset(b, 0, sizeof *b);
}

const bundle_file *bundle_find(const bundle *b, const char *name) {
    for (size_t k = 0; k < b->count; k++)
        if (strcmp(b->files[k].name, name) == 0) return &b->files[k];
    return NULL;
}
