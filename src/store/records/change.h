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

/* The same for the changes that are about a workspace or touch something in it: it costs what they
 * cost. Changes are unpacked whole. */
enum sp_status sp_change_walk_of(struct sp_view *view, struct sp_str workspace, uint64_t from, struct sp_arena *arena,
                                 sp_change_visit *visit, void *context) SP_MUST_USE;

/* Rebuilds the index that sp_change_walk_of reads. `arena` is scratch. */
enum sp_status sp_change_rebuild_index(struct sp_write *write, struct sp_arena *arena) SP_MUST_USE;

/* Whether that index lists what the changes name, and nothing else. SP_ERR_CORRUPT, naming the
 * first difference. */
enum sp_status sp_change_verify_index(struct sp_view *view, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

/* Whether the oldest changes were removed (sp_change_trim). SP_ERR_CORRUPT. */
enum sp_status sp_change_is_trimmed(struct sp_view *view, bool *ret_trimmed) SP_MUST_USE;

/* Removes changes older than `before_s`, at most `limit`, keeping an anchor (the hash before the
 * oldest kept) in meta. */
enum sp_status sp_change_trim(struct sp_write *write, int64_t before_s, size_t limit, size_t *ret_removed) SP_MUST_USE;

/* The same until the trail takes no more than `keep_bytes`, whatever its age. */
enum sp_status sp_change_trim_to_size(struct sp_write *write, uint64_t keep_bytes, size_t limit,
                                      size_t *ret_removed) SP_MUST_USE;

/* How many bytes of pages the trail takes. */
enum sp_status sp_change_trail_bytes(struct sp_view *view, uint64_t *ret_bytes) SP_MUST_USE;

/* Walks the chain from the anchor to the head. SP_ERR_CORRUPT, naming the first revision that
 * does not fit. */
enum sp_status sp_change_verify(struct sp_view *view, uint64_t *ret_checked, struct sp_error *error) SP_MUST_USE;

#endif
