/* Whether a call comes from a client whose certificate was revoked. gRPC C core 1.51 reads
 * revocation lists only in handshakes of credentials that cannot reload certificates safely, so
 * each call's connection is asked what certificate it was opened with. */
#ifndef SP_RPC_GRPC_REVOCATION_H
#define SP_RPC_GRPC_REVOCATION_H

#include "rpc/grpc/engine.h"

/* SP_OK: it was not, or nothing is known to be revoked, or the call came in without TLS. Otherwise
 * SP_ERR_UNAUTHENTICATED with the reason. On the call's worker. */
enum sp_status sp_rpc_revocation_check(const struct core_call *call, struct sp_error *error) SP_MUST_USE;

#endif
