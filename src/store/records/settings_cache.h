/* Inside the store: the settings that a snapshot keeps from one acquire to the next.
 *
 * Settings are what every decision reads and what seldom changes: the forms of keys, the
 * schema's actions, and whether a workspace is enabled. The head's settings version grows with
 * each commit that touched any of them (sp_write_commit ensures that), so a copy is good for as
 * long as the head has the same epoch and version. Only records that were found, with their
 * seals checked, are kept; what is missing is looked up each time. */
#ifndef SP_STORE_RECORDS_SETTINGS_CACHE_H
#define SP_STORE_RECORDS_SETTINGS_CACHE_H

#include "core/decision.h"
#include "store/records/key_forms.h"

struct sp_view;

enum {
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

/* The settings kept with a snapshot's view, emptied if they are of another version than the
 * head's. Not for writes. SP_ERR_CORRUPT. */
enum sp_status sp_view_kept(struct sp_view *view, struct sp_kept **ret_kept) SP_MUST_USE;

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
