/* Calls as JSON: a request object becomes the method's message, the reply's message becomes an object again. */
#ifndef SP_CLI_CONNECTION_H
#define SP_CLI_CONNECTION_H

#include "base/arena.h"
#include "cli/command.h"
#include "rpc/client.h"

/* Opens a client to the admin service with the acting key, or to the decision server without one, and notes in the call which it was. The caller closes it. */
enum sp_status cli_open_admin(struct cli_call *call, struct sp_rpc_client **ret_client,
                              struct sp_error *error) SP_MUST_USE;
enum sp_status cli_open_server(struct cli_call *call, struct sp_rpc_client **ret_client,
                               struct sp_error *error) SP_MUST_USE;

/* Calls a method of sallyport.v1.Admin or sallyport.v1.Authorization ("Admin/WhoAmI"). *ret_reply (with default values) is the
 * caller's to decref. A change that carries a request_id is tried again, up to three times, while the server is UNAVAILABLE. */
enum sp_status cli_call_json(struct sp_rpc_client *client, const char *method, const json_t *request,
                             json_t **ret_reply, struct sp_error *error) SP_MUST_USE;

/* The request object as packed message, in `arena`; of streams. */
enum sp_status cli_pack_json(const char *method, const json_t *request, struct sp_arena *arena,
                             struct sp_bytes *ret_bytes, struct sp_error *error) SP_MUST_USE;

/* A stream's reply as an object; the caller decrefs. */
enum sp_status cli_unpack_json(const char *method, struct sp_bytes bytes, struct sp_arena *arena, json_t **ret_json,
                               struct sp_error *error) SP_MUST_USE;

/* Says "sallyport: …" on stderr, with what usually helps. Returns CLI_ERROR. */
int cli_complain(const struct cli_call *call, const struct sp_error *error);

#endif
