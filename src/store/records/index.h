/* The lookups of a decision: fixed layouts read in place, each record's seal verified. No allocation.
 *
 * SP_ERR_CORRUPT: a record that was needed fails its seal; the decision must end in an error. Not found is told apart:
 * a `found` of false, or SP_ERR_NOT_FOUND. Borrowed memory is valid until the view ends. */
#ifndef SP_STORE_RECORDS_INDEX_H
#define SP_STORE_RECORDS_INDEX_H

#include "base/arena.h"
#include "core/decision.h"
#include "core/key_text.h"
#include "store/lmdb/store.h"
#include "store/records/layout.h"

/* SP_ERR_NOT_FOUND where no workspace's key has the digest. */
enum sp_status sp_index_key(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                            struct sp_key *ret_key) SP_MUST_USE;

enum sp_status sp_index_principal(struct sp_view *view, uint64_t principal_number,
                                  struct sp_principal_state *ret_state) SP_MUST_USE;

enum sp_status sp_index_workspace(struct sp_view *view, uint64_t workspace_number,
                                  struct sp_workspace_state *ret_state) SP_MUST_USE;

/* Types and actions longer than 64 bytes are not found. */
enum sp_status sp_index_action(struct sp_view *view, struct sp_str type, struct sp_str action,
                               struct sp_action *ret_action) SP_MUST_USE;

/* The mark of the schema in force: another text has another mark. SP_ERR_CORRUPT also where there is none. */
enum sp_status sp_index_schema_mark(struct sp_view *view, uint64_t *ret_mark) SP_MUST_USE;

/* The schema's text, checked against its mark, in `arena`. SP_ERR_CORRUPT; SP_ERR_MEMORY. */
enum sp_status sp_index_schema_text(struct sp_view *view, struct sp_arena *arena, struct sp_str *ret_yaml) SP_MUST_USE;

enum { SP_RESOURCE_KEY_MAX_BYTES = 2 + 8 + 256 };

/* The index key of a resource: scope is 0 for global ids, else the workspace's number. Returns its size; 0 where the id is empty or longer
 * than 256 bytes. */
size_t sp_resource_key(uint32_t type_number, uint64_t scope, struct sp_str id,
                       uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]);

/* What an index key of a resource is made of. */
struct sp_resource_key_parts {
    uint32_t type_number;
    uint64_t scope;
    struct sp_str id; /* borrowed from the key */
};

/* Takes such a key apart. SP_ERR_CORRUPT if it is none. */
enum sp_status sp_resource_key_parse(struct sp_bytes resource_key, struct sp_resource_key_parts *ret_parts) SP_MUST_USE;

/* The owner of a registered resource; 0 where it is not registered. */
enum sp_status sp_index_owner(struct sp_view *view, struct sp_bytes resource_key,
                              uint64_t *ret_owner_number) SP_MUST_USE;

/* The highest role among the principal's direct grant and the grants of its groups; SP_ROLE_NONE for none. A leapfrog join:
 * time grows with the logarithm of the larger side for each step of the smaller, and it stops at SP_ROLE_ADMIN. */
enum sp_status sp_index_effective_role(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                       enum sp_role *ret_role) SP_MUST_USE;

/* Calls `visit` for each grant that sp_index_effective_role considers, with the subject's number. */
enum sp_status sp_index_visit_considered(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                         void (*visit)(void *context, uint64_t subject_number, enum sp_role role),
                                         void *context) SP_MUST_USE;

/* The name of the operator whose key has the digest. SP_ERR_NOT_FOUND. */
enum sp_status sp_index_operator(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                                 struct sp_str *ret_name) SP_MUST_USE;

/* How many of `what` the workspace has; 0 for none. */
enum sp_status sp_index_count(struct sp_view *view, uint64_t workspace_number, enum sp_count what,
                              uint64_t *ret_count) SP_MUST_USE;

#endif
