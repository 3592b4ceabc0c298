/* The audit trail: every change of policy, chained by hash. hash(n) = SHA-256(hash(n-1) ||
 * packed change n without hash); before the first change of a store the hash is 32 zero bytes. */
#ifndef SP_STORE_RECORDS_CHANGE_H
#define SP_STORE_RECORDS_CHANGE_H

#include "base/arena.h"
#include "sallyport/v1/entities.pb-c.h"

struct sp_view;
struct sp_write;

/* Visits changes from number `from` on (0: the oldest kept), in order, each unpacked into
 * `arena`, which is reset between visits. The visitor's return is as in sp_entity_walk.
 * SP_ERR_OUT_OF_RANGE: `from` is before the oldest kept. */
typedef enum sp_status sp_change_visit(void *context, const Sallyport__V1__Change *change);
enum sp_status sp_change_walk(struct sp_view *view, uint64_t from, struct sp_arena *arena, sp_change_visit *visit,
                              void *context) SP_MUST_USE;

/* Whether the oldest changes were removed (sp_change_trim). SP_ERR_CORRUPT. */
enum sp_status sp_change_is_trimmed(struct sp_view *view, bool *ret_trimmed) SP_MUST_USE;

/* Removes changes older than `before_s`, at most `limit`, keeping an anchor (the hash before the
 * oldest kept) in meta. */
enum sp_status sp_change_trim(struct sp_write *write, int64_t before_s, size_t limit, size_t *ret_removed) SP_MUST_USE;

/* Walks the chain from the anchor to the head. SP_ERR_CORRUPT, naming the first revision that
 * does not fit. */
enum sp_status sp_change_verify(struct sp_view *view, uint64_t *ret_checked, struct sp_error *error) SP_MUST_USE;

#endif
