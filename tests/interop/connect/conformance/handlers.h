/* The methods of connectrpc.conformance.v1.ConformanceService. */
#ifndef SP_TESTS_CONFORMANCE_HANDLERS_H
#define SP_TESTS_CONFORMANCE_HANDLERS_H

#include "rpc/method.h"

enum { CONFORMANCE_METHODS = 6 };

/* For one server; `most` bytes in a message. */
void conformance_methods(unsigned most, struct sp_rpc_method ret_methods[static CONFORMANCE_METHODS]);

#endif
