/* Giving the schema's names their numbers, which they keep for as long as anything refers to
 * them. */
#ifndef SP_STORE_RECORDS_SCHEMA_NUMBERS_H
#define SP_STORE_RECORDS_SCHEMA_NUMBERS_H

#include "base/arena.h"
#include "core/permission_set.h"
#include "sallyport/store/v1/records.pb-c.h"

/* Reads a schema's text and numbers its permissions and types: names of `old` (NULL: a new
 * store) keep their number, those that are gone stay with `removed` set, new ones get the next.
 * New is also a name that had been removed, and a type whose `ids` changed. The result is in
 * `arena` and borrows from `old`. SP_ERR_INVALID as sp_schema_parse_stored; SP_ERR_EXHAUSTED: the
 * numbers are used up; SP_ERR_MEMORY. */
enum sp_status sp_schema_number(struct sp_str yaml, const Sallyport__Store__V1__StoredSchema *old,
                                struct sp_arena *arena, Sallyport__Store__V1__StoredSchema **ret_stored,
                                struct sp_error *error) SP_MUST_USE;

/* As sp_schema_number. If permission numbers are used up, those of names that are gone and not in
 * `listed` are given out again: no key has them, so nothing old is granted again. */
enum sp_status sp_schema_number_again(struct sp_str yaml, const Sallyport__Store__V1__StoredSchema *old,
                                      const struct sp_permission_set *listed, struct sp_arena *arena,
                                      Sallyport__Store__V1__StoredSchema **ret_stored,
                                      struct sp_error *error) SP_MUST_USE;

#endif
