#define _POSIX_C_SOURCE 200809L /* openat, fdopendir, O_NOFOLLOW */
#include "bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx.h"
#include "sha256.h"

enum { FORMAT_VERSION = 1, MOST_MANIFEST = 4 << 20, MOST_FILE = 1 << 30 };

facedge_status fail(facedge_status status, char *why, size_t why_size, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (why && why_size) vsnprintf(why, why_size, format, values);
    va_end(values);
    return status;
}

#define REFUSE(...) return fail(FACEDGE_BAD_BUNDLE, why, why_size, __VA_ARGS__)

/* The bytes of a regular file directly inside the directory, with a 0 behind them; NULL and errno where it is none. */
static unsigned char *read_file(int folder, const char *name, size_t most, size_t *size) {
    int handle = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (handle < 0) return NULL;
    struct stat status;
    unsigned char *data = NULL;
    if (fstat(handle, &status) == 0 && S_ISREG(status.st_mode) && (size_t)status.st_size <= most) {
        data = malloc((size_t)status.st_size + 1);
        *size = 0;
        ssize_t got = 1;
        while (data && got > 0 && *size < (size_t)status.st_size) {
            got = read(handle, data + *size, (size_t)status.st_size - *size);
            if (got > 0) *size += (size_t)got;
        }
        if (data && *size != (size_t)status.st_size) free(data), data = NULL;
        if (data) data[*size] = 0;
    }
    close(handle);
    return data;
}

static facedge_status read_manifest(int folder, bundle *b, char *why, size_t why_size) {
    size_t size, seal_size;
    unsigned char *text = read_file(folder, "manifest.json", MOST_MANIFEST, &size);
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
    unsigned char *found = read_file(folder, "manifest.sha256", 1024, &seal_size);
    int same = found && seal_size == strlen(seal) && memcmp(found, seal, seal_size) == 0;
    free(found);
    if (!same) REFUSE("manifest.json was edited or damaged: manifest.sha256 does not match it");
    return FACEDGE_OK;
}

