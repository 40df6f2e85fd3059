#define _POSIX_C_SOURCE 200809L /* openat, fdopendir, O_NOFOLLOW */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "inflate.h"
#include "zip.h"

struct place {
    enum { FOLDER, MEMORY, ZIP } kind;
    int handle; /* of the folder or the zip's file, -1 where there is none */
    const facedge_file *files;
    size_t count; /* of files in memory */
    zip *archive;
};

#define REFUSE(...) return fail(FACEDGE_BAD_BUNDLE, why, why_size, __VA_ARGS__)

static const char is_extra[] = "%s is in the bundle but not in its manifest";

static facedge_status make(int kind, place **out, char *why, size_t why_size) {
    *out = calloc(1, sizeof **out);
    if (!*out) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    (*out)->kind = kind;
    (*out)->handle = -1;
    return FACEDGE_OK;
}

void place_close(place *p) {
    if (!p) return;
    if (p->handle >= 0) close(p->handle);
    free(p->archive);
    free(p);
}

/* The place takes the source's handle. */
static facedge_status open_zip(const zip_source *source, const char *path, place **out, char *why, size_t why_size) {
    facedge_status status = make(ZIP, out, why, why_size);
    if (status != FACEDGE_OK) return status;
    (*out)->handle = source->handle;
    (*out)->archive = malloc(sizeof *(*out)->archive);
    if (!(*out)->archive) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    const char *fault = zip_open(source, (*out)->archive);
    if (fault) REFUSE("%s %s", path, fault);
    return FACEDGE_OK;
}

static int ends_in_zip(const char *path) {
    size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, ".zip") == 0;
}

static facedge_status open_path(const char *path, place **out, char *why, size_t why_size) {
    struct stat about;
    int handle = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int known = handle >= 0 && fstat(handle, &about) == 0, problem = errno;
    if (known && S_ISDIR(about.st_mode)) {
        facedge_status status = make(FOLDER, out, why, why_size);
        if (status == FACEDGE_OK) (*out)->handle = handle;
        return status;
    }
    if (known && S_ISREG(about.st_mode) && ends_in_zip(path)) {
        zip_source source = {handle, NULL, (uint64_t)about.st_size};
        return open_zip(&source, path, out, why, why_size);
    }
    if (handle >= 0) close(handle);
    REFUSE("%s: expected a bundle, NAME.facedge or NAME.facedge.zip: %s", path, strerror(known ? ENOTDIR : problem));
}

static facedge_status opened(facedge_status status, place **out) {
    if (status != FACEDGE_OK) place_close(*out), *out = NULL;
    return status;
}

facedge_status place_open(const char *path, place **out, char *why, size_t why_size) {
    *out = NULL;
    return opened(open_path(path, out, why, why_size), out);
}

facedge_status place_of_zip(const void *data, size_t size, place **out, char *why, size_t why_size) {
    zip_source source = {-1, data, size};
    *out = NULL;
    return opened(open_zip(&source, "the bundle", out, why, why_size), out);
}

facedge_status place_of_files(const facedge_file *files, size_t count, place **out, char *why, size_t why_size) {
    *out = NULL;
    for (size_t k = 0; k < count; k++)
        if (!files[k].name || (!files[k].data && files[k].size))
            return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "file %zu of the bundle has no name or no data", k);
    facedge_status status = make(MEMORY, out, why, why_size);
    if (status != FACEDGE_OK) return status;
    (*out)->files = files;
    (*out)->count = count;
    return FACEDGE_OK;
}

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

static unsigned char *copy_file(const facedge_file *file, size_t most, size_t *size) {
    unsigned char *data = file->size <= most ? malloc(file->size + 1) : NULL;
    if (!data) return NULL;
    if (file->size) memcpy(data, file->data, file->size);
    data[file->size] = 0;
    *size = file->size;
    return data;
}

unsigned char *place_read(const place *p, const char *name, size_t most, size_t *size) {
    if (p->kind == FOLDER) return read_file(p->handle, name, most, size);
    if (p->kind == ZIP) return zip_unpack(p->archive, name, most, size);
    for (size_t k = 0; k < p->count; k++)
        if (strcmp(p->files[k].name, name) == 0) return copy_file(&p->files[k], most, size);
    return NULL;
}

const char *place_why_not(const place *p) {
    if (p->kind != ZIP) return "is missing from the bundle, is larger than its manifest gives, or is no plain file";
    if (!inflate_available()) return "is missing from the zip, or needs zlib to be unpacked: install libz.so.1, or store it unpacked";
    return "is missing from the zip, is larger than its manifest gives, or cannot be unpacked";
}

static facedge_status refuse_in_folder(int folder, int (*belongs)(const void *, const char *), const void *to, char *why,
                                       size_t why_size) {
    DIR *listing = fdopendir(dup(folder));
    if (!listing) REFUSE("the bundle's directory cannot be listed");
    facedge_status status = FACEDGE_OK;
    for (struct dirent *entry; status == FACEDGE_OK && (entry = readdir(listing));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!belongs(to, name)) status = fail(FACEDGE_BAD_BUNDLE, why, why_size, is_extra, name);
    }
    closedir(listing);
    return status;
}

facedge_status place_refuse_others(const place *p, int (*belongs)(const void *, const char *), const void *to, char *why,
                                   size_t why_size) {
    if (p->kind == FOLDER) return refuse_in_folder(p->handle, belongs, to, why, why_size);
    for (size_t k = 0; p->kind == ZIP && k < p->archive->count; k++)
        if (!belongs(to, p->archive->members[k].name)) REFUSE(is_extra, p->archive->members[k].name);
    for (size_t k = 0; k < p->count; k++) {
        if (!belongs(to, p->files[k].name)) REFUSE(is_extra, p->files[k].name);
        for (size_t other = 0; other < k; other++)
            if (strcmp(p->files[k].name, p->files[other].name) == 0) REFUSE("%s is there twice", p->files[k].name);
    }
    return FACEDGE_OK;
}
