/* libz.so.1 is on every system (dpkg, curl and Python need it), zlib.h is not, nor is a zlib for each cross compiler: so the
 * library is loaded by those who open a deflated bundle, and needs nothing to be built. inflateInit2_ compares the version and
 * the size of the struct below, whose layout has been the same since zlib 1.0 of 1996 (zlib.h, z_stream). */
#include "inflate.h"

#include <dlfcn.h>
#include <limits.h>

typedef struct {
    const unsigned char *next_in;
    unsigned in_left;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned out_left;
    unsigned long total_out;
    const char *message;
    void *state;
    void *(*allocate)(void *, unsigned, unsigned);
    void (*release)(void *, void *);
    void *opaque;
    int data_type;
    unsigned long checksum, reserved;
} z_stream;

typedef struct {
    void *library;
    int (*begin)(z_stream *, int window_bits, const char *version, int stream_size);
    int (*run)(z_stream *, int flush);
    int (*end)(z_stream *);
} zlib;

enum { Z_OK = 0, Z_STREAM_END = 1, Z_NO_FLUSH = 0, RAW = -15 /* no header, a window of 32 KiB */ };

static int load_zlib(zlib *z) {
    static const char *const names[] = {"libz.so.1", "libz.so", "libz.dylib"};
    z->library = NULL;
    for (size_t k = 0; !z->library && k < sizeof names / sizeof *names; k++) z->library = dlopen(names[k], RTLD_NOW | RTLD_LOCAL);
    if (!z->library) return 0;
    *(void **)&z->begin = dlsym(z->library, "inflateInit2_");
    *(void **)&z->run = dlsym(z->library, "inflate");
    *(void **)&z->end = dlsym(z->library, "inflateEnd");
    if (z->begin && z->run && z->end) return 1;
    dlclose(z->library);
    return 0;
}

static int inflate_all(const zlib *z, z_stream *s, inflate_source next, void *from) {
    int status = Z_OK;
    while (status == Z_OK) {
        if (!s->in_left && !(s->in_left = (unsigned)next(from, &s->next_in))) return 0;
        status = z->run(s, Z_NO_FLUSH); /* Z_BUF_ERROR where the stream goes on and out is full */
    }
    return status == Z_STREAM_END && !s->out_left;
}

int inflate_raw(inflate_source next, void *from, unsigned char *out, size_t size) {
    zlib z;
    z_stream stream = {0};
    stream.next_out = out;
    stream.out_left = (unsigned)size;
    if (size > UINT_MAX || !load_zlib(&z)) return 0;
    int good = z.begin(&stream, RAW, "1", (int)sizeof stream) == Z_OK;
    if (good) {
        good = inflate_all(&z, &stream, next, from);
        z.end(&stream);
    }
    dlclose(z.library);
    return good;
}

int inflate_available(void) {
    zlib z;
    if (!load_zlib(&z)) return 0;
    dlclose(z.library);
    return 1;
}
