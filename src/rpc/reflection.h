/* grpc.reflection.v1 and v1alpha over a serialized google.protobuf.FileDescriptorSet. */
#ifndef SP_RPC_REFLECTION_H
#define SP_RPC_REFLECTION_H

#include "base/status.h"
#include "rpc/method.h"

struct reflection;

/* Indexes the set's files and symbols; `descriptors` must outlive it, and may be empty.
 * SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_rpc_reflection_create(struct sp_bytes descriptors, struct reflection **ret_reflection,
                                        struct sp_error *error) SP_MUST_USE;
/* Lists a service, if it is not yet. Before the server starts. SP_ERR_MEMORY. */
enum sp_status sp_rpc_reflection_add_service(struct reflection *reflection, struct sp_str name,
                                             struct sp_error *error) SP_MUST_USE;
/* Writes the methods to register and returns how many. */
size_t sp_rpc_reflection_methods(struct reflection *reflection, struct sp_rpc_method *ret_methods);
/* NULL is allowed. */
void sp_rpc_reflection_free(struct reflection *reflection);

#endif
