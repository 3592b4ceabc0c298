#include "store/records/settings_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/lmdb/view.h"
#include "store/records/head.h"

void sp_kept_begin(struct sp_kept *kept, uint64_t epoch, uint64_t version) {
    if (kept->valid && kept->epoch == epoch && kept->version == version)
        return;
    memset(kept, 0, sizeof(*kept));
    kept->epoch = epoch;
    kept->version = version;
    kept->valid = true;
}

enum sp_status sp_view_kept(struct sp_view *view, struct sp_kept **ret_kept) {
    const struct sp_head *head;
    enum sp_status status = sp_view_head_in_place(view, &head);
    if (status != SP_OK)
        return status;
    struct sp_kept *kept = view->memory->kept;
    sp_kept_begin(kept, head->revision.epoch, head->settings_version);
    *ret_kept = kept;
    return SP_OK;
}

static size_t action_place(struct sp_bytes key) {
    return XXH3_64bits(key.data, key.size) % SP_KEPT_ACTIONS;
}

bool sp_kept_find_action(const struct sp_kept *kept, struct sp_bytes key, struct sp_action *ret_action) {
    if (key.size == 0 || key.size > SP_KEPT_ACTION_BYTES)
        return false;
    const struct sp_kept_action *there = &kept->actions[action_place(key)];
    if (!sp_bytes_equal((struct sp_bytes){there->key, there->key_size}, key))
        return false;
    *ret_action = there->action;
    return true;
}

void sp_kept_put_action(struct sp_kept *kept, struct sp_bytes key, const struct sp_action *action) {
    if (key.size == 0 || key.size > SP_KEPT_ACTION_BYTES)
        return;
    struct sp_kept_action *there = &kept->actions[action_place(key)];
    there->key_size = (uint8_t)key.size;
    memcpy(there->key, key.data, key.size);
    there->action = *action;
}

void sp_kept_put_workspace(struct sp_kept *kept, uint64_t number, unsigned flags) {
    if (number != 0 && number <= SP_NUMBER_MAX)
        kept->workspaces[number % SP_KEPT_WORKSPACES] = number << 16 | (flags & 0xffffU);
}
