/* Requests about a world, and whether their replies are right. */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include "base/arena.h"
#include "load.h"
#include "traffic.h"

enum { EXCHANGE_ITEMS_MAX = 1000 };

/* What the reply to a request must be. */
struct expectation {
    uint16_t count;
    uint8_t reasons[EXCHANGE_ITEMS_MAX];
};

/* The method that requests of these options go to. */
const char *exchange_path(const struct load_options *options);

/* The next request, packed in `arena`. `correlation` comes back in the reply of a stream. Empty
 * when out of memory. */
struct sp_bytes exchange_make(const struct load_options *options, struct traffic *traffic, uint64_t correlation,
                              struct sp_arena *arena, struct expectation *ret_expectation);

/* How many answers of a reply are not the expected ones. */
unsigned exchange_count_wrong(const struct load_options *options, const struct expectation *expectation,
                              uint64_t correlation, struct sp_bytes reply, struct sp_arena *arena);

#endif
