/* PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16, of which a bundle uses a small part. All of a member that counts is
 * in the directory at the end; its hash is compared afterwards, so that its CRC-32 is not looked at. */
#define _POSIX_C_SOURCE 200809L /* pread */
#include "zip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "inflate.h"

enum { END_SIZE = 22, ENTRY_SIZE = 46, LOCAL_SIZE = 30 };
enum { END = 0x06054b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50 };
enum { ENCRYPTED = 1 << 0, PATCHED = 1 << 5, STRONGLY_ENCRYPTED = 1 << 6, MASKED = 1 << 13 };
enum { STORED = 0, DEFLATED = 8 };

/* What one entry of the directory gives. */
typedef struct {
    char path[ZIP_MOST_PATH + 1];
    size_t length, folder; /* of the path; of the part of it up to the last slash */
    zip_member member;
    uint64_t next; /* where the next entry begins */
} entry;

static uint32_t two(const unsigned char *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }
static uint32_t four(const unsigned char *at) { return two(at) | two(at + 2) << 16; }

static int read_at(const zip_source *s, uint64_t at, size_t count, void *out) {
    if (at > s->size || count > s->size - at) return 0;
    if (s->handle < 0) {
        if (count) memcpy(out, s->data + at, count);
        return 1;
    }
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(s->handle, (char *)out + done, count - done, (off_t)(at + done));
        if (got <= 0) return 0;
        done += (size_t)got;
    }
    return 1;
}

/* The local header must name the same file; the data are behind it and before the directory, which begins at `limit`. */
static const char *find_data(const zip_source *s, entry *e, uint64_t header, uint64_t limit) {
    unsigned char local[LOCAL_SIZE];
    char path[ZIP_MOST_PATH];
    if (!read_at(s, header, LOCAL_SIZE, local) || four(local) != LOCAL || two(local + 26) != e->length ||
        !read_at(s, header + LOCAL_SIZE, e->length, path) || memcmp(path, e->path, e->length) != 0)
        return "names a file that is not where its directory says";
    e->member.at = header + LOCAL_SIZE + e->length + two(local + 28);
    if (e->member.at > limit || e->member.packed > limit - e->member.at) return "holds a file that is cut short";
    return NULL;
}

static void split_path(entry *e) {
    const char *slash = strrchr(e->path, '/');
    e->folder = slash ? (size_t)(slash - e->path) + 1 : 0;
    size_t name = e->length - e->folder;
    memcpy(e->member.name, e->path + e->folder, name < ZIP_KEPT_NAME ? name : ZIP_KEPT_NAME);
}

static const char *read_entry(const zip_source *s, uint64_t at, uint64_t limit, entry *e) {
    unsigned char head[ENTRY_SIZE];
    memset(e, 0, sizeof *e);
    if (!read_at(s, at, ENTRY_SIZE, head) || four(head) != ENTRY) return "has a damaged directory";
    uint32_t flags = two(head + 8), method = two(head + 10), header = four(head + 42);
    e->length = two(head + 28);
    e->next = at + ENTRY_SIZE + e->length + two(head + 30) + two(head + 32);
    e->member.packed = four(head + 20);
    e->member.size = four(head + 24);
    e->member.deflated = method == DEFLATED;
    if (!e->length || e->length > ZIP_MOST_PATH || !read_at(s, at + ENTRY_SIZE, e->length, e->path) ||
        strlen(e->path) != e->length)
        return "names a file in a way that no bundle does";
    if (flags & (ENCRYPTED | PATCHED | STRONGLY_ENCRYPTED | MASKED)) return "is encrypted";
    if (method != STORED && method != DEFLATED) return "is packed in another way than stored or deflated";
    if (e->member.packed == UINT32_MAX || e->member.size == UINT32_MAX || header == UINT32_MAX || two(head + 34))
        return "is a zip64 or of several parts, which no bundle needs";
    if (method == STORED && e->member.packed != e->member.size) return "holds a file that is cut short";
    split_path(e);
    return find_data(s, e, header, limit);
}

