/* The one-to-many indexes, walked in order, for lists and cascades. Visitors return as those of
 * sp_entity_walk do. */
#ifndef SP_STORE_RECORDS_INDEX_WALK_H
#define SP_STORE_RECORDS_INDEX_WALK_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "core/role.h"
#include "store/records/entity_key.h"

struct sp_view;
struct sp_index_record;

enum sp_status sp_index_walk_principal_keys(struct sp_view *view, uint64_t principal_number,
                                            enum sp_status (*visit)(void *context, struct sp_str key_id),
                                            void *context) SP_MUST_USE;
/* The resources on which the subject has a grant; resource_key.h reads their keys. Seeks to the
 * first resource key above `after` (empty: the first of all). */
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

/* The names of a type's actions, beginning after `after` (may be empty). */
enum sp_status sp_index_walk_actions(struct sp_view *view, struct sp_str type, struct sp_str after,
                                     enum sp_status (*visit)(void *context, struct sp_str action),
                                     void *context) SP_MUST_USE;

/* How many members a group has, without a walk. */
enum sp_status sp_index_group_size(struct sp_view *view, uint64_t group_number, uint64_t *ret_members) SP_MUST_USE;

/* The entity key of the principal or group with the number, from an index kept for admin reads.
 * SP_ERR_NOT_FOUND. */
enum sp_status sp_index_subject(struct sp_view *view, uint64_t subject_number,
                                struct sp_entity_key *ret_key) SP_MUST_USE;

/* Whether an index of several values for each key has just this record. */
enum sp_status sp_index_has_duplicate(struct sp_view *view, const struct sp_index_record *record,
                                      bool *ret_there) SP_MUST_USE;

#endif
