/* A scratch store that holds a schema, a policy from files and the keys of tests, in a temporary
 * folder. One thread. */
#ifndef SP_TRIAL_WORLD_H
#define SP_TRIAL_WORLD_H

#include "core/schema.h"
#include "policy/read.h"
#include "store/lmdb/view.h"
#include "trial/spec.h"

struct sp_trial_world;

/* What it is made of. Borrowed until it is closed. */
struct sp_trial_parts {
    struct sp_str schema_yaml;
    const struct sp_policy *policy; /* checked, without errors */
    const struct sp_trial_spec *spec;
};

/* Makes the store. What it refuses, it refuses as the server would; the message says where in the
 * files that stands. If the policy has no section of resources, those that are shared are
 * registered. */
enum sp_status sp_trial_world_open(const struct sp_trial_parts *parts, struct sp_trial_world **ret_world,
                                   struct sp_error *error) SP_MUST_USE;

/* Closes and removes it. NULL is allowed. */
void sp_trial_world_close(struct sp_trial_world *world);

/* The store at its only revision, until the world is closed. */
struct sp_view *sp_trial_world_view(struct sp_trial_world *world);

/* The single SHA-256 of the text of a test's key, in 32 bytes; such texts exist nowhere. */
void sp_trial_key_sha256(size_t key, uint8_t ret_sha256[static 32]);

#endif