static int overlap(const zip_member *one, const zip_member *other) {
    return one->at < other->at + other->packed && other->at < one->at + one->packed;
}

static const char *add_member(zip *out, const entry *e) {
    for (size_t k = 0; k < out->count; k++) {
        if (strcmp(out->members[k].name, e->member.name) == 0) return "holds a file twice";
        if (overlap(&out->members[k], &e->member)) return "holds files that overlap";
    }
    out->members[out->count++] = e->member;
    return NULL;
}

/* All folders must lie on one way down: the shorter path begins the longer one, which is kept. */
static int on_the_way(char deepest[ZIP_MOST_PATH + 1], const entry *e) {
    size_t known = strlen(deepest);
    if (memcmp(deepest, e->path, known < e->length ? known : e->length) != 0) return 0;
    if (known < e->length) memcpy(deepest, e->path, e->length + 1);
    return 1;
}

static const char *read_directory(zip *out, uint64_t start, size_t entries, uint64_t end) {
    static const char several[] = "holds no bundle, or several: expected the files of one, in one folder or at the top";
    char folder[ZIP_MOST_PATH + 1] = "", deepest[ZIP_MOST_PATH + 1] = "";
    uint64_t at = start;
    for (size_t k = 0; k < entries; k++) {
        entry e;
        const char *fault = read_entry(&out->source, at, start, &e);
        if (fault) return fault;
        at = e.next;
        if (e.folder == e.length) {
            if (!on_the_way(deepest, &e)) return several;
            continue;
        }
        if (!out->count) memcpy(folder, e.path, e.folder);
        if (e.folder != strlen(folder) || memcmp(folder, e.path, e.folder) != 0) return several;
        if ((fault = add_member(out, &e))) return fault;
    }
    if (at != end) return "has a damaged directory";
    return out->count && strncmp(folder, deepest, strlen(deepest)) == 0 ? NULL : several;
}

const char *zip_open(const zip_source *source, zip *out) {
    unsigned char end[END_SIZE], first[4];
    memset(out, 0, sizeof *out);
    out->source = *source;
    if (source->size < END_SIZE || !read_at(source, source->size - END_SIZE, END_SIZE, end) || four(end) != END || two(end + 20))
        return "is no zip, is cut short, or has a comment";
    uint64_t ends = source->size - END_SIZE, size = four(end + 12), start = four(end + 16);
    size_t entries = two(end + 10);
    if (!read_at(source, 0, 4, first) || four(first) != LOCAL || two(end + 4) || two(end + 6) || two(end + 8) != entries ||
        start + size != ends)
        return "is a zip64, of several parts, or has bytes before or behind it";
    if (entries > ZIP_MOST_ENTRIES) return "holds more files than a bundle has";
    return read_directory(out, start, entries, ends);
}

typedef struct {
    const zip_source *source;
    uint64_t at, left;
    unsigned char bytes[1 << 14];
} packed_bytes;

static size_t next_bytes(void *from, const unsigned char **bytes) {
    packed_bytes *packed = from;
    size_t count = packed->left < sizeof packed->bytes ? (size_t)packed->left : sizeof packed->bytes;
    if (!read_at(packed->source, packed->at, count, packed->bytes)) return 0;
    packed->at += count;
    packed->left -= count;
    *bytes = packed->bytes;
    return count;
}

unsigned char *zip_unpack(const zip *archive, const char *name, size_t most, size_t *size) {
    const zip_member *found = NULL;
    for (size_t k = 0; k < archive->count; k++)
        if (strcmp(archive->members[k].name, name) == 0) found = &archive->members[k];
    unsigned char *data = found && found->size <= most ? malloc((size_t)found->size + 1) : NULL;
    if (!data) return NULL;
    *size = (size_t)found->size;
    data[*size] = 0;
    packed_bytes packed = {&archive->source, found->at, found->packed, {0}};
    if (found->deflated ? inflate_raw(next_bytes, &packed, data, *size) : read_at(&archive->source, found->at, *size, data))
        return data;
    free(data);
    return NULL;
}
