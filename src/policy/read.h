/* Reads policy files. Pure.
 *
 *   workspace: acme                      # optional; the same in all files
 *   users:
 *     ann: {name: Ann, role: admin}      # role: member (the default) or admin
 *     ben: {disabled: true}              # without a name, the id is the name
 *   service_accounts:
 *     builder: {name: Builder}
 *   groups:
 *     studio: {name: Studio, members: [ann, builder]}
 *   resources:
 *     voice/rachel: {creator: ann}       # TYPE/ID; the creator is only recorded
 *   shares:
 *     voice/rachel:
 *       groups: {studio: viewer}         # viewer, commenter, editor or admin
 *       principals: {ann: admin}
 *
 * In UTF-8 YAML (config/yaml.h), any number of documents, in any files, sections in any order, and
 * any section as often as one likes; but each user, service account, group (with all its members),
 * resource and share once. `users: {}` asks for no users at all; a kind of which no file has
 * the section is left alone. All errors of a file are found at once, unless it is not YAML from
 * some line on. */
#ifndef SP_POLICY_READ_H
#define SP_POLICY_READ_H

#include "policy/model.h"

enum { SP_POLICY_ERRORS_MAX = 100 };

/* What is wrong, "FILE:LINE:COLUMN: what, and what to do"; further ones than the most are counted
 * only. Zeroed but for the arena: none. */
struct sp_policy_errors {
    struct sp_arena *arena;
    const char *texts[SP_POLICY_ERRORS_MAX];
    size_t count;
};

/* Adds an error. Out of memory, it is counted. */
void sp_policy_add_error(struct sp_policy_errors *errors, const struct sp_policy *policy,
                         const struct sp_policy_place *place, const char *format, ...) SP_PRINTF(4, 5);

/* Adds what a file says. SP_OK even if there were errors; SP_ERR_MEMORY; SP_ERR_INVALID for too
 * many files. */
enum sp_status sp_policy_read(struct sp_policy *policy, const char *file, struct sp_str text,
                              struct sp_policy_errors *errors) SP_MUST_USE;

#endif
