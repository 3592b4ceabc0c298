/* What an error of etcd means. Pure.
 *
 * Codes differ between releases of etcd, and its grpc-proxy replaces most of them by UNKNOWN, so
 * that the text decides where it is known. */
#ifndef SP_ETCD_FAILURE_H
#define SP_ETCD_FAILURE_H

#include "base/status.h"

/* The status by which the client goes on:
 *
 * SP_ERR_UNAVAILABLE: this endpoint cannot answer, another may; SP_ERR_UNAUTHENTICATED: the token
 * was refused, or there must be one: ask for another; SP_ERR_PRECONDITION: etcd authenticates
 * nobody; SP_ERR_PERMISSION; SP_ERR_OUT_OF_RANGE: the revision was compacted away; SP_ERR_FUTURE:
 * it has not been reached; SP_ERR_EXHAUSTED: no space is left, or the answer is too large;
 * SP_ERR_INVALID: the request exceeds a limit of etcd. Anything else as it came. `message` may be a
 * watch's cancel reason. */
enum sp_status sp_etcd_read_failure(enum sp_status status, const char *message);

#endif
