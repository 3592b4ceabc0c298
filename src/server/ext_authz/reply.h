/* From a decision to what the proxy does with the request. Pure. */
#ifndef SP_SERVER_EXT_AUTHZ_REPLY_H
#define SP_SERVER_EXT_AUTHZ_REPLY_H

#include "server/gateway/verdict.h"

/* The reply's bytes, in the arena. Only SP_REASON_ALLOWED makes one that lets the request pass.
 * SP_ERR_MEMORY. */
enum sp_status sp_ext_authz_pack(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                                 const struct sp_gateway_verdict *verdict, struct sp_arena *arena,
                                 struct sp_bytes *ret_bytes) SP_MUST_USE;

enum { SP_EXT_AUTHZ_LAST_WORD_BYTES = 512 };

/* The reply of a call that has no memory left for one: denied, 503. */
struct sp_ext_authz_last_word {
    uint8_t bytes[SP_EXT_AUTHZ_LAST_WORD_BYTES];
    size_t size;
};

/* SP_ERR_MEMORY. */
enum sp_status sp_ext_authz_write_last_word(struct sp_ext_authz_last_word *ret_last_word) SP_MUST_USE;

#endif
