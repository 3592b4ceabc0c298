/* The head of a gRPC request as it comes in an HTTP/2 header block: gathered field by field, and
 * judged by the gRPC over HTTP/2 protocol (grpc/doc/PROTOCOL-HTTP2.md, "Requests"). Pure; one
 * thread at a time. */
#ifndef SP_RPC_H2_HEAD_H
#define SP_RPC_H2_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* A field's name begins at `at`, its value follows it. */
struct head_field {
    uint32_t at, name_size, value_size;
};

struct head {
    char *text; /* names and values, one after the other; wiped by sp_rpc_h2_head_clear */
    size_t text_size, text_capacity;
    struct head_field *fields; /* without pseudo-header fields; values of "-bin" fields stay base64 */
    size_t count, capacity;
    size_t list_bytes; /* as RFC 9113 section 6.5.2 counts: 32 more than name and value of each field */
    size_t path_at, path_size;
    int64_t timeout_ms; /* of grpc-timeout, rounded up; INT64_MAX for none, and for one that cannot be read */
    bool is_post;
    bool is_grpc;        /* content-type is application/grpc, with "+proto" or parameters or not */
    bool is_encoded;     /* grpc-encoding names another than identity */
    bool is_too_large;   /* nothing more is kept of it */
    bool is_undecodable; /* a "-bin" value is not base64 */
};

/* Zeroed memory is an empty head after this. */
void sp_rpc_h2_head_clear(struct head *head);
void sp_rpc_h2_head_fini(struct head *head);

/* Adds a field. A list of more than `max_list_bytes` is marked and no longer kept, so that the call
 * can be refused and not its connection. False when out of memory. */
bool sp_rpc_h2_head_add(struct head *head, struct sp_str name, struct sp_str value, size_t max_list_bytes) SP_MUST_USE;

struct sp_str sp_rpc_h2_head_path(const struct head *head);
/* As sp_rpc_call_metadata_all. */
size_t sp_rpc_h2_head_find(const struct head *head, const char *name, struct sp_str *ret_values, size_t room);

/* "100m": at most eight digits and a unit, H M S m u n. False for other texts. */
bool sp_rpc_h2_parse_timeout(struct sp_str text, int64_t *ret_ms);

/* A message for grpc-message: bytes beyond printable ASCII, and '%', as %XX. Cut at the end where
 * `room` is too small. Returns its size. */
size_t sp_rpc_h2_encode_message(const char *message, char *ret_text, size_t room);

#endif
