/* Chooses the key to ask about next: uniformly, or by the Zipf weight of its rank.
 * Deterministic by seed. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "world.h"

struct traffic {
    uint64_t random;
    uint64_t keys;
    double exponent; /* 0: uniform */
    double h_first, h_last, split;
};

void traffic_init(struct traffic *traffic, uint64_t seed, uint64_t keys, double exponent);

/* A key's number. Frequent ranks are spread over all keys. */
uint64_t traffic_next_key(struct traffic *traffic);

#endif
