/* The keys and values of manifest.json, deploy/FORMAT.md section 2. */
#ifndef FACEDGE_MANIFEST_H
#define FACEDGE_MANIFEST_H

#include "json.h"

const char *manifest_fault(const json *manifest); /* NULL, or the key whose value the format does not allow */
int manifest_has_file(const char *name);          /* whether a bundle may hold a file of this name */

#endif
