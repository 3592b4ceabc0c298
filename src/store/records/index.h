/* The single-record lookups of a decision: fixed layouts read in place, each record's seal
 * verified. No allocation.
 *
 * SP_ERR_CORRUPT: a record that was needed fails its seal; the decision must end in an error. A
 * record that is not there is no error: a `found` of false, or SP_ERR_NOT_FOUND. Borrowed memory
 * is valid until the view ends. */
#ifndef SP_STORE_RECORDS_INDEX_H
#define SP_STORE_RECORDS_INDEX_H

#include "base/arena.h"
#include "core/decision.h"
#include "core/digest.h"
#include "store/records/layout.h"

struct sp_view;

/* SP_ERR_NOT_FOUND: no workspace's key has the digest. */
enum sp_status sp_index_key(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                            struct sp_key *ret_key) SP_MUST_USE;

enum sp_status sp_index_principal(struct sp_view *view, uint64_t principal_number,
                                  struct sp_principal_state *ret_state) SP_MUST_USE;

enum sp_status sp_index_workspace(struct sp_view *view, uint64_t workspace_number,
                                  struct sp_workspace_state *ret_state) SP_MUST_USE;

/* Types and actions longer than 64 bytes are not found. */
enum sp_status sp_index_action(struct sp_view *view, struct sp_str type, struct sp_str action,
                               struct sp_action *ret_action) SP_MUST_USE;

/* The mark of the schema in force: another text has another mark. SP_ERR_CORRUPT, also if there
 * is none. */
enum sp_status sp_index_schema_mark(struct sp_view *view, uint64_t *ret_mark) SP_MUST_USE;

/* The schema's text, checked against its mark, in `arena`. SP_ERR_CORRUPT; SP_ERR_MEMORY. */
enum sp_status sp_index_schema_text(struct sp_view *view, struct sp_arena *arena, struct sp_str *ret_yaml) SP_MUST_USE;

/* The owner of a registered resource; 0: it is not registered. With SP_RESOURCE_DELETING, so that
 * it is nobody's, if it was deleted and its grants are being removed. */
enum sp_status sp_index_owner(struct sp_view *view, struct sp_bytes resource_key,
                              uint64_t *ret_owner_number) SP_MUST_USE;

/* The name of the operator whose key has the digest. SP_ERR_NOT_FOUND. */
enum sp_status sp_index_operator(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                                 struct sp_str *ret_name) SP_MUST_USE;

/* How many of `what` the workspace has; 0 for none. */
enum sp_status sp_index_count(struct sp_view *view, uint64_t workspace_number, enum sp_count what,
                              uint64_t *ret_count) SP_MUST_USE;

#endif
