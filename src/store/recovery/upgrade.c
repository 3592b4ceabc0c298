#include "store/recovery/upgrade.h"

#include "store/lmdb/databases.h"
#include "store/lmdb/store.h"
#include "store/records/edit.h"
#include "store/records/meta.h"
#include "store/records/store_time.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/recovery/upgrade_entity_set.h"
#include "store/recovery/upgrade_keys.h"

enum { ARENA_FIRST_BYTES = 64 * 1024 };
#define ARENA_BUDGET_BYTES ((size_t)1 << 30)

/* ---- the steps ---- */

/* The head of format 1 ends after the settings version. */
static enum sp_status extend_head(struct sp_upgrade *upgrade) {
    enum { FORMAT_1_HEAD_BYTES = 72, SHARED_BYTES = FORMAT_1_HEAD_BYTES - SP_SEAL_BYTES };
    uint8_t bytes[SP_HEAD_BYTES] = {0};
    struct sp_bytes record;
    enum sp_status status = sp_view_meta(sp_write_view(upgrade->write), "head", &record);
    if (status != SP_OK || record.size != FORMAT_1_HEAD_BYTES ||
        !sp_seal_fits(SP_SEAL_HEAD, sp_meta_key("head"), record))
        return sp_error_set(upgrade->error, SP_ERR_CORRUPT, "the store's head is damaged: restore a backup");
    memcpy(bytes, record.data, SHARED_BYTES);
    struct sp_head head = sp_head_decode(bytes);
    status = sp_write_head(upgrade->write, &head);
    if (status == SP_OK)
        status = sp_write_accept_time(upgrade->write, upgrade->options->now_s);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "cannot write the store's head");
    return SP_OK;
}

static enum sp_status sum_entities(struct sp_upgrade *upgrade) {
    enum sp_status status = sp_write_first_entity_set(upgrade->write);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "cannot sum the store's entities");
    return SP_OK;
}

static enum sp_status rebuild_every_index(struct sp_upgrade *upgrade) {
    return sp_write_reindex(upgrade->write, NULL, NULL, upgrade->error);
}

/* In the order in which they run; each is for stores of a format up to `format`. Those that write
 * entities as they are come first, then the indexes are rebuilt, then come changes of policy, which
 * need the indexes. */
static const struct {
    uint32_t format;
    enum sp_status (*run)(struct sp_upgrade *upgrade);
} steps[] = {
    {1, extend_head},
    {1, sum_entities},
    {1, rebuild_every_index},
    {1, sp_upgrade_claiming_keys},
};

static enum sp_status run_steps(struct sp_upgrade *upgrade, uint32_t from) {
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (from > steps[i].format)
            continue;
        enum sp_status status = steps[i].run(upgrade);
        if (status != SP_OK)
            return status;
        sp_arena_reset(&upgrade->arena);
    }
    uint8_t format[4];
    sp_store_be32(format, SP_STORE_FORMAT);
    return sp_write_meta(upgrade->write, "format", (struct sp_bytes){format, sizeof(format)});
}

/* ---- all ---- */

static enum sp_status upgrade_store(struct sp_upgrade *upgrade, struct sp_store *store, uint32_t from) {
    enum sp_status status = sp_write_begin(store, &upgrade->write, upgrade->error);
    if (status != SP_OK)
        return status;
    status = run_steps(upgrade, from);
    if (status != SP_OK) {
        sp_write_abort(upgrade->write);
        return status;
    }
    return sp_write_commit(upgrade->write, upgrade->error);
}

enum sp_status sp_store_upgrade(const char *path, const struct sp_upgrade_options *options, sp_verify_report *report,
                                void *context, uint32_t *ret_from, struct sp_error *error) {
    struct sp_upgrade upgrade = {.options = options, .report = report, .context = context, .error = error};
    struct sp_store *store = NULL;
    struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    uint32_t from = SP_STORE_FORMAT;
    enum sp_status status = sp_store_open(path, &open_options, &store, error);
    while (status == SP_ERR_PRECONDITION && from > SP_STORE_OLDEST_FORMAT) {
        open_options.format = --from;
        status = sp_store_open(path, &open_options, &store, error);
    }
    if (status != SP_OK)
        return status;
    if (from == SP_STORE_FORMAT)
        goto out;
    status = sp_arena_init(&upgrade.arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK) {
        sp_error_set(error, status, "out of memory");
        goto out;
    }
    status = upgrade_store(&upgrade, store, from);
    sp_arena_fini(&upgrade.arena);
out:
    sp_store_close(store);
    if (status == SP_OK)
        *ret_from = from;
    return status;
}
