/* Reads the index databases record by record, and damages them on disk below an open store. */
#ifndef TESTS_SUPPORT_STORE_RAW_H
#define TESTS_SUPPORT_STORE_RAW_H

#include "store/lmdb/databases.h"
#include "support/store_world.h"

/* Every record of every index database, as one SHA-256: the same content gives the same value. */
void raw_digest_indexes(struct world *world, uint8_t ret_digest[static 32]);

/* Calls `visit` for each byte of each key and value of a database, with the place of the byte in
 * the data file. */
typedef void raw_visit(void *context, enum sp_database database, uint64_t file_offset);
void raw_each_byte(struct world *world, enum sp_database database, raw_visit *visit, void *context);

/* Flips bits of a byte of the data file: seen by every open transaction. The same call again undoes
 * it. */
void raw_flip(struct world *world, uint64_t file_offset, uint8_t bits);

#endif
