/* A workspace's policy in the store: read at one revision, and changed by edits. */
#ifndef SP_CLI_POLICY_STORE_H
#define SP_CLI_POLICY_STORE_H

#include "cli/call.h"
#include "policy/diff.h"
#include "sallyport/v1/admin.pb-c.h"

/* A revision by value. */
struct cli_revision {
    uint64_t epoch, number;
};

/* Reads all of it into a model that is empty but for its arena, and sorts it. `workspace` NULL:
 * that of the key. If somebody changes the policy meanwhile, reads it again, five times at most:
 * then SP_ERR_ABORTED. */
enum sp_status sp_cli_read_policy(struct sp_rpc_client *client, const char *workspace, struct sp_policy *policy,
                                  struct cli_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

/* Makes edits, as one change if they fit in one (10,000 and 4 MiB), otherwise, if `in_parts`, as
 * several, each of which demands that nothing changed since the one before. *revision is that at
 * which the edits were found, and becomes that of the last change; *ret_made says how many were
 * made, even after an error. An error says where the edit stands. */
struct cli_policy_change {
    const char *workspace; /* NULL: that of the key */
    const struct sp_policy *want;
    const struct sp_policy_edits *edits;
    bool in_parts;
    const char *request_id; /* of the first change */
};
enum sp_status sp_cli_change_policy(struct sp_rpc_client *client, const struct cli_policy_change *change,
                                    struct cli_revision *revision, size_t *ret_made,
                                    struct sp_error *error) SP_MUST_USE;

#endif
