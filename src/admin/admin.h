/* The rules of administration: who may change what, and what a change does. No gRPC and no threads:
 * requests and replies are messages, reads go to a view, mutations to an open write.
 *
 * A mutation reads and checks everything before it gives a changeset to the store, so a refused one
 * has usually written nothing; if it has, the store refuses to commit the write (sp_write_refuse).
 *
 * "No call may widen" reaches beyond keys themselves: enabling a principal, and making a user
 * ADMIN, give more reach to the keys that it has. Both are PERMISSION_DENIED if one of its keys
 * that work now (enabled, not expired) reaches further than the acting key in permissions,
 * addresses or end, and both end those keys with the acting one (not_after). Groups and shares give
 * roles, not reach of keys: handing those out is what workspace_write is for.
 *
 * What DESIGN leaves open is decided here:
 * - An update that makes a key reach further in anything must leave it within the acting key in
 *   everything; one that only narrows needs nothing (admin/reach.h). Clearing an allowlist reaches
 *   further.
 * - A key that lists api_key_rotate and rotates itself renews its lifetime from now, never
 *   lengthens it, and never goes past its not_after. Any other rotation makes a key that must be
 *   within the acting one, its end included, but for resource_register, which it carries along.
 * - Enabling, rotating and promoting carry resource_register along even if the acting key lacks it:
 *   an operator gave it, and a key that was disabled by mistake could not come back otherwise.
 * - A type's `register` levels include each other: operator, then permitted keys, then admins. A
 *   deleted id needs the type's right as well as being the owner's admin or an operator.
 * - An ADMIN user permitted workspace_write shares everything in its workspace, whatever other
 *   permissions its key has. Anyone else, including an ADMIN without workspace_write, needs the
 *   type's `share` action, and changes no grant above its role.
 * - An id read inside a workspace can be registered only while nothing is granted on it. A global
 *   id that another workspace has and one that it had are refused in the same words.
 * - Names that leave the schema stay on keys, resources and grants without effect, even if they
 *   come back, because they come back with another number. Lists leave out what is of such a type;
 *   removing it works.
 * - An import gives no grant to a resource's creator: that is a record of its own. */
#ifndef SP_ADMIN_ADMIN_H
#define SP_ADMIN_ADMIN_H

#include "admin/caller.h"
#include "admin/methods.h"
#include "admin/narrowing_kind.h"
#include "base/arena.h"
#include "store/lmdb/view.h"
#include "store/records/edit.h"

/* Authenticates, authorises and answers a SP_ADMIN_READ or SP_ADMIN_USAGE_WRITE. The reply is in
 * `arena`; parts of it may be borrowed from the view. */
enum sp_status sp_admin_answer(const struct sp_admin_method *method, struct sp_view *view,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply,
                               struct sp_error *error) SP_MUST_USE;

/* Authenticates the caller, and refuses one that may not call the method at all: before a request
 * is read that is large. Nothing is said of the request, whose call authorises again. */
enum sp_status sp_admin_admit_unread(const struct sp_admin_method *method, struct sp_view *view,
                                     const struct sp_admin_caller *caller, struct sp_arena *arena,
                                     struct sp_error *error) SP_MUST_USE;

/* Whose a mutation, or a read that walks, is before it is queued. */
struct sp_admin_admission {
    struct sp_str workspace; /* of the key, in `arena`; empty: an operator's */
    enum sp_admin_narrowing narrowing;
};

/* Authenticates and authorises a mutation, or a read that walks, on a snapshot, so that nothing is
 * queued for a caller who may not make it. sp_admin_mutate and sp_admin_answer do it again: access
 * may be gone by then. */
enum sp_status sp_admin_admit(const struct sp_admin_method *method, struct sp_view *view,
                              const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                              struct sp_arena *arena, struct sp_admin_admission *ret_admission,
                              struct sp_error *error) SP_MUST_USE;

/* Authenticates, authorises, looks for an earlier reply under the request_id, and makes the change.
 * If the call fails after it began to write, the write can only be aborted (sp_write_refuse). The
 * reply is in `arena` (wipe it: it may hold a secret). *ret_narrowed: of a call that may narrow,
 * that it did, or changed nothing. */
enum sp_status sp_admin_mutate(const struct sp_admin_method *method, struct sp_write *write,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply, bool *ret_narrowed,
                               struct sp_error *error) SP_MUST_USE;

/* Authenticates and authorises a SP_ADMIN_STREAM. *ret_workspace: whose changes may be seen; empty:
 * all. In `arena`. */
enum sp_status sp_admin_authorize_stream(const struct sp_admin_method *method, struct sp_view *view,
                                         const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                         struct sp_arena *arena, struct sp_str *ret_workspace,
                                         struct sp_error *error) SP_MUST_USE;

#endif
