/* A personal bundle on the disk: whole or not at all, durably. */
#ifndef FACEDGE_STORE_H
#define FACEDGE_STORE_H

#include "bundle.h"

/* FACEDGE_OK where a bundle may be written at `path`, NAME.facedge: nothing is there, or somebody enrolled and `replace`. */
facedge_status store_check(const char *path, int replace, char *why, size_t why_size);

/* Write the files (directory 0700, files 0600) to a temporary directory beside `path`, read them back as a bundle, and put
 * it in place by one rename. On an error nothing has changed. */
facedge_status store_write(const char *path, int replace, const bundle_file *files, size_t count, char *why, size_t why_size);

#endif
