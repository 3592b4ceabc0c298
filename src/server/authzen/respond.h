/* A request from its body to its reply: on the HTTP server's thread if it is quickly answered, else
 * on a bulk thread (server/bulk.h), so that others need not wait for it. */
#ifndef SP_SERVER_AUTHZEN_RESPOND_H
#define SP_SERVER_AUTHZEN_RESPOND_H

#include "server/authzen/endpoint.h"

#define SP_AUTHZEN_MEDIA_TYPE "application/json"

/* Replies now or later. The call is copied. */
void sp_authzen_respond(const struct sp_authzen_call *call);

/* The JSON as text, in the exchange's arena. SP_ERR_MEMORY. */
enum sp_status sp_authzen_write_json(struct sp_http_exchange *exchange, const json_t *json,
                                     struct sp_bytes *ret_text) SP_MUST_USE;

#endif
