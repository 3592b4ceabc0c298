/* What an operator's key is limited to: an end, addresses, and scopes, each of them a set of
 * methods. */
#ifndef SP_ADMIN_OPERATOR_LIMITS_H
#define SP_ADMIN_OPERATOR_LIMITS_H

#include "admin/context.h"

/* As they are given. Borrowed. */
struct sp_admin_operator_terms {
    int64_t expires_at_s;        /* 0: never */
    const struct sp_str *scopes; /* none: every scope */
    size_t scope_count;
    const struct sp_str *allowed_ips; /* addresses and CIDR ranges, private ones too; none: anywhere */
    size_t allowed_ip_count;
};

/* Checks terms and puts them into the message, in `arena`. SP_ERR_INVALID names what is wrong;
 * SP_ERR_MEMORY. */
enum sp_status sp_admin_operator_take_terms(const struct sp_admin_operator_terms *terms, int64_t now_s,
                                            struct sp_arena *arena, Sallyport__V1__Operator *operator_message,
                                            struct sp_error *error) SP_MUST_USE;

/* Why the key of ctx->acting_operator cannot be used now, from the caller's address:
 * SP_REASON_NONE, SP_REASON_KEY_EXPIRED or SP_REASON_IP_NOT_ALLOWED. SP_ERR_MEMORY. */
enum sp_status sp_admin_operator_judge(struct sp_admin_context *ctx, enum sp_reason *ret_reason) SP_MUST_USE;

/* PERMISSION_DENIED unless one of its scopes covers ctx->method. */
enum sp_status sp_admin_operator_check_scope(struct sp_admin_context *ctx) SP_MUST_USE;

#endif
