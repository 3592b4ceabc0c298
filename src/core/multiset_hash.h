/* A hash of a set that follows its changes: adding or removing an element costs the same however
 * large the set is, the order of additions does not matter, and equal sets have equal hashes.
 *
 * It is a vector of 1,024 numbers modulo 2^16. Each element, itself a SHA-256, is expanded to such
 * a vector, and the hash is the sum of all of them, lane by lane. To find two sets with the same
 * hash is to find a short combination of random vectors that sums to zero (SIS); for these sizes
 * that takes more than 2^200 steps. The construction is that of Bellare and Micciancio, "A New
 * Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost" (1997), with the parameters
 * of LtHash16 in Lewi, Kim, Maykov and Weis, "Securing Update Propagation with Homomorphic
 * Hashing" (2019). XOR of the vectors, or sums of 256 bits, could be solved in seconds to hours.
 *
 * LtHash leaves the choice of the expansion open. Here it is the key stream of AES-256-CTR under
 * the element as the key: with AES instructions the 2,048 bytes take about half a microsecond, a
 * tenth of what SHAKE128 takes. The keys are outputs of SHA-256, so nobody
 * chooses related ones, which is what attacks on AES-256's key schedule need.
 *
 * Pure but for the memory of an expander. */
#ifndef SP_CORE_MULTISET_HASH_H
#define SP_CORE_MULTISET_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "core/digest.h"

enum { SP_MULTISET_LANES = 1024, SP_MULTISET_HASH_BYTES = 2 * SP_MULTISET_LANES };

/* Zeroed: of the empty set. */
struct sp_multiset_hash {
    uint16_t lanes[SP_MULTISET_LANES];
};

/* Expands elements. One thread at a time. */
struct sp_expander;

/* NULL: out of memory. */
struct sp_expander *sp_expander_create(void);
/* NULL is allowed. */
void sp_expander_free(struct sp_expander *expander);

/* An element that is removed must have been added, or be added later. */
void sp_multiset_hash_add(struct sp_multiset_hash *hash, struct sp_expander *expander,
                          const uint8_t element[static SP_DIGEST_BYTES]);
void sp_multiset_hash_remove(struct sp_multiset_hash *hash, struct sp_expander *expander,
                             const uint8_t element[static SP_DIGEST_BYTES]);

/* Adds what was added to `more`, and removes what was removed from it. */
void sp_multiset_hash_join(struct sp_multiset_hash *hash, const struct sp_multiset_hash *more);

/* As bytes: the lanes in order, little-endian. */
void sp_multiset_hash_encode(const struct sp_multiset_hash *hash, uint8_t ret_bytes[static SP_MULTISET_HASH_BYTES]);
void sp_multiset_hash_decode(const uint8_t bytes[static SP_MULTISET_HASH_BYTES], struct sp_multiset_hash *ret_hash);

/* SHA-256 of these bytes. */
void sp_multiset_hash_digest(const struct sp_multiset_hash *hash, uint8_t ret_digest[static SP_DIGEST_BYTES]);

#endif
