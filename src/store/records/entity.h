/* Entities, the truth of the store: reading them, and changing them so that the indexes follow.
 *
 * Everything that changes policy is a changeset: a list of entities to put and to delete, and the audit entry that
 * tells of it. Applying one derives every index from the old and the new entity, counts, assigns the revision and appends
 * to the changes. There is no other way to write policy; reindexing derives with the same functions. */
#ifndef SP_STORE_RECORDS_ENTITY_H
#define SP_STORE_RECORDS_ENTITY_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "core/role.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/store.h"
#include "store/records/layout.h"

enum { SP_ENTITY_KEY_MAX_BYTES = 511 };

/* The key of an entity, as in layout.h. Held by value. */
struct sp_entity_key {
    uint16_t size;
    uint8_t bytes[SP_ENTITY_KEY_MAX_BYTES];
};

/* Builds keys. SP_ERR_INVALID where the parts are too long or hold a NUL. A `workspace` is empty for operators and schema. */
enum sp_status sp_entity_key_make(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                  size_t part_count, struct sp_entity_key *ret_key) SP_MUST_USE;

/* Shorthands over sp_entity_key_make. `subject_kind` is 'p' or 'g'. */
enum sp_status sp_entity_key_1(enum sp_kind kind, struct sp_str workspace, struct sp_str id,
                               struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_entity_key_grant(struct sp_str workspace, struct sp_str type, struct sp_str resource_id,
                                   char subject_kind, struct sp_str subject, struct sp_entity_key *ret_key) SP_MUST_USE;

/* The key of the tombstone that deleting `of` leaves. `global`: a resource whose id belongs to no workspace.
 * SP_ERR_INVALID for what is no entity key. */
enum sp_status sp_entity_key_tombstone(const struct sp_entity_key *of, bool global,
                                       struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_entity_key_make_tombstone(struct sp_bytes of, bool global, struct sp_entity_key *ret_key) SP_MUST_USE;

/* The id in the key of something that a workspace and an id name: a principal, a group, a key. Borrowed from the key.
 * SP_ERR_CORRUPT if it is no such key. */
enum sp_status sp_entity_key_id(struct sp_bytes key, struct sp_str *ret_id) SP_MUST_USE;

/* Reads an entity into `arena`. SP_ERR_NOT_FOUND; SP_ERR_CORRUPT; SP_ERR_MEMORY. The message's type follows from the
 * kind: StoredWorkspace for SP_KIND_WORKSPACE, and so on. */
enum sp_status sp_entity_get(struct sp_view *view, const struct sp_entity_key *key, struct sp_arena *arena,
                             ProtobufCMessage **ret_message) SP_MUST_USE;

/* Unpacks what a walk gave. SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_entity_decode(struct sp_bytes key, struct sp_bytes value, struct sp_arena *arena,
                                ProtobufCMessage **ret_message) SP_MUST_USE;

enum sp_status sp_entity_exists(struct sp_view *view, const struct sp_entity_key *key, bool *ret_exists) SP_MUST_USE;

/* The descriptor of a kind's stored message. */
const ProtobufCMessageDescriptor *sp_kind_descriptor(enum sp_kind kind);

/* Visits entities whose key begins with `prefix`, in key order, beginning after `after` (may be NULL; one that
 * does not begin with the prefix counts as NULL). `visit` returns
 * SP_OK to go on; SP_WALK_END ends the walk with SP_OK; anything else ends it with that status. Values are the
 * protobuf bytes, borrowed. The view must not be written to during the walk. */
typedef enum sp_status sp_entity_visit(void *context, struct sp_bytes key, struct sp_bytes value);
enum sp_status sp_entity_walk(struct sp_view *view, struct sp_bytes prefix, const struct sp_entity_key *after,
                              sp_entity_visit *visit, void *context) SP_MUST_USE;

/* The ids in a derived one-to-many index, in order: keys of a principal; groups of a principal and members of a group
 * and grants of a subject come as numbers or resource keys. Same rules as sp_entity_walk. */
enum sp_status sp_index_walk_principal_keys(struct sp_view *view, uint64_t principal_number,
                                            enum sp_status (*visit)(void *context, struct sp_str key_id),
                                            void *context) SP_MUST_USE;
/* Seeks to the first resource key above `after` (empty: the first of all). */
enum sp_status sp_index_walk_subject_resources(struct sp_view *view, uint64_t subject_number, struct sp_bytes after,
                                               enum sp_status (*visit)(void *context, struct sp_bytes resource_key),
                                               void *context) SP_MUST_USE;
enum sp_status sp_index_walk_resource_grants(struct sp_view *view, struct sp_bytes resource_key,
                                             enum sp_status (*visit)(void *context, uint64_t subject_number,
                                                                     enum sp_role role),
                                             void *context) SP_MUST_USE;
enum sp_status sp_index_walk_principal_groups(struct sp_view *view, uint64_t principal_number,
                                              enum sp_status (*visit)(void *context, uint64_t group_number),
                                              void *context) SP_MUST_USE;
enum sp_status sp_index_walk_group_members(struct sp_view *view, uint64_t group_number,
                                           enum sp_status (*visit)(void *context, uint64_t principal_number),
                                           void *context) SP_MUST_USE;

/* The names of a type's actions, in order, beginning after `after` (may be empty). */
enum sp_status sp_index_walk_actions(struct sp_view *view, struct sp_str type, struct sp_str after,
                                     enum sp_status (*visit)(void *context, struct sp_str action),
                                     void *context) SP_MUST_USE;

/* How many members a group has, without walking them. */
enum sp_status sp_index_group_size(struct sp_view *view, uint64_t group_number, uint64_t *ret_members) SP_MUST_USE;

/* The entity key of the principal or group with the number. An index of its own kept for admin reads ("subject": number → entity
 * key). SP_ERR_NOT_FOUND. */
enum sp_status sp_index_subject(struct sp_view *view, uint64_t subject_number,
                                struct sp_entity_key *ret_key) SP_MUST_USE;

/* ---- changesets ---- */

struct sp_changeset; /* lives in an arena; not thread-safe */

/* Begins an empty changeset in `arena`, with the audit entry's head: revision and hash are filled when applied. */
struct sp_changeset *sp_changeset_new(struct sp_arena *arena, const Sallyport__V1__Change *head);

/* Puts an entity; the message is packed at once. Creates, or replaces what is there. */
enum sp_status sp_changeset_put(struct sp_changeset *set, const struct sp_entity_key *key,
                                const ProtobufCMessage *message) SP_MUST_USE;

/* Deletes an entity, which must exist when applied. Also puts a tombstone where the kind's ids are never reused
 * (workspaces, principals, groups, keys, resources). */
enum sp_status sp_changeset_delete(struct sp_changeset *set, const struct sp_entity_key *key,
                                   int64_t now_s) SP_MUST_USE;

bool sp_changeset_is_empty(const struct sp_changeset *set);

/* Numbers for new things: never reused. Taken from the write at once (a number lost by an aborted write may be given again). */
enum sp_status sp_write_next_subject(struct sp_write *write, uint64_t *ret_number) SP_MUST_USE;
enum sp_status sp_write_next_workspace(struct sp_write *write, uint64_t *ret_number) SP_MUST_USE;

/* Applies what the set holds so far to entities, indexes and counts, so that later reads in the same write see it; the audit entry goes on
 * collecting. For imports, whose records build on each other within one change. Where it fails the write can only be aborted, and also unless the same set is then applied. */
enum sp_status sp_changeset_flush(struct sp_write *write, struct sp_changeset *set, struct sp_error *error) SP_MUST_USE;

/* Applies a changeset within the write: entities, indexes, counts, the change, the next revision. An empty one gets no
 * revision (the current one is returned). Where it fails, the write holds half of it and must be aborted. */
enum sp_status sp_changeset_apply(struct sp_write *write, struct sp_changeset *set, struct sp_revision *ret_revision,
                                  struct sp_error *error) SP_MUST_USE;

/* Meta that admin calls write. */
enum sp_status sp_write_add_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_write_accept_foreign(struct sp_write *write) SP_MUST_USE;

/* ---- idempotency records ---- */

/* SP_ERR_NOT_FOUND for an unknown or expired one. */
enum sp_status sp_request_get(struct sp_view *view, const uint8_t id[static 32], int64_t now_s, struct sp_arena *arena,
                              Sallyport__Store__V1__StoredRequest **ret_request) SP_MUST_USE;
enum sp_status sp_request_put(struct sp_write *write, const uint8_t id[static 32],
                              const Sallyport__Store__V1__StoredRequest *request) SP_MUST_USE;
/* SP_OK also where there is none. */
enum sp_status sp_request_remove(struct sp_write *write, const uint8_t id[static 32]) SP_MUST_USE;
/* Removes at most `limit` expired ones. */
enum sp_status sp_request_expire(struct sp_write *write, int64_t now_s, size_t limit, size_t *ret_removed) SP_MUST_USE;

#endif
