/* Numbers with a point: the host program may have set a locale whose strtod and printf want a comma. */
#ifndef FACEDGE_NUMBERS_H
#define FACEDGE_NUMBERS_H

#include <locale.h>

typedef struct {
    locale_t c, before;
} numbers_locale;

/* The "C" locale for this thread until numbers_end; 0 where there is no memory for it. */
static inline int numbers_begin(numbers_locale *numbers) {
    numbers->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!numbers->c) return 0;
    numbers->before = uselocale(numbers->c);
    return 1;
}

static inline void numbers_end(const numbers_locale *numbers) {
    uselocale(numbers->before);
    freelocale(numbers->c);
}

#endif
