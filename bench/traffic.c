#include "traffic.h"

#include <math.h>

/* Zipf ranks by rejection-inversion (Hörmann and Derflinger, 1996): constant time for any number of
 * keys. */

static double weigh_rank(const struct traffic *traffic, double x) {
    return exp(-traffic->exponent * log(x));
}

static double integrate_weight(const struct traffic *traffic, double x) {
    double log_x = log(x), a = (1 - traffic->exponent) * log_x;
    return (fabs(a) > 1e-8 ? expm1(a) / a : 1 + a / 2) * log_x;
}

static double invert_integral(const struct traffic *traffic, double x) {
    double t = x * (1 - traffic->exponent);
    if (t < -1)
        t = -1;
    return exp((fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2) * x);
}

void traffic_init(struct traffic *traffic, uint64_t seed, uint64_t keys, double exponent) {
    *traffic = (struct traffic){.random = seed, .keys = keys, .exponent = exponent};
    traffic->h_first = integrate_weight(traffic, 1.5) - 1;
    traffic->h_last = integrate_weight(traffic, (double)keys + 0.5);
    traffic->split = 2 - invert_integral(traffic, integrate_weight(traffic, 2.5) - weigh_rank(traffic, 2));
}

static double next_unit(struct traffic *traffic) {
    return (double)(world_random(&traffic->random) >> 11) * 0x1.0p-53;
}

static uint64_t next_rank(struct traffic *traffic) {
    for (;;) {
        double u = traffic->h_last + next_unit(traffic) * (traffic->h_first - traffic->h_last);
        double x = invert_integral(traffic, u);
        double k = floor(x + 0.5);
        k = k < 1 ? 1 : k > (double)traffic->keys ? (double)traffic->keys : k;
        if (k - x <= traffic->split || u >= integrate_weight(traffic, k + 0.5) - weigh_rank(traffic, k))
            return (uint64_t)k;
    }
}

uint64_t traffic_next_key(struct traffic *traffic) {
    if (traffic->exponent <= 0)
        return world_random(&traffic->random) % traffic->keys;
    uint64_t state = next_rank(traffic);
    return world_random(&state) % traffic->keys;
}
