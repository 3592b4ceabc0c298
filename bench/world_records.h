/* A world as the records of an import: to NDJSON, or straight into a store. */
#ifndef BENCH_WORLD_RECORDS_H
#define BENCH_WORLD_RECORDS_H

#include <stdio.h>

#include "base/arena.h"
#include "sallyport/v1/admin.pb-c.h"
#include "world.h"

/* The records of one workspace, in an order that an import accepts, in `arena`. False when out of
 * memory. */
bool world_records(const struct world *world, uint64_t workspace, struct sp_arena *arena,
                   Sallyport__V1__ImportRecord ***ret_records, size_t *ret_count);

/* Writes the world as NDJSON that `sallyport import` reads. */
enum sp_status world_write_ndjson(const struct world *world, FILE *out, struct sp_error *error) SP_MUST_USE;

/* Creates a store in `path` with the default schema and imports the world. The operator's key is
 * written to `key_file` (NULL: nowhere). `durable`: each commit waits for the disk, as with
 * sallyport-sync; otherwise it is faster. *ret_seconds: how long the import took. `progress` is
 * called with the workspaces done. */
enum sp_status world_write_store(const struct world *world, const char *path, const char *key_file, bool durable,
                                 void (*progress)(uint64_t done, uint64_t total), double *ret_seconds,
                                 struct sp_error *error) SP_MUST_USE;

#endif
