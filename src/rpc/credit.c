#include "rpc/credit.h"

#include <stdlib.h>

struct credit *sp_rpc_credit_create(void) {
    struct credit *credit = calloc(1, sizeof(*credit));
    if (credit != NULL)
        atomic_init(&credit->holders, 1);
    return credit;
}

struct credit *sp_rpc_credit_hold(struct credit *credit) {
    atomic_fetch_add_explicit(&credit->holders, 1, memory_order_relaxed);
    return credit;
}

void sp_rpc_credit_drop(struct credit *credit) {
    if (credit != NULL && atomic_fetch_sub_explicit(&credit->holders, 1, memory_order_acq_rel) == 1)
        free(credit);
}
