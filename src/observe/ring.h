/* Inside observe: how records lie in a ring. Positions only grow; a record begins with a head that
 * has its size (8 bytes, native), and never wraps: the rest of the ring is skipped by a head of
 * size 0. */
#ifndef SP_OBSERVE_RING_H
#define SP_OBSERVE_RING_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum {
    SP_RING_LINE_BYTES = 64,     /* of the processor's cache */
    SP_RING_RECORD_BYTES = 4096, /* at most */
    SP_RING_HEAD_BYTES = 16,     /* before each record: its size, and what keeps it aligned */
};

/* How far a ring is written and read. In memory of the process, or of a file that outlives it. */
struct sp_ring_ends {
    _Alignas(SP_RING_LINE_BYTES) _Atomic uint64_t head; /* the writing thread's */
    _Alignas(SP_RING_LINE_BYTES) _Atomic uint64_t tail; /* the reading thread's */
};
_Static_assert(sizeof(struct sp_ring_ends) == 2UL * SP_RING_LINE_BYTES, "a line of the cache for each");

static inline size_t sp_ring_padded(size_t size) {
    return SP_RING_HEAD_BYTES + (size + SP_RING_HEAD_BYTES - 1) / SP_RING_HEAD_BYTES * SP_RING_HEAD_BYTES;
}

static inline void sp_ring_set_size(uint8_t *at, size_t size) {
    uint64_t value = size;
    memcpy(at, &value, sizeof(value));
}

static inline size_t sp_ring_size_at(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return (size_t)value;
}

#endif
