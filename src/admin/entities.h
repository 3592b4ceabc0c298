/* Entities of the context's workspace by kind and id: reading, naming, putting and deleting
 * them. */
#ifndef SP_ADMIN_ENTITIES_H
#define SP_ADMIN_ENTITIES_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/layout.h"

/* Loads an entity. `what` is the noun: INVALID_ARGUMENT for a malformed id, NOT_FOUND "user u1 not
 * found in workspace w1". */
enum sp_status sp_admin_load(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *id,
                             ProtobufCMessage **ret_message) SP_MUST_USE;

/* The same by kind. What was deleted and is being removed in pieces is not found. */
enum sp_status sp_admin_load_principal(struct sp_admin_context *ctx, const char *id,
                                       Sallyport__Store__V1__StoredPrincipal **ret_principal) SP_MUST_USE;
enum sp_status sp_admin_load_group(struct sp_admin_context *ctx, const char *id,
                                   Sallyport__Store__V1__StoredGroup **ret_group) SP_MUST_USE;
/* A key with the permissions that it has (sp_admin_trim_permissions). */
enum sp_status sp_admin_load_key(struct sp_admin_context *ctx, const char *id,
                                 Sallyport__Store__V1__StoredKey **ret_key) SP_MUST_USE;
/* As it is stored: a key must be disabled and deleted even if the schema is damaged. */
enum sp_status sp_admin_load_stored_key(struct sp_admin_context *ctx, const char *id,
                                        Sallyport__Store__V1__StoredKey **ret_key) SP_MUST_USE;

/* The acting key of a workspace. SP_ERR_CORRUPT: it has no record. */
enum sp_status sp_admin_load_acting_key(struct sp_admin_context *ctx,
                                        Sallyport__Store__V1__StoredKey **ret_key) SP_MUST_USE;

/* The id for a new entity: the given one, checked for form, existence and tombstone
 * (ALREADY_EXISTS), or a generated one. */
enum sp_status sp_admin_new_id(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *prefix,
                               const char *given, const char **ret_id) SP_MUST_USE;

/* Puts into and deletes from ctx->changes. */
enum sp_status sp_admin_put(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                            const ProtobufCMessage *message) SP_MUST_USE;
/* Puts an entity unless its bytes are those of `before` (sp_wire_pack): what changes nothing makes
 * no revision and no audit entry. */
enum sp_status sp_admin_put_if_changed(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                                       struct sp_bytes before, const ProtobufCMessage *message) SP_MUST_USE;
enum sp_status sp_admin_delete(struct sp_admin_context *ctx, enum sp_kind kind, const char *id) SP_MUST_USE;

#endif
