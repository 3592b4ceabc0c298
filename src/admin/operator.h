/* Operators: who runs Sallyport. Added and revoked on the store itself; they can also be revoked
 * online (operator_list.c). */
#ifndef SP_ADMIN_OPERATOR_H
#define SP_ADMIN_OPERATOR_H

#include "admin/operator_limits.h"
#include "base/arena.h"
#include "core/key_text.h"
#include "store/records/edit.h"

/* The operator's key, limited by `terms`, is written to ret_secret. A revoked name may be given
 * again: the audit trail has the times of both. If one of these fails, the write must be aborted.
 * SP_ERR_EXISTS; SP_ERR_NOT_FOUND; SP_ERR_INVALID names the term that cannot be. */
enum sp_status sp_admin_operator_add(struct sp_write *write, struct sp_str name,
                                     const struct sp_admin_operator_terms *terms, int64_t now_s, struct sp_arena *arena,
                                     char ret_secret[static SP_KEY_TEXT_BYTES], struct sp_error *error) SP_MUST_USE;
enum sp_status sp_admin_operator_revoke(struct sp_write *write, struct sp_str name, int64_t now_s,
                                        struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

#endif
