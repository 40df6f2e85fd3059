#include "sha256.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int bits) { return x >> bits | x << (32 - bits); }

/* One round, FIPS 180-4, 6.2.2; the variables change places from call to call instead of being moved. */
#define ROUND(a, b, c, d, e, f, g, h, t)                                                                               \
    do {                                                                                                               \
        uint32_t one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ (e & (f ^ g))) + K[t] + w[t];               \
        d += one;                                                                                                      \
        h = one + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));                                \
    } while (0)

static void block(uint32_t state[8], const uint8_t *bytes) {
    uint32_t w[64], s[8];
    for (int t = 0; t < 16; t++, bytes += 4)
        w[t] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    for (int t = 16; t < 64; t++) {
        uint32_t a = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t b = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + a + w[t - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (int t = 0; t < 64; t += 8) {
        ROUND(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], t);
        ROUND(s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6], t + 1);
        ROUND(s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5], t + 2);
        ROUND(s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4], t + 3);
        ROUND(s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3], t + 4);
        ROUND(s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2], t + 5);
        ROUND(s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1], t + 6);
        ROUND(s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0], t + 7);
    }
    for (int k = 0; k < 8; k++) state[k] += s[k];
}

static void portable_blocks(uint32_t state[8], const uint8_t *bytes, size_t count) {
    for (; count; count--, bytes += 64) block(state, bytes);
}

#if defined(__GNUC__) && defined(__x86_64__) && !defined(FACEDGE_PORTABLE_SHA)
#include <cpuid.h>
#include <immintrin.h>

/* The processor's own instructions, ten times as fast. State is kept as A B E F and C D G H, as they want it. */
__attribute__((target("sha,sse4.1"))) static void sha_blocks(uint32_t state[8], const uint8_t *bytes, size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xB1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; count; count--, bytes += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int k = 0; k < 4; k++)
            w[k] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * k)), big_endian);
        for (int t = 0; t < 16; t++) { /* four rounds each */
            const __m128i last = w[(t + 3) % 4];
            __m128i sum = _mm_add_epi32(w[t % 4], _mm_loadu_si128((const __m128i *)(const void *)(K + 4 * t)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[t % 4], w[(t + 1) % 4]), _mm_alignr_epi8(last, w[(t + 2) % 4], 4));
            w[t % 4] = _mm_sha256msg2_epu32(sum, last); /* of the rounds 16 on; beyond the last ones it is not used */
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static void blocks(uint32_t state[8], const uint8_t *bytes, size_t count) {
    unsigned a, b = 0, c, d;
    const unsigned sha = 1u << 29; /* of leaf 7 */
    if (__builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & sha))
        sha_blocks(state, bytes, count);
    else
        portable_blocks(state, bytes, count);
}
#else
#define blocks portable_blocks
#endif

void sha256_hex(const void *data, size_t length, char hex[65]) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint8_t *bytes = data;
    size_t whole = length / 64 * 64, rest = length - whole, padded = rest < 56 ? 64 : 128;
    blocks(state, bytes, whole / 64);
    uint8_t tail[128] = {0};
    if (rest) memcpy(tail, bytes + whole, rest);
    tail[rest] = 0x80;
    for (int k = 0; k < 8; k++) tail[padded - 1 - (size_t)k] = (uint8_t)((uint64_t)length * 8 >> (8 * k));
    blocks(state, tail, padded / 64);
    for (int k = 0; k < 8; k++) sprintf(hex + 8 * k, "%08x", (unsigned)state[k]);
}
