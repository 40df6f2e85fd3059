/* SHA-256 (FIPS 180-4) as 64 lower-case hex digits. */
#ifndef FACEDGE_SHA256_H
#define FACEDGE_SHA256_H

#include <stddef.h>

void sha256_hex(const void *data, size_t length, char hex[65]);

#endif
