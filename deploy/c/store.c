#define _POSIX_C_SOURCE 200809L /* openat, mkdirat, unlinkat */
#include "store.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".facedge";
enum { RANDOM_BYTES = 6, EXCHANGE = 2 /* RENAME_EXCHANGE of linux/fs.h */ };

#define STORAGE(...) return fail(FACEDGE_NO_STORAGE, why, why_size, __VA_ARGS__)

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether somebody is enrolled in the bundle there, by its manifest alone: a damaged one may be replaced. */
static int is_unenrolled(const char *path) {
    char name[4096];
    bundle b = {0};
    snprintf(name, sizeof name, "%s/manifest.json", path);
    FILE *file = fopen(name, "rb");
    unsigned char *text = file ? malloc(4 << 20) : NULL;
    size_t size = text ? fread(text, 1, 4 << 20, file) : 0;
    b.manifest = text ? json_parse((const char *)text, size) : NULL;
    int found = json_is(json_get(b.manifest, "enrolled"), JSON_FALSE);
    json_free(b.manifest);
    free(text);
    if (file) fclose(file);
    return found;
}

static int is_empty(const char *path) {
    DIR *listing = opendir(path);
    int entries = 0;
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (listing) closedir(listing);
    return listing && !entries;
}

facedge_status store_check(const char *path, int replace, char *why, size_t why_size) {
    struct stat status, manifest;
    char inside[4096];
    const char *name = file_name(path);
    size_t length = strlen(name), tail = strlen(suffix);
    if (length <= tail || strcmp(name + length - tail, suffix) != 0 || strspn(name, ".") >= length - tail || strlen(path) > 3900)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "a bundle's name ends in .facedge, got %.200s: use NAME.facedge", name);
    if (lstat(path, &status) != 0) return FACEDGE_OK;
    snprintf(inside, sizeof inside, "%s/manifest.json", path);
    int is_bundle = S_ISDIR(status.st_mode) && lstat(inside, &manifest) == 0 && S_ISREG(manifest.st_mode);
    if (!is_bundle && !(S_ISDIR(status.st_mode) && is_empty(path)))
        return fail(FACEDGE_OCCUPIED, why, why_size, "%.200s exists and is no bundle: choose another name, or remove it yourself", path);
    if (is_bundle && is_unenrolled(path))
        return fail(FACEDGE_OCCUPIED, why, why_size, "%.200s is a bundle that nobody is enrolled in and is not replaced: choose another name", path);
    if (is_bundle && !replace)
        return fail(FACEDGE_OCCUPIED, why, why_size, "somebody is enrolled in %.200s already: ask to replace, or choose another name", path);
    return FACEDGE_OK;
}

static int write_file(int folder, const bundle_file *file) {
    int handle = openat(folder, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (handle < 0) return 0;
    size_t done = 0;
    while (done < file->size) {
        ssize_t wrote = write(handle, file->data + done, file->size - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) break;
        done += (size_t)wrote;
    }
    int good = done == file->size && fsync(handle) == 0, problem = errno;
    if (close(handle) != 0 && good) good = 0, problem = errno;
    errno = problem;
    return good;
}

/* File systems that cannot sync a directory are left as they are, as facedge/files.py does. */
static int sync_folder(int folder) { return fsync(folder) == 0 || errno == EINVAL || errno == ENOTSUP; }

static void remove_folder(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = folder < 0 ? NULL : fdopendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) unlinkat(folder, entry->d_name, 0);
    if (listing) closedir(listing);
    else if (folder >= 0) close(folder);
    rmdir(path);
}

/* .NAME.facedge.HEX.tmp beside path: what a killed process leaves is found by this name, by facedge enroll and forget too. */
static int temporary_name(const char *path, char *out, size_t size) {
    unsigned char bytes[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];
    FILE *source = fopen("/dev/urandom", "rb");
    int good = source && fread(bytes, 1, sizeof bytes, source) == sizeof bytes;
    if (source) fclose(source);
    for (int k = 0; good && k < RANDOM_BYTES; k++) snprintf(hex + 2 * k, 3, "%02x", bytes[k]);
    const char *name = file_name(path);
    return good && snprintf(out, size, "%.*s.%s.%s.tmp", (int)(name - path), path, name, hex) < (int)size;
}

static int write_all(const char *staging, const bundle_file *files, size_t count) {
    int folder = mkdir(staging, 0700) == 0 ? open(staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0) return 0;
    int good = 1;
    for (size_t k = 0; good && k < count; k++) good = write_file(folder, &files[k]);
    good = good && sync_folder(folder);
    int problem = errno;
    close(folder);
    errno = problem;
    return good;
}

/* In place of what is at `path`, in one step; what was there is at `staging` then. Where the system cannot exchange two
 * names (renameat2, looked up as older C libraries lack it), the old one is renamed aside first, and back on a failure. */
static int put_in_place(const char *staging, const char *path, int replace) {
    struct stat status;
    char aside[4096 + sizeof ".old"];
    if (!replace || lstat(path, &status) != 0) return rename(staging, path) == 0;
    int (*exchange)(int, const char *, int, const char *, unsigned) = NULL;
    void *self = dlopen(NULL, RTLD_NOW);
    if (self) *(void **)&exchange = dlsym(self, "renameat2");
    int exchanged = exchange && exchange(AT_FDCWD, staging, AT_FDCWD, path, EXCHANGE) == 0;
    if (self) dlclose(self);
    if (exchanged) return 1;
    snprintf(aside, sizeof aside, "%s.old", staging);
    if (rename(path, aside) != 0) return 0;
    if (rename(staging, path) == 0) return rename(aside, staging) == 0;
    int problem = errno;
    rename(aside, path);
    errno = problem;
    return 0;
}

static void sync_parent(const char *path) {
    char parent[4096];
    size_t length = (size_t)(file_name(path) - path);
    snprintf(parent, sizeof parent, "%.*s", length ? (int)length : 1, length ? path : ".");
    int folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

facedge_status store_write(const char *path, int replace, const bundle_file *files, size_t count, char *why, size_t why_size) {
    char staging[4096];
    bundle written;
    if (!temporary_name(path, staging, sizeof staging)) STORAGE("no temporary name beside %.200s can be made: check the folder", path);
    if (!write_all(staging, files, count)) {
        int problem = errno;
        remove_folder(staging);
        STORAGE("%.200s cannot be written (%s): free some space or check the folder; what is there is as before", path, strerror(problem));
    }
    facedge_status status = bundle_read(staging, &written, why, why_size);
    if (status == FACEDGE_OK) {
        bundle_free(&written);
        if (!put_in_place(staging, path, replace))
            status = fail(errno == EEXIST || errno == ENOTEMPTY ? FACEDGE_OCCUPIED : FACEDGE_NO_STORAGE, why, why_size,
                          "%.200s cannot be put in place (%s): what is there is as before", path, strerror(errno));
    }
    if (status == FACEDGE_OK) sync_parent(path);
    remove_folder(staging);
    return status;
}
