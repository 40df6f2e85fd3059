/* The zip of a bundle, NAME.facedge.zip, as deploy/FORMAT.md section 1 limits it: members are found and unpacked, one at a time. */
#ifndef FACEDGE_ZIP_H
#define FACEDGE_ZIP_H

#include <stddef.h>
#include <stdint.h>

enum { ZIP_MOST_ENTRIES = 64, ZIP_MOST_PATH = 1000, ZIP_KEPT_NAME = 80 };

/* Where the bytes of the zip are: in a file that is open for reading, or in memory where handle is -1. */
typedef struct {
    int handle;
    const unsigned char *data;
    uint64_t size;
} zip_source;

typedef struct {
    char name[ZIP_KEPT_NAME + 1]; /* without its folder; cut off, where no file of a bundle has so long a name */
    int deflated;
    uint64_t at, packed, size; /* of the member's data in the zip, in bytes */
} zip_member;

typedef struct {
    zip_source source;
    zip_member members[ZIP_MOST_ENTRIES];
    size_t count;
} zip;

/* Read the directory of the zip: NULL, or what is wrong with it, to be put behind its path. */
const char *zip_open(const zip_source *source, zip *out);

/* The bytes of the member called `name`, with a 0 behind them, for free(). NULL where there is none, it has more than `most`
 * bytes, is damaged, or needs zlib (libz.so.1, loaded when it is needed) where there is none. */
unsigned char *zip_unpack(const zip *archive, const char *name, size_t most, size_t *size);

#endif
