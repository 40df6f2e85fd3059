/* The keys and values of manifest.json, deploy/FORMAT.md section 2. */
#ifndef FACEDGE_MANIFEST_H
#define FACEDGE_MANIFEST_H

#include "json.h"

const char *manifest_fault(const json *manifest); /* NULL, or the key whose value the format does not allow */
int manifest_has_file(const char *name);          /* whether a bundle may hold a file of this name */

/* Exactly these keys, separated by blanks: a stray or missing one means another writer, or an edit. */
int exact_keys(const json *value, const char *keys);
int is_whole(const json *value, long long least, long long most);
/* A text of 1 to `most` characters that is more than blanks, without control characters but newline and tab. */
int is_text(const json *value, size_t most);

#endif
