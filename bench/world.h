/* Deterministic worlds of any size: what each thing is follows from the seed and its number alone,
 * so that a load tool knows keys and expected answers of a world of millions without holding it.
 *
 * Shape, for `keys` keys: 2 keys a principal; 20 principals (user 0 an ADMIN, users 1-9, service
 * accounts 10-19), 10 groups and 10 voices a workspace. Principal p is in the groups p%10 and
 * (p+1)%10. Voice r is shared with group r%10 as viewer and with group (r+1)%10 as editor, and
 * directly with principal 19 as viewer. Keys 2p are `all`; keys 2p+1 are permitted text_to_speech
 * and voices_read only. Every fifth key has an allowlist of 203.0.113.0/24, 198.51.100.7/32 and
 * 2001:db8::/32. Pure; thread-safe. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/key_text.h"

enum {
    WORLD_PRINCIPALS = 20,
    WORLD_KEYS = 40, /* of one workspace */
    WORLD_GROUPS = 10,
    WORLD_VOICES = 10,
};

enum world_shape {
    WORLD_FULL, /* as above */
    /* Workspaces, principals and keys, which have all permissions and no allowlist: to be written,
     * not to be asked about. */
    WORLD_KEYS_ONLY,
};

struct world {
    uint64_t seed;
    uint64_t keys;
    enum world_shape shape;
};

/* What kind of answer a question is made for. */
enum world_outcome {
    WORLD_ALLOWED,
    WORLD_IP_NOT_ALLOWED,
    WORLD_PERMISSION_MISSING,
    WORLD_NOT_SHARED,
    WORLD_ROLE_TOO_LOW,
    WORLD_KEY_UNKNOWN,
    WORLD_KEY_MALFORMED,
    WORLD_OUTCOMES
};

/* A question and its expected answer, with the texts in place. */
struct world_question {
    char key[SP_KEY_TEXT_BYTES];
    char ip[48];
    char voice[32];
    const char *action;
    enum sp_reason expected;
};

/* "allowed", "ip", "permission", "not_shared", "role", "unknown", "malformed". */
const char *world_outcome_name(enum world_outcome outcome);
bool world_outcome_parse(const char *name, enum world_outcome *ret_outcome);

uint64_t world_workspaces(const struct world *world);

/* The text of key i; for i >= keys a well-formed one that the world does not hold. */
void world_key_text(const struct world *world, uint64_t i, char ret_text[static SP_KEY_TEXT_BYTES]);

/* The id of the workspace that key i is of. */
void world_workspace_id(uint64_t i, char ret_id[static 32]);

/* Whether any key of the world can have the outcome: the smallest worlds lack some. */
bool world_can_ask(const struct world *world, enum world_outcome outcome);

/* A question of the wanted outcome about the key `near`: the nearest following key that can have
 * it. `vary` picks among the resources and addresses that fit. Only for outcomes for which
 * world_can_ask is true. */
void world_ask(const struct world *world, enum world_outcome outcome, uint64_t near, uint64_t vary,
               struct world_question *ret_question);

/* What key i and principal p of a workspace are. */
uint64_t world_principal_of(uint64_t key);
bool world_is_narrow(uint64_t key);
bool world_has_allowlist(uint64_t key);
bool world_in_group(uint64_t principal, uint64_t group);

/* A generator of numbers (splitmix64) for worlds and traffic. */
uint64_t world_random(uint64_t *state);

#endif
