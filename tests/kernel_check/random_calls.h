/* What the drivers share: random numbers and hashes that are the same on every machine. */
#ifndef FACEDGE_RANDOM_CALLS_H
#define FACEDGE_RANDOM_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_bits(void) /* xorshift64 (Marsaglia 2003) */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* low..high, both included. */
static int64_t random_between(int64_t low, int64_t high)
{
    return low + (int64_t)(random_bits() % (uint64_t)(high - low + 1));
}

static int one_in(int64_t n) { return random_between(1, n) == 1; }

static inline void random_fill(uint8_t *bytes, size_t n)
{
    const int kind = (int)random_between(0, 3);
    size_t i;
    for (i = 0; i < n; i++) bytes[i] = kind == 0 ? 255 : kind == 1 ? (uint8_t)(i * 37 / 8) : (uint8_t)(random_bits() >> 24);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
    const uint8_t *bytes = data;
    size_t i;
    for (i = 0; i < n; i++) hash = (hash ^ bytes[i]) * 1099511628211ULL;
    return hash;
}

enum { HASH_SEED = 1469598103 };

static void *must_allocate(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(3);
    }
    return memory;
}

static void fail(const char *what, long long number)
{
    printf("FAILED: %s (case %lld)\n", what, number);
    exit(1);
}

#endif
