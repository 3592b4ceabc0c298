/* Inside observe: the rings of a log in a file, so that lines which nobody has read yet outlive the
 * process. The file is mapped: writing to it is writing to memory. It survives the end of the
 * process, however it ends, but no loss of power: nothing is synced.
 *
 * Bytes of the file:
 *   0      "SPSPILL1"  8   4096 (4)   rings (4)   ring bytes (8)   zeros
 *   4096   ends of each ring: head (8) at 0, tail (8) at 64, of 128 bytes
 *   then, at the next 4096: the rings
 * Numbers are those of the machine. A record is a line, with its line feed. */
#ifndef SP_OBSERVE_SPILL_H
#define SP_OBSERVE_SPILL_H

#include "base/status.h"
#include "observe/ring.h"

struct sp_spill {
    int fd;
    uint8_t *map;
    size_t map_bytes;
    unsigned rings;
    size_t ring_bytes; /* a power of two */
};

enum { SP_SPILL_RING_MIN_BYTES = 64 * 1024 };

/* Opens or makes the file, with room for all of it taken, for `rings` rings of together at most
 * `bytes`. Lines that an earlier process left are in the rings; from a file of another shape they
 * are carried over, as far as they fit. *ret_lost: how many lines could not be kept or read.
 * SP_ERR_INVALID: `bytes` is too little for so many rings; SP_ERR_PRECONDITION: another process has
 * it, or it is not this user's own or not such a file; SP_ERR_EXHAUSTED: no room; SP_ERR_IO. */
enum sp_status sp_spill_open(const char *path, unsigned rings, uint64_t bytes, struct sp_spill *ret_spill,
                             uint64_t *ret_lost, struct sp_error *error) SP_MUST_USE;
void sp_spill_close(struct sp_spill *spill);

struct sp_ring_ends *sp_spill_ends(const struct sp_spill *spill, unsigned ring);
uint8_t *sp_spill_ring(const struct sp_spill *spill, unsigned ring);

/* Bytes of records that nobody has read yet. */
uint64_t sp_spill_waiting(const struct sp_spill *spill);
/* How full the fullest ring is of them, from 0 to 1. */
double sp_spill_fullness(const struct sp_spill *spill);

#endif
