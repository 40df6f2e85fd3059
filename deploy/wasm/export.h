/* A function that JavaScript calls, by its own name. */
#ifndef FACEDGE_EXPORT_H
#define FACEDGE_EXPORT_H

#define FE_EXPORT(name) __attribute__((export_name(#name))) name

#endif
