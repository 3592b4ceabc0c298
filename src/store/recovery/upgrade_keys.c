#include "store/recovery/upgrade_keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "core/permission_set.h"
#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/change.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/followed_source.h"
#include "store/records/write.h"
#include "wire/wire.h"

enum {
    SCRATCH_FIRST_BYTES = 64 * 1024,
    UNSORTED_MAX = 256,
    NAME_BYTES = SP_ID_MAX_BYTES + 1 + SP_ID_MAX_BYTES + 1,
};
#define SCRATCH_BUDGET_BYTES ((size_t)256 << 20)

/* A key that used a claiming permission, by the audit trail. */
struct use {
    const char *name; /* workspace/key */
    uint64_t registered;
    uint64_t rotated;
};

/* Each name once up to `sorted`, then what came since, in any order. */
struct uses {
    struct sp_arena *arena;
    struct use *items;
    size_t count;
    size_t capacity;
    size_t sorted;
};

/* ---- the audit trail ---- */

static int compare_uses(const void *left, const void *right) {
    return strcmp(((const struct use *)left)->name, ((const struct use *)right)->name);
}

static void sort_uses(struct uses *uses) {
    size_t kept = 0;
    if (uses->count == 0)
        return;
    qsort(uses->items, uses->count, sizeof(*uses->items), compare_uses);
    for (size_t i = 1; i < uses->count; i++) {
        if (compare_uses(&uses->items[kept], &uses->items[i]) != 0) {
            uses->items[++kept] = uses->items[i];
            continue;
        }
        uses->items[kept].registered += uses->items[i].registered;
        uses->items[kept].rotated += uses->items[i].rotated;
    }
    uses->count = uses->sorted = kept + 1;
}

static struct use *find_use(const struct uses *uses, const char *name) {
    const struct use wanted = {.name = name};
    return uses->sorted == 0 ? NULL : bsearch(&wanted, uses->items, uses->sorted, sizeof(*uses->items), compare_uses);
}

static enum sp_status note_use(struct uses *uses, const char *name, bool registered) {
    struct use *there = find_use(uses, name);
    if (there != NULL) {
        there->registered += registered;
        there->rotated += !registered;
        return SP_OK;
    }
    if (uses->count - uses->sorted >= UNSORTED_MAX && uses->count >= 2 * uses->sorted)
        sort_uses(uses);
    struct use *items =
        sp_array_reserve_in(uses->arena, uses->items, uses->count, &uses->capacity, sizeof(*uses->items));
    const char *kept = sp_arena_strdup(uses->arena, sp_str_from(name));
    if (items == NULL || kept == NULL)
        return SP_ERR_MEMORY;
    uses->items = items;
    uses->items[uses->count++] = (struct use){.name = kept, .registered = registered, .rotated = !registered};
    return SP_OK;
}

static bool has_rotated_itself(const Sallyport__V1__Change *change) {
    for (size_t i = 0; i < change->n_entities; i++) {
        const Sallyport__V1__EntityChange *entity = change->entities[i];
        if (entity->after_case == SALLYPORT__V1__ENTITY_CHANGE__AFTER_API_KEY_AFTER &&
            strcmp(entity->api_key_after->rotated_from, change->actor->key_id) == 0)
            return true;
    }
    return false;
}

static enum sp_status note_change(void *context, const Sallyport__V1__Change *change) {
    struct uses *uses = context;
    char name[NAME_BYTES];
    const Sallyport__V1__Actor *actor = change->actor;
    if (actor == NULL || actor->kind != SALLYPORT__V1__ACTOR_KIND__ACTOR_PRINCIPAL || actor->key_id[0] == '\0')
        return SP_OK;
    bool registered = strcmp(change->method, "RegisterResource") == 0 || strcmp(change->method, "DeleteResource") == 0;
    bool rotated = strcmp(change->method, "RotateApiKey") == 0 && has_rotated_itself(change);
    if (!registered && !rotated)
        return SP_OK;
    if (snprintf(name, sizeof(name), "%s/%s", actor->workspace, actor->key_id) >= (int)sizeof(name))
        return SP_ERR_CORRUPT;
    return note_use(uses, name, registered);
}

static enum sp_status read_uses(struct sp_upgrade *upgrade, struct uses *uses) {
    struct sp_arena scratch;
    enum sp_status status = sp_arena_init(&scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "out of memory");
    status = sp_change_walk(sp_write_view(upgrade->write), 0, &scratch, note_change, uses);
    sp_arena_fini(&scratch);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "cannot read the audit trail: run `sallyport-sync verify`");
    sort_uses(uses);
    return SP_OK;
}

