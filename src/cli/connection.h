/* Calls as JSON: a request object becomes the method's message, the reply's message becomes an
 * object again. Methods are named "Admin/WhoAmI" (sallyport-sync, with the acting key) or
 * "Authorization/Check" (sallyportd, without one). */
#ifndef SP_CLI_CONNECTION_H
#define SP_CLI_CONNECTION_H

#include "base/arena.h"
#include "cli/call.h"
#include "rpc/client.h"

/* Opens a client to the admin service or to the decision server, and notes in the call which it
 * was. The caller closes it. */
enum sp_status sp_cli_open_admin(struct cli_call *call, struct sp_rpc_client **ret_client,
                                 struct sp_error *error) SP_MUST_USE;
enum sp_status sp_cli_open_server(struct cli_call *call, struct sp_rpc_client **ret_client,
                                  struct sp_error *error) SP_MUST_USE;

/* Calls a unary method. *ret_reply (with default values) is the caller's to decref. A change that
 * carries a request_id is tried again, up to three times, while the server is UNAVAILABLE. */
enum sp_status sp_cli_call_json(struct sp_rpc_client *client, const char *method, const json_t *request,
                                json_t **ret_reply, struct sp_error *error) SP_MUST_USE;

/* Opens a client, makes one call and closes the client. */
enum sp_status sp_cli_call_once(struct cli_call *call, const char *method, const json_t *request, json_t **ret_reply,
                                struct sp_error *error) SP_MUST_USE;

/* Opens a stream, sends the one request and closes the sending side. The caller closes it,
 * before the client. */
enum sp_status sp_cli_open_stream(struct sp_rpc_client *client, const char *method, const json_t *request,
                                  struct sp_rpc_stream **ret_stream, struct sp_error *error) SP_MUST_USE;

/* The stream's next message in `arena`, as sp_rpc_stream_receive; SP_ERR_DEADLINE after the call's
 * time limit. */
enum sp_status sp_cli_receive(const struct cli_call *call, struct sp_rpc_stream *stream, struct sp_arena *arena,
                              struct sp_bytes *ret_bytes, struct sp_error *error) SP_MUST_USE;

/* A stream's message as an object; the caller decrefs. */
enum sp_status sp_cli_unpack_json(const char *method, struct sp_bytes bytes, struct sp_arena *arena, json_t **ret_json,
                                  struct sp_error *error) SP_MUST_USE;

#endif
