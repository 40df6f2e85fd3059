#define _DEFAULT_SOURCE /* sbrk, madvise */
#include "large_pages.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { AT_ONCE = 64 << 20, PAGE = 2 << 20, LARGEST_IN_HEAP = 32 << 20 /* the most that mallopt takes */ };

void use_large_pages(void) {
    mallopt(M_TOP_PAD, AT_ONCE);
    mallopt(M_TRIM_THRESHOLD, 2 * AT_ONCE);
    mallopt(M_ARENA_MAX, 1); /* threads share it */
    mallopt(M_MMAP_THRESHOLD, LARGEST_IN_HEAP);
    void *volatile first = malloc(PAGE); /* the heap grows by this and AT_ONCE */
    if (!first) return;
    uintptr_t begin = ((uintptr_t)first + PAGE - 1) / PAGE * PAGE, end = (uintptr_t)sbrk(0) / PAGE * PAGE;
    if (begin < end) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    free(first);
}
#else
void use_large_pages(void) {}
#endif
