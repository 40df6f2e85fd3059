/* spoil_zips ZIP ROUNDS: spoils the bytes of a zip at random and reads every member, from memory and cut short; for builds with
 * sanitizers, as each copy lies in memory of its very size. Prints how many spoiled zips were still opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zip.h"

static uint64_t state = 20240607;

static uint64_t random_below(uint64_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

/* Most spoiled places are headers, which are short, so that bytes near a signature are chosen more often. */
static size_t place_in(const unsigned char *data, size_t size) {
    size_t at = (size_t)random_below(size);
    if (random_below(4) == 0) return at;
    for (size_t k = 0; k < size; k++, at = (at + 1) % size)
        if (at + 1 < size && data[at] == 'P' && data[at + 1] == 'K') break;
    return (at + (size_t)random_below(50)) % size;
}

static int read_all(const unsigned char *data, size_t size) {
    static zip archive;
    zip_source source = {-1, data, size};
    if (zip_open(&source, &archive)) return 0;
    for (size_t k = 0; k < archive.count; k++) {
        size_t length = 0;
        unsigned char *bytes = zip_unpack(&archive, archive.members[k].name, 1 << 22, &length);
        if (bytes && bytes[length] != 0) abort();
        free(bytes);
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    FILE *file = fopen(argv[1], "rb");
    static unsigned char whole[1 << 22];
    size_t size = file ? fread(whole, 1, sizeof whole, file) : 0;
    int rounds = atoi(argv[2]), opened = 0;
    if (!size || !read_all(whole, size)) return 2;
    fclose(file);
    for (int round = 0; round < rounds; round++) {
        size_t kept = random_below(8) ? size : 1 + (size_t)random_below(size);
        unsigned char *copy = malloc(kept);
        if (!copy) return 2;
        memcpy(copy, whole, kept);
        for (uint64_t changes = 1 + random_below(3); changes; changes--) {
            static const unsigned char values[] = {0, 1, 8, 0x7F, 0x80, 0xFE, 0xFF};
            size_t at = place_in(copy, kept);
            copy[at] = random_below(2) ? values[random_below(sizeof values)] : (unsigned char)random_below(256);
        }
        opened += read_all(copy, kept);
        free(copy);
    }
    printf("%d\n", opened);
    return 0;
}