/* ---- reporting ---- */

struct key_report {
    struct sp_upgrade *upgrade;
    const struct uses *uses;
    struct sp_arena scratch;
};

static bool lists_permission(const Sallyport__V1__Permissions *permissions, const char *name) {
    for (size_t i = 0; i < permissions->n_names; i++)
        if (strcmp(permissions->names[i], name) == 0)
            return true;
    return false;
}

static bool is_kept(const struct sp_upgrade_options *options, const char *name) {
    for (size_t i = 0; i < options->keep_implicit_count; i++)
        if (sp_str_equal(options->keep_implicit[i], sp_str_from(name)))
            return true;
    return false;
}

static void report_upgraded_key(const struct key_report *report, const char *format, ...) SP_PRINTF(2, 3);

static void report_upgraded_key(const struct key_report *report, const char *format, ...) {
    struct sp_error line;
    va_list arguments;
    va_start(arguments, format);
    (void)sp_error_vset(&line, SP_OK, format, arguments);
    va_end(arguments);
    if (report->upgrade->report != NULL)
        report->upgrade->report(report->upgrade->context, line.message);
}

static enum sp_status report_met_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct key_report *report = context;
    char name[NAME_BYTES];
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&report->scratch);
    enum sp_status status = sp_entity_decode(key, value, &report->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__ApiKey *met = ((const Sallyport__Store__V1__StoredKey *)(const void *)message)->key;
    if (met == NULL || met->permissions == NULL)
        return SP_ERR_CORRUPT;
    if (snprintf(name, sizeof(name), "%s/%s", met->workspace, met->id) >= (int)sizeof(name))
        return SP_ERR_CORRUPT;
    const struct use *use = find_use(report->uses, name);
    bool kept = is_kept(report->upgrade->options, name);
    if (use != NULL && met->permissions->all && !kept)
        report_upgraded_key(
            report,
            "key %s has all permissions; it registered or deleted resources %" PRIu64
            " times and rotated itself %" PRIu64
            " times, which \"all\" no longer includes: to keep both, upgrade with --keep-implicit %s, or "
            "add them later with `sallyport key update`",
            name, use->registered, use->rotated, name);
    if (met->expires_at != 0 && met->not_after == 0 &&
        (kept || lists_permission(met->permissions, SP_PERMISSION_ROTATE)))
        report_upgraded_key(report,
                            "key %s expires and may rotate itself, but has no latest expiry (not_after): it cannot "
                            "rotate itself until an admin "
                            "sets one with `sallyport key update --not-after`",
                            name);
    return SP_OK;
}

static enum sp_status report_keys(struct sp_upgrade *upgrade, const struct uses *uses) {
    static const uint8_t all[] = {SP_KIND_KEY};
    struct key_report report = {.upgrade = upgrade, .uses = uses};
    enum sp_status status = sp_arena_init(&report.scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "out of memory");
    status = sp_entity_walk(sp_write_view(upgrade->write), (struct sp_bytes){all, sizeof(all)}, NULL, report_met_key,
                            &report);
    sp_arena_fini(&report.scratch);
    if (status != SP_OK)
        return sp_error_set(upgrade->error, status, "cannot read the keys: run `sallyport-sync verify`");
    return SP_OK;
}

/* ---- keeping ---- */

