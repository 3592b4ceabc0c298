/* Who calls, whether it may, and which workspace the call is about. */
#ifndef SP_ADMIN_ACCESS_H
#define SP_ADMIN_ACCESS_H

#include "admin/context.h"

/* Steps 1 to 6 for the caller's key: sets is_operator and operator_name, or key and is_admin. Needs
 * method, view, arena, caller, error and now_s. UNAUTHENTICATED; PERMISSION_DENIED for an address
 * outside the key's allowlist, or if the caller may not call ctx->method at all. */
enum sp_status sp_admin_admit_caller(struct sp_admin_context *ctx) SP_MUST_USE;

/* Sets ctx->workspace from the request, or from the acting key, and loads it. NOT_FOUND if there is
 * no such workspace, or if a workspace's key names another one. */
enum sp_status sp_admin_resolve_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *request) SP_MUST_USE;

/* Makes `id` the context's workspace, and loads it. NOT_FOUND. For imports, whose records each name
 * a workspace. */
enum sp_status sp_admin_enter_workspace(struct sp_admin_context *ctx, struct sp_str id) SP_MUST_USE;

#endif