/* A format version fixes its keys: a stray or missing one means another writer, or an edit. */
static int has_its_keys(const json *manifest) {
    static const char *const keys[] = {"attribute_names", "calibration", "created", "created_by", "data", "embedding_size",
                                       "enrolled", "files", "format", "format_version", "metrics", "name", "parity",
                                       "precision", "spec", "spec_digest", "threshold", "usage"};
    size_t count = sizeof keys / sizeof *keys;
    for (size_t k = 0; k < count; k++)
        if (!json_get(manifest, keys[k])) return 0;
    return manifest->count == count;
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

static facedge_status read_spec(bundle *b, char *why, size_t why_size) {
    const json *spec = json_get(b->manifest, "spec"), *crop = json_get(spec, "crop");
    const char *digest = json_text(json_get(b->manifest, "spec_digest"));
    char hex[65] = "";
    long long algorithm = 0;
    int good = json_whole(json_get(spec, "algorithm"), &algorithm) && algorithm == 1 &&
               json_whole(json_get(spec, "size"), &b->size) && json_is(crop, JSON_ARRAY) && crop->count == 4;
    for (size_t k = 0; good && k < 4; k++) good = json_whole(json_at(crop, k), &b->crop[k]);
    if (good) digest_of(b, hex);
    if (!good || !digest || strcmp(digest, hex) != 0 || b->size < 8 || b->size > 512)
        REFUSE("this bundle was made with another preprocessing than this code implements: export it again");
    return FACEDGE_OK;
}

static facedge_status read_facts(bundle *b, char *why, size_t why_size) {
    const json *names = json_get(b->manifest, "attribute_names"), *threshold = json_get(b->manifest, "threshold");
    const json *enrolled = json_get(b->manifest, "enrolled");
    const char *precision = json_text(json_get(b->manifest, "precision"));
    int good = has_its_keys(b->manifest) && json_whole(json_get(b->manifest, "embedding_size"), &b->embedding_size) && b->embedding_size > 0 &&
               b->embedding_size <= 65536 && json_is(names, JSON_ARRAY) && names->count > 0 && precision &&
               (json_is(enrolled, JSON_TRUE) || json_is(enrolled, JSON_FALSE));
    for (const json *name = good ? names->first : NULL; name; name = name->next) good = good && json_text(name);
    b->enrolled = json_is(enrolled, JSON_TRUE);
    b->threshold = b->enrolled && threshold ? threshold->number : 2; /* out of reach where nobody is enrolled */
    if (good && b->enrolled) good = json_is(threshold, JSON_NUMBER) && b->threshold >= 0 && b->threshold <= 1;
    if (good && !b->enrolled) good = json_is(threshold, JSON_NULL);
    if (good) good = strcmp(precision, "fp32") == 0 || strcmp(precision, "int8") == 0;
    if (!good) REFUSE("manifest.json lacks a value or holds one that the format does not allow");
    b->attribute_count = (long long)names->count;
    b->int8 = strcmp(precision, "int8") == 0;
    return FACEDGE_OK;
}

static int plain_name(const char *name) {
    return name && *name && *name != '.' && strlen(name) < 100 && !strchr(name, '/') && !strchr(name, '\\');
}

static facedge_status read_files(int folder, bundle *b, char *why, size_t why_size) {
    const json *files = json_get(b->manifest, "files");
    if (!json_is(files, JSON_OBJECT)) REFUSE("manifest.json lists no files");
    b->files = calloc(files->count + 1, sizeof *b->files);
    if (!b->files) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    for (const json *entry = files->first; entry; entry = entry->next) {
        const char *expected = json_text(json_get(entry, "sha256"));
        bundle_file *file = &b->files[b->count];
        long long size;
        char hex[65];
        if (!plain_name(entry->key) || !expected) REFUSE("manifest.json lists a file that no bundle may hold");
        file->data = read_file(folder, entry->key, MOST_FILE, &file->size);
        if (!file->data) REFUSE("%s is missing from the bundle or is no plain file", entry->key);
        file->name = entry->key;
        b->count++;
        if (!json_whole(json_get(entry, "size"), &size) || (size_t)size != file->size)
            REFUSE("%s has another size than its manifest gives", entry->key);
        sha256_hex(file->data, file->size, hex);
        if (strcmp(hex, expected) != 0) REFUSE("%s is damaged or was replaced: its sha256 is not the manifest's", entry->key);
    }
    if (b->int8 && !bundle_find(b, "backbone.int8.onnx")) REFUSE("the bundle is int8 but has no backbone.int8.onnx");
    return FACEDGE_OK;
}

static facedge_status refuse_extras(int folder, const bundle *b, char *why, size_t why_size) {
    DIR *listing = fdopendir(dup(folder));
    if (!listing) REFUSE("the bundle's directory cannot be listed");
    facedge_status status = FACEDGE_OK;
    for (struct dirent *entry; status == FACEDGE_OK && (entry = readdir(listing));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (strcmp(name, "manifest.json") != 0 && strcmp(name, "manifest.sha256") != 0 && !bundle_find(b, name))
            status = fail(FACEDGE_BAD_BUNDLE, why, why_size, "%s is in the bundle but not in its manifest", name);
    }
    closedir(listing);
    return status;
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
        case ONNX_NO_MEMORY: return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
        }
    }
    return FACEDGE_OK;
}

facedge_status bundle_read(const char *path, bundle *out, char *why, size_t why_size) {
    memset(out, 0, sizeof *out);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) REFUSE("%s: expected a bundle directory (NAME.facedge): %s", path, strerror(errno));
    facedge_status status = read_manifest(folder, out, why, why_size);
    if (status == FACEDGE_OK) status = read_spec(out, why, why_size);
    if (status == FACEDGE_OK) status = read_facts(out, why, why_size);
    if (status == FACEDGE_OK) status = read_files(folder, out, why, why_size);
    if (status == FACEDGE_OK) status = refuse_extras(folder, out, why, why_size);
    if (status == FACEDGE_OK) status = check_graphs(out, why, why_size);
    close(folder);
    if (status != FACEDGE_OK) bundle_free(out);
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
