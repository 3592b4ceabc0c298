/* A workspace's policy in a store: read at one revision, and changed by edits, with calls of the
 * admin API, however these are carried. One thread. */
#ifndef SP_POLICY_TRANSFER_H
#define SP_POLICY_TRANSFER_H

#include "policy/diff.h"
#include "sallyport/v1/admin.pb-c.h"

/* How calls are carried. */
struct sp_policy_link {
    /* A call of the method ("ExportPolicy"). The reply is in the arena. */
    enum sp_status (*call)(void *context, const char *method, const ProtobufCMessage *request,
                           const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                           ProtobufCMessage **ret_reply, struct sp_error *error);
    /* NULL: nobody looks. `total` 0: unknown. */
    void (*progress)(const char *what, uint64_t done, uint64_t total, bool ended);
    void *context;
};

/* A revision by value. */
struct sp_policy_revision {
    uint64_t epoch, number;
};

/* Reads all of it into a model that is empty but for its arena, and sorts it. `workspace` NULL:
 * that of the key. If somebody changes the policy meanwhile, reads it again, five times at most:
 * then SP_ERR_ABORTED. */
enum sp_status sp_policy_read_store(const struct sp_policy_link *link, const char *workspace, struct sp_policy *policy,
                                    struct sp_policy_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

/* Makes edits, as one change if they fit in one (10,000 and 4 MiB), otherwise, if `in_parts`, as
 * several, each of which demands that nothing changed since the one before. *revision is that at
 * which the edits were found, and becomes that of the last change; *ret_made says how many were
 * made, even after an error. An error says where the edit stands. */
struct sp_policy_change {
    const char *workspace; /* NULL: that of the key */
    const struct sp_policy *want;
    const struct sp_policy_edits *edits;
    bool in_parts;
    const char *request_id; /* of the first change; NULL: no change has one */
};
enum sp_status sp_policy_change_store(const struct sp_policy_link *link, const struct sp_policy_change *change,
                                      struct sp_policy_revision *revision, size_t *ret_made,
                                      struct sp_error *error) SP_MUST_USE;

#endif
