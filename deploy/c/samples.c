#include "samples.h"

#include <stdlib.h>

void sample_free(sample *one) {
    free(one->embedding);
    free(one->fingerprint);
}

static int ascending_numbers(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

double median_of(double *values, int64_t count) {
    qsort(values, (size_t)count, sizeof *values, ascending_numbers);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}
