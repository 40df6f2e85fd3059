/* exp, log and atan2 in double precision, within a few 1e-16 of the true value, from additions, multiplications and
 * divisions only: the same bits under every C library and in WebAssembly, which has none. */
#ifndef FACEDGE_MATH_H
#define FACEDGE_MATH_H

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define fe_sqrt __builtin_sqrt
#define fe_rint __builtin_rint
#define fe_ceil __builtin_ceil
#define fe_abs __builtin_fabs
#else
#include <math.h>
#define fe_sqrt sqrt
#define fe_rint rint
#define fe_ceil ceil
#define fe_abs fabs
#endif

static const double FE_PI = 3.14159265358979323846;

static inline int fe_is_nan(double x) { return x != x; }
static inline int fe_is_finite(double x) { return x - x == 0; }

static inline double fe_from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double fe_nan(void) { return fe_from_bits((uint64_t)0x7FF8 << 48); }
static inline double fe_infinity(void) { return fe_from_bits((uint64_t)0x7FF0 << 48); }

/* 2^k, k in -1022..1023. */
static inline double fe_power_of_two(int k) { return fe_from_bits((uint64_t)(k + 1023) << 52); }

/* 0 below -700 and infinity above 700: so far from 1, float32 has no other values. */
static inline double fe_exp(double x)
{
    static const double log2_e = 1.44269504088896340736, high = 6.93147180369123816490e-01, low = 1.90821492927058770002e-10;
    double k, r, sum = 1;
    int n;
    if (fe_is_nan(x)) return x;
    if (x > 700) return fe_infinity();
    if (x < -700) return 0;
    k = fe_rint(x * log2_e);
    r = (x - k * high) - k * low; /* |r| <= ln(2) / 2, where 13 terms suffice */
    for (n = 13; n > 0; n--) sum = 1 + sum * r / n;
    return sum * fe_power_of_two((int)k);
}

/* NaN for what is not above 0; infinity for infinity. Not for subnormal numbers. */
static inline double fe_log(double x)
{
    static const double high = 6.93147180369123816490e-01, low = 1.90821492927058770002e-10, root_half = 0.70710678118654752440;
    uint64_t bits;
    double m, s, square, sum = 0;
    int k, n;
    if (!(x > 0)) return fe_nan();
    if (!fe_is_finite(x)) return x;
    memcpy(&bits, &x, sizeof bits);
    k = (int)(bits >> 52) - 1022;
    m = fe_from_bits((bits & 0xFFFFFFFFFFFFFull) | (uint64_t)1022 << 52); /* x = m 2^k, 1/2 <= m < 1 */
    if (m < root_half) {
        m *= 2;
        k--;
    }
    s = (m - 1) / (m + 1); /* |s| <= 0.172: ln m = 2 (s + s^3 / 3 + ...) */
    square = s * s;
    for (n = 23; n > 0; n -= 2) sum = sum * square + 1.0 / n;
    return k * high + (k * low + 2 * s * sum);
}

/* The arctangent of t, 0 <= t <= 1. */
static inline double fe_atan(double t)
{
    const int shift = t > 0.41421356237309504880; /* tan(pi / 8): then pi / 4 + atan((t - 1) / (t + 1)) */
    const double u = shift ? (t - 1) / (t + 1) : t, square = u * u;
    double sum = 0;
    int n;
    for (n = 41; n > 0; n -= 2) sum = 1.0 / n - sum * square;
    return (shift ? FE_PI / 4 : 0) + u * sum;
}

/* The angle of the point (x, y), -pi to pi; 0 for (0, 0). */
static inline double fe_atan2(double y, double x)
{
    const double ax = fe_abs(x), ay = fe_abs(y);
    double angle;
    if (ax == 0 && ay == 0) return 0;
    angle = ax >= ay ? fe_atan(ay / ax) : FE_PI / 2 - fe_atan(ax / ay);
    if (x < 0) angle = FE_PI - angle;
    return y < 0 ? -angle : angle;
}

#endif
