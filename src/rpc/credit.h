/* Inside src/rpc: what the calls of one connection have settled of what it sent. Workers add to it
 * with every call, so without the lock of the table of connections, and may hold it for longer than
 * the connection lasts. Any thread. */
#ifndef SP_RPC_CREDIT_H
#define SP_RPC_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct credit {
    atomic_uint holders;
    atomic_bool ended;           /* its connection has: what is added now has no effect */
    atomic_uint_fast64_t bytes;  /* of calls that a worker is done with */
    atomic_uint_fast64_t grants; /* successful answers that not everybody gets */
};

/* With one holder; NULL when out of memory. */
struct credit *sp_rpc_credit_create(void);
struct credit *sp_rpc_credit_hold(struct credit *credit);
/* NULL is allowed. The last holder frees it. */
void sp_rpc_credit_drop(struct credit *credit);

#endif
