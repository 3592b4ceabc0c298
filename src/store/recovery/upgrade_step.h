/* Inside the store: what the steps of an upgrade share. */
#ifndef SP_STORE_RECOVERY_UPGRADE_STEP_H
#define SP_STORE_RECOVERY_UPGRADE_STEP_H

#include <stddef.h>

#include "base/arena.h"
#include "store/recovery/report.h"

struct sp_write;

struct sp_upgrade_options {
    int64_t now_s;
    /* Keys, as "workspace/key", that keep by name what `all` no longer includes. */
    const struct sp_str *keep_implicit;
    size_t keep_implicit_count;
};

/* What the steps share. */
struct sp_upgrade {
    const struct sp_upgrade_options *options;
    struct sp_write *write;
    struct sp_arena arena;    /* scratch; a step resets it */
    sp_verify_report *report; /* receives lines of what the operator should know */
    void *context;
    struct sp_error *error;
};

#endif