static enum sp_status load_permission_numbers(struct sp_upgrade *upgrade, uint8_t *bits) {
    static const char *const names[] = {SP_PERMISSION_REGISTER, SP_PERMISSION_ROTATE};
    struct sp_permission_set set = {.all = false};
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(sp_write_view(upgrade->write), &key, &upgrade->arena, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredSchema *schema = (const void *)message;
    for (size_t i = 0; i < schema->n_permissions; i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(*names); j++)
            if (!schema->permissions[i]->removed && strcmp(schema->permissions[i]->name, names[j]) == 0 &&
                schema->permissions[i]->number < SP_PERMISSIONS_MAX)
                sp_permission_set_add(&set, (uint8_t)schema->permissions[i]->number);
    memcpy(bits, set.bits, SP_PERMISSION_SET_BYTES);
    return SP_OK;
}

static enum sp_status refuse_kept_key(struct sp_upgrade *upgrade, enum sp_status status, struct sp_str name,
                                      const char *why) {
    return sp_error_set(upgrade->error, status, "--keep-implicit %.*s: %s", SP_STR_ARG(name), why);
}

static enum sp_status name_kept_key(struct sp_upgrade *upgrade, struct sp_str name, struct sp_entity_key *ret_key) {
    const char *slash = memchr(name.data, '/', name.size);
    if (slash == NULL)
        return refuse_kept_key(upgrade, SP_ERR_INVALID, name, "write a key as WORKSPACE/KEY");
    struct sp_str workspace = {name.data, (size_t)(slash - name.data)};
    struct sp_str id = {slash + 1, name.size - workspace.size - 1};
    struct sp_error ignored;
    if (sp_text_check_id(workspace, "workspace", &ignored) != SP_OK || sp_text_check_id(id, "key", &ignored) != SP_OK)
        return refuse_kept_key(upgrade, SP_ERR_INVALID, name, "write a key as WORKSPACE/KEY");
    return sp_entity_key_1(SP_KIND_KEY, workspace, id, ret_key);
}

static enum sp_status keep_key(struct sp_upgrade *upgrade, struct sp_changeset *set, struct sp_str name,
                               uint8_t *bits) {
    static char registering[] = SP_PERMISSION_REGISTER;
    static char rotating[] = SP_PERMISSION_ROTATE;
    static char *both[] = {registering, rotating};
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = name_kept_key(upgrade, name, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(sp_write_view(upgrade->write), &key, &upgrade->arena, &message);
    if (status == SP_ERR_NOT_FOUND)
        return refuse_kept_key(upgrade, SP_ERR_PRECONDITION, name, "there is no such key");
    if (status != SP_OK)
        return status;
    Sallyport__Store__V1__StoredKey *stored = (void *)message;
    if (stored->key == NULL || stored->key->permissions == NULL)
        return SP_ERR_CORRUPT;
    if (!stored->key->permissions->all)
        return refuse_kept_key(upgrade, SP_ERR_PRECONDITION, name,
                               "the key lists its permissions, so it keeps those that it lists");
    stored->key->permissions->names = both;
    stored->key->permissions->n_names = 2;
    stored->permission_bits = (ProtobufCBinaryData){SP_PERMISSION_SET_BYTES, bits};
    return sp_changeset_put(set, &key, message);
}

static struct sp_changeset *begin_kept_keys(struct sp_upgrade *upgrade) {
    static char command[] = "upgrade", method[] = "Upgrade";
    Sallyport__V1__Actor actor = SALLYPORT__V1__ACTOR__INIT;
    Sallyport__V1__Change head = SALLYPORT__V1__CHANGE__INIT;
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    actor.id = command;
    head.actor = &actor;
    head.method = method;
    head.time = upgrade->options->now_s;
    return sp_changeset_new(&upgrade->arena, &head);
}

static enum sp_status add_kept_keys(struct sp_upgrade *upgrade, struct sp_changeset *set) {
    const struct sp_upgrade_options *options = upgrade->options;
    uint8_t bits[SP_PERMISSION_SET_BYTES];
    enum sp_status status = load_permission_numbers(upgrade, bits);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < options->keep_implicit_count; i++) {
        status = keep_key(upgrade, set, options->keep_implicit[i], bits);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status keep_keys(struct sp_upgrade *upgrade) {
    struct sp_revision revision;
    if (upgrade->options->keep_implicit_count == 0)
        return SP_OK;
    if (sp_view_must_not_change(sp_write_view(upgrade->write)))
        return sp_error_set(upgrade->error, SP_ERR_PRECONDITION,
                            "--keep-implicit: this store follows etcd: let an operator add the permissions with "
                            "`sallyport key update` instead");
    struct sp_changeset *set = begin_kept_keys(upgrade);
    if (set == NULL)
        return sp_error_set(upgrade->error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = add_kept_keys(upgrade, set);
    if (status != SP_OK && upgrade->error->status == SP_OK)
        return sp_error_set(upgrade->error, status, "cannot change the keys of --keep-implicit");
    if (status != SP_OK)
        return status;
    return sp_changeset_apply(upgrade->write, set, &revision, upgrade->error);
}

enum sp_status sp_upgrade_claiming_keys(struct sp_upgrade *upgrade) {
    struct uses uses = {.arena = &upgrade->arena};
    enum sp_status status = read_uses(upgrade, &uses);
    if (status != SP_OK)
        return status;
    status = report_keys(upgrade, &uses);
    if (status != SP_OK)
        return status;
    return keep_keys(upgrade);
}
