/* Inside the store: what a snapshot keeps of the store's settings from one acquire to the next.
 *
 * Settings are what every decision asks for and what seldom changes: the forms of keys, the schema's actions, and whether a workspace
 * is enabled. The head's settings version grows with each commit that touched any of them (sp_write_commit sees to that),
 * so that a copy is good for as long as the head tells the same epoch and version. Only what was found, with its seal
 * checked, is kept; what is not there is looked for each time. */
#ifndef SP_STORE_RECORDS_SETTINGS_CACHE_H
#define SP_STORE_RECORDS_SETTINGS_CACHE_H

#include "core/decision.h"
#include "core/key_text.h"
#include "store/lmdb/store.h"

enum {
    SP_FORMS_TEXT_BYTES = SP_STORE_MAX_PREFIXES * (SP_KEY_PREFIX_MAX_BYTES + 1),
    SP_KEPT_ACTIONS = 256,     /* places; a name has one, which it shares with others */
    SP_KEPT_WORKSPACES = 8192, /* likewise */
    SP_KEPT_ACTION_BYTES = 48, /* longer names are looked up each time */
};

struct sp_kept_action {
    uint8_t key_size; /* 0: nothing kept here */
    uint8_t key[SP_KEPT_ACTION_BYTES];
    struct sp_action action;
};

struct sp_kept {
    bool valid;
    uint64_t epoch;
    uint64_t version;
    bool forms_known;
    struct sp_key_forms forms; /* points into `text` */
    uint8_t text[SP_FORMS_TEXT_BYTES];
    struct sp_kept_action actions[SP_KEPT_ACTIONS];
    uint64_t workspaces[SP_KEPT_WORKSPACES]; /* number << 16 | SP_WORKSPACE_* flags; 0: nothing kept here */
};

/* Forgets everything unless it is of this epoch and version. */
void sp_kept_begin(struct sp_kept *kept, uint64_t epoch, uint64_t version);

/* `key` is that of the action's record. */
bool sp_kept_find_action(const struct sp_kept *kept, struct sp_bytes key, struct sp_action *ret_action);
void sp_kept_put_action(struct sp_kept *kept, struct sp_bytes key, const struct sp_action *action);

static inline bool sp_kept_find_workspace(const struct sp_kept *kept, uint64_t number, unsigned *ret_flags) {
    uint64_t there = kept->workspaces[number % SP_KEPT_WORKSPACES];
    *ret_flags = (unsigned)(there & 0xffffU);
    return number != 0 && there >> 16 == number;
}
void sp_kept_put_workspace(struct sp_kept *kept, uint64_t number, unsigned flags);

#endif
