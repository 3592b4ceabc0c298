/* The columns of the method table, for those that carry out calls. */
#ifndef SP_ADMIN_METHOD_ROW_H
#define SP_ADMIN_METHOD_ROW_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "admin/method_type.h"
#include "admin/narrowing.h"
#include "base/bytes.h"
#include "base/status.h"

struct sp_admin_context;

/* Who may call a method. */
enum sp_admin_access {
    SP_ACCESS_OPERATOR,          /* operators only */
    SP_ACCESS_ADMIN_WRITE,       /* an ADMIN user's key with workspace_write */
    SP_ACCESS_ADMIN_READ,        /* an ADMIN user's key with workspace_read; operators too */
    SP_ACCESS_OPERATOR_OR_ADMIN, /* as ADMIN_WRITE, and operators within the limits that the handler checks */
    SP_ACCESS_RESOURCE,          /* operators, and any key of the workspace: the handler checks type and resource */
    SP_ACCESS_CREATE_KEY,        /* as OPERATOR_OR_ADMIN, and a holder for itself: the handler checks */
    SP_ACCESS_SHARE,             /* ADMIN_WRITE, and any other key of the workspace: the handler checks each resource */
    SP_ACCESS_ROTATE,            /* ADMIN_WRITE, and a key permitted api_key_rotate for itself: the handler checks */
    SP_ACCESS_ANY_KEY,           /* any workspace's key that passes steps 1-6, and operators */
};

/* The scope that an operator's key with scopes must have to call a method. */
enum sp_admin_scope {
    SP_SCOPE_NONE, /* none is enough: only a key without scopes may call it */
    SP_SCOPE_ANY,
    SP_SCOPE_WORKSPACES,
    SP_SCOPE_RESOURCES,
    SP_SCOPE_KEYS,
    SP_SCOPE_SCHEMA,
    SP_SCOPE_IMPORT,
    SP_SCOPE_BACKUP,
    SP_SCOPE_AUDIT,
    SP_SCOPE_SERVERS,
    SP_SCOPE_OPERATORS,
    SP_ADMIN_SCOPES,
};

/* Checks the request's fields, reads, adds to ctx->changes, and builds the reply in the arena,
 * without its revision, which is filled in after the changes were applied. Explains a failure with
 * sp_error_set(ctx->error, …). */
typedef enum sp_status sp_admin_handler(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                        ProtobufCMessage **ret_reply);

struct sp_admin_method {
    const char *name;
    const char *path;
    const ProtobufCMessageDescriptor *request;
    enum sp_admin_type type;
    enum sp_admin_stream stream; /* of a SP_ADMIN_STREAM */
    enum sp_admin_access access;
    enum sp_admin_scope scope;
    sp_admin_handler *handler; /* NULL for a SP_ADMIN_STREAM */
    /* What the request names as its workspace; NULL: its text field `workspace`, if it has one. */
    struct sp_str (*workspace_of)(const ProtobufCMessage *request);
    bool workspace_optional; /* an operator's call may leave it empty (all workspaces), or name one that is gone */
    bool deletes_in_pieces;
    bool is_batch;   /* of a SP_ADMIN_MUTATION: its request may be large, and it has a transaction of its own */
    bool reads_much; /* of a SP_ADMIN_READ: it walks, so that a call may take a page's whole time */
    sp_admin_narrowing_judge *narrowing; /* of a SP_ADMIN_MUTATION; NULL: no call of it narrows */
};

#endif
