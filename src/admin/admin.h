/* The rules of administration: who may change what, and what a change does. No gRPC and no threads: requests and replies
 * are messages, reads go to a view, mutations to an open write.
 *
 * A mutation reads and checks everything first and then gives a changeset to the store, so one that is refused has
 * mostly written nothing; where it has, the store refuses to commit the write (sp_write_refuse). */
#ifndef SP_ADMIN_ADMIN_H
#define SP_ADMIN_ADMIN_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "core/address.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/write.h"
#include "store/usage/usage.h"

/* What DESIGN's "no call may widen" means beyond keys themselves: enabling a principal, and making a user ADMIN, give more reach
 * to the keys that it has. Both are PERMISSION_DENIED where one of its keys that work now (enabled, not expired) reaches
 * further than the acting key in permissions, addresses or expiry. Groups and shares give roles, not reach of keys:
 * handing those out is what workspace_write is for. */

/* What DESIGN leaves open, as it is decided here:
 * - An update that makes a key reach further in anything must leave it within the acting key in everything; one that
 *   only narrows needs nothing (admin/reach.h). Clearing an allowlist reaches further.
 * - A key permitted api_key_rotate that rotates itself renews its lifetime from now, and never lengthens it. Any other
 *   rotation makes a key that must be within the acting one, its expiry included.
 * - An ADMIN user permitted workspace_write shares everything of its workspace, whatever other permissions its key has.
 *   Anybody else, an ADMIN without workspace_write too, needs the type's `share` action, and changes no grant above its
 *   own role.
 * - An id read inside a workspace can be registered only while nothing is granted on it; a global id that is taken and
 *   one that was used before are refused in the same words.
 * - Names that leave the schema stay on keys, resources and grants without effect, also when they come back: their new
 *   number is another. Lists leave out what is of such a type; removing it works.
 * - An import gives no grant for a resource's creator: that is a record of its own. */

/* What the called instance knows of the last use of keys, and where the uses that calls are themselves go to. */
struct sp_admin_usage {
    struct sp_usage_store *store; /* NULL: it keeps none */
    int64_t up_since_s;
    int64_t grace_s; /* how late the watermark of a server may be */
    /* A key was presented with a call (on the call's thread), and a server was retired. */
    void (*note)(void *user, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                 enum sp_reason rejected);
    void (*retired)(void *user, struct sp_str operator_name, const char *server);
    void *user;
};

/* What a caller presents with a call. Borrowed. */
struct sp_admin_caller {
    struct sp_str credential; /* the key's text; empty: none */
    bool ambiguous;           /* two different credentials were presented */
    const struct sp_ip *ip;   /* the client's address; NULL: not known (a Unix socket) */
    struct sp_str address;    /* the same as text, for the audit trail */
    int64_t now_s;
    const struct sp_admin_usage *usage; /* of the instance that is called; NULL: it keeps no last use */
};

enum sp_admin_type {
    SP_ADMIN_READ,     /* runs on a view */
    SP_ADMIN_MUTATION, /* runs in a write */
    SP_ADMIN_STREAM,   /* WatchChanges, Backup, Import: their access is checked here, the program does the rest */
};

struct sp_admin_method; /* one row of the table: name, messages, access, handler */

/* By the method's name ("CreateApiKey"); NULL for none. And all of them. */
const struct sp_admin_method *sp_admin_method_find(const char *name);
const struct sp_admin_method *sp_admin_method_at(size_t i); /* NULL past the last */
const char *sp_admin_method_name(const struct sp_admin_method *method);
enum sp_admin_type sp_admin_method_type(const struct sp_admin_method *method);
const ProtobufCMessageDescriptor *sp_admin_method_request(const struct sp_admin_method *method);

/* Authenticates, authorises and answers a read. The reply is in `arena`. */
enum sp_status sp_admin_read(const struct sp_admin_method *method, struct sp_view *view,
                             const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                             struct sp_arena *arena, ProtobufCMessage **ret_reply, struct sp_error *error) SP_MUST_USE;

/* Authenticates, authorises, looks for an earlier reply under the request_id, and makes the change. Where the call
 * fails after it began to write, the write can only be aborted (sp_write_refuse). The reply is in `arena` (wipe it: it may hold a secret). */
enum sp_status sp_admin_mutate(const struct sp_admin_method *method, struct sp_write *write,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply,
                               struct sp_error *error) SP_MUST_USE;

/* Authenticates and authorises a streaming method. *ret_workspace: whose changes may be seen; empty: all. In `arena`. */
enum sp_status sp_admin_authorize_stream(const struct sp_admin_method *method, struct sp_view *view,
                                         const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                         struct sp_arena *arena, struct sp_str *ret_workspace,
                                         struct sp_error *error) SP_MUST_USE;

/* What of a change the admins of a workspace may see (empty: everything): one that is about the workspace, or that touches
 * something of it, as an import of many does, then only with what is of the workspace. *ret_seen is a copy in `arena`;
 * NULL: they see nothing of it. SP_ERR_MEMORY. */
enum sp_status sp_admin_change_seen(const Sallyport__V1__Change *change, struct sp_str workspace,
                                    struct sp_arena *arena, Sallyport__V1__Change **ret_seen) SP_MUST_USE;

/* Applies records of an import, in order, building on each other, and as one change. The rules of single calls hold, but
 * for what an acting key may give: operators import. The response holds the secrets of new keys (wipe the arena).
 * Where a record is refused, its status is returned, and *ret_response is set all the same and tells line and reason.
 * Wherever it fails the write must be aborted. */
enum sp_status sp_admin_import(struct sp_write *write, const struct sp_admin_caller *caller,
                               const Sallyport__V1__ImportRequest *request, struct sp_arena *arena,
                               Sallyport__V1__ImportResponse **ret_response, struct sp_error *error) SP_MUST_USE;

/* Continues the removal of workspaces being deleted: at most `limit` entities (1 or more), as one change. *ret_more: there is
 * more to do. Looks at every workspace, so call it at start, after a DeleteWorkspace, and then while there is more.
 * Where it fails the write must be aborted. */
enum sp_status sp_admin_remove_deleted(struct sp_write *write, size_t limit, int64_t now_s, struct sp_arena *arena,
                                       bool *ret_more, struct sp_error *error) SP_MUST_USE;

/* Offline: operators. The secret is written to ret_secret, SP_KEY_TEXT_BYTES long. A revoked name may be given again: the
 * audit trail tells when it was. Where one fails the write must be aborted. SP_ERR_EXISTS; SP_ERR_NOT_FOUND. */
enum sp_status sp_admin_operator_add(struct sp_write *write, struct sp_str name, int64_t now_s, struct sp_arena *arena,
                                     char *ret_secret, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_admin_operator_revoke(struct sp_write *write, struct sp_str name, int64_t now_s,
                                        struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

#endif
