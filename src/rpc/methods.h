/* Inside src/rpc: all methods of a server, those that its program gives it and those of health and
 * reflection. */
#ifndef SP_RPC_METHODS_H
#define SP_RPC_METHODS_H

#include "base/status.h"
#include "rpc/server_options.h"

struct health;
struct reflection;

struct sp_rpc_methods {
    struct sp_rpc_method *all;
    size_t count;
    struct health *health;
    struct reflection *reflection;
};

/* Checks and copies the methods, and adds health and reflection over their services. `has_admit`:
 * somebody decides about permits. `descriptors` must outlive them. SP_ERR_INVALID, SP_ERR_CORRUPT,
 * SP_ERR_MEMORY. */
enum sp_status sp_rpc_methods_create(const struct sp_rpc_method *given, size_t count, bool has_admit,
                                     struct sp_bytes descriptors, struct sp_rpc_methods **ret_methods,
                                     struct sp_error *error) SP_MUST_USE;
/* What a call needs before anything of its request is kept: the role that its method asks for, or
 * somebody's key if the request may be large. */
enum sp_status sp_rpc_methods_admit(const struct sp_rpc_server_options *options, struct sp_rpc_call *call,
                                    struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_rpc_methods_free(struct sp_rpc_methods *methods);

#endif
