/* Bytes that grow, of calls and connections. Malloc's. */
#ifndef SP_RPC_H2_BYTES_H
#define SP_RPC_H2_BYTES_H

#include "rpc/h2/state.h"

/* How many bytes more of memory they take once `more` bytes are appended. */
size_t sp_rpc_h2_bytes_growth(const struct h2_bytes *bytes, size_t more);
/* Room for `more` bytes behind the size; false when out of memory. */
bool sp_rpc_h2_bytes_reserve(struct h2_bytes *bytes, size_t more) SP_MUST_USE;
bool sp_rpc_h2_bytes_append(struct h2_bytes *bytes, const void *data, size_t size) SP_MUST_USE;
/* Takes bytes off the front. */
void sp_rpc_h2_bytes_drop(struct h2_bytes *bytes, size_t size);
/* Wipes them, and keeps at most `kept` bytes of room. */
void sp_rpc_h2_bytes_clear(struct h2_bytes *bytes, size_t kept);
/* Appends a gRPC message with its prefix, uncompressed. */
bool sp_rpc_h2_bytes_append_message(struct h2_bytes *bytes, struct sp_bytes message) SP_MUST_USE;

#endif
