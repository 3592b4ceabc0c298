#include "store/recovery/reapply_revocations.h"

#include <stdio.h>

#include "store/records/change_record.h"
#include "store/records/changeset.h"
#include "store/records/epoch.h"
#include "store/recovery/narrow_entity.h"
#include "store/replica/cursor.h"
#include "wire/wire.h"

enum {
    FIRST_BLOCK_BYTES = 1 << 20,
    BATCH = 1000, /* entities that are checked for one audit entry */
};
#define BUDGET_BYTES ((size_t)4 << 30)

/* One batch of what is taken back, which becomes one audit entry. */
struct batch {
    const struct sp_later_log *log;
    int64_t now_s;
    sp_verify_report *report;
    void *context;
    struct sp_error *error;
    struct sp_write *write;
    struct sp_arena arena; /* reset with each batch */
    struct sp_changeset *set;
    size_t count;                               /* of entities checked */
    Sallyport__Store__V1__StoredSchema *schema; /* in an arena of its own */
};

/* ---- the new epoch ---- */

static void init_restore_entry(int64_t now_s, Sallyport__V1__Change *ret_change, Sallyport__V1__Actor *actor) {
    static char command[] = "restore", method[] = "Restore";
    sallyport__v1__actor__init(actor);
    sallyport__v1__change__init(ret_change);
    actor->kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    actor->id = command;
    ret_change->actor = actor;
    ret_change->method = method;
    ret_change->time = now_s;
}

/* Above every epoch of the backup and the log, with an audit entry of its own even if nothing is
 * revoked. */
static enum sp_status begin_restored_epoch(struct batch *batch) {
    enum sp_status status =
        sp_write_begin_epoch(batch->write, batch->log->newest_epoch, "restore", "Restore", batch->now_s, &batch->arena);
    /* A follower's backup becomes a store of its own. */
    if (status == SP_OK)
        status = sp_replica_set_source(batch->write, SP_SOURCE_EMBEDDED);
    if (status != SP_OK)
        return sp_error_set(batch->error, status, "cannot begin the new epoch");
    return SP_OK;
}

/* ---- taking back ---- */

static enum sp_status refuse_later_entity(const struct batch *batch, enum sp_status status,
                                          const Sallyport__V1__EntityChange *later) {
    return sp_error_set(batch->error, status, "cannot apply the later change of %s/%s", later->workspace, later->id);
}

static enum sp_status begin_batch(struct batch *batch) {
    Sallyport__V1__Actor actor;
    Sallyport__V1__Change head;
    sp_arena_reset(&batch->arena);
    init_restore_entry(batch->now_s, &head, &actor);
    batch->count = 0;
    batch->set = sp_changeset_new(&batch->arena, &head);
    if (batch->set == NULL)
        return sp_error_set(batch->error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static enum sp_status apply_batch(struct batch *batch) {
    struct sp_revision revision;
    enum sp_status status = sp_changeset_apply(batch->write, batch->set, &revision, batch->error);
    if (status != SP_OK)
        return status;
    return begin_batch(batch);
}

static void report_taken_back(const struct batch *batch, const Sallyport__V1__EntityChange *later, const char *what) {
    static const char *const kinds[] = {"thing",    "workspace", "principal", "group",  "membership",
                                        "resource", "grant",     "API key",   "schema", "operator"};
    size_t kind = (size_t)later->kind < sizeof(kinds) / sizeof(*kinds) ? (size_t)later->kind : 0;
    bool within = later->workspace[0] != '\0' && later->kind != SALLYPORT__V1__ENTITY_KIND__ENTITY_WORKSPACE;
    char line[1024];
    (void)snprintf(line, sizeof(line), "%s %s%s%s: %s", kinds[kind], within ? later->workspace : "", within ? "/" : "",
                   later->id, what);
    if (batch->report != NULL)
        batch->report(batch->context, line);
}

/* The later schema, if it removed a name, made an action stricter or had other routes. */
static enum sp_status take_back_schema(struct batch *batch, const struct sp_entity_key *key,
                                       const Sallyport__V1__EntityChange *later) {
    struct sp_narrowing narrowing = {.arena = &batch->arena};
    Sallyport__Store__V1__StoredSchema *narrowed = NULL;
    if (later->after_case != SALLYPORT__V1__ENTITY_CHANGE__AFTER_SCHEMA_AFTER)
        return refuse_later_entity(batch, SP_ERR_INVALID, later);
    enum sp_status status = sp_narrow_schema(&narrowing, batch->schema, later->schema_after, &narrowed);
    if (status != SP_OK)
        return refuse_later_entity(batch, status, later);
    if (narrowed == NULL)
        return SP_OK;
    status = sp_changeset_put(batch->set, key, &narrowed->base);
    if (status != SP_OK)
        return refuse_later_entity(batch, status, later);
    report_taken_back(batch, later,
                      "the later schema, which removes names, makes actions stricter or has other routes");
    return SP_OK;
}

static enum sp_status narrow_stored(struct batch *batch, const struct sp_entity_key *key,
                                    const Sallyport__V1__EntityChange *later) {
    struct sp_narrowing narrowing = {.arena = &batch->arena, .schema = batch->schema};
    ProtobufCMessage *stored = NULL;
    enum sp_kind kind = (enum sp_kind)key->bytes[0];
    enum sp_status status = sp_entity_get(sp_write_view(batch->write), key, &batch->arena, &stored);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK; /* made after the backup */
    if (status != SP_OK)
        return refuse_later_entity(batch, status, later);
    status = sp_narrow(&narrowing, kind, stored, later);
    if (status != SP_OK)
        return refuse_later_entity(batch, status, later);
    if (!narrowing.changed)
        return SP_OK;
    status = narrowing.deleted ? sp_changeset_delete(batch->set, key, batch->now_s)
                               : sp_changeset_put(batch->set, key, stored);
    if (status != SP_OK)
        return refuse_later_entity(batch, status, later);
    report_taken_back(batch, later, narrowing.what);
    return SP_OK;
}

static enum sp_status take_back_entity(struct batch *batch, const struct sp_later_entity *entity) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_copy(entity->key, &key);
    if (status != SP_OK)
        return sp_error_set(batch->error, status, "a key in the later change log is too long");
    status = sp_wire_unpack_trusted(&sallyport__v1__entity_change__descriptor, entity->change, &batch->arena, &message);
    if (status != SP_OK)
        return sp_error_set(batch->error, status, "out of memory");
    const Sallyport__V1__EntityChange *later = (const Sallyport__V1__EntityChange *)(const void *)message;
    return key.bytes[0] == SP_KIND_SCHEMA ? take_back_schema(batch, &key, later) : narrow_stored(batch, &key, later);
}

/* The schema as it is now: before its own change, and again after it. */
static enum sp_status load_batch_schema(struct batch *batch, struct sp_arena *arena) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status == SP_OK)
        status = sp_entity_get(sp_write_view(batch->write), &key, arena, &message);
    if (status != SP_OK)
        return sp_error_set(batch->error, status, "cannot read the backup's schema");
    batch->schema = (Sallyport__Store__V1__StoredSchema *)(void *)message;
    return SP_OK;
}

/* Takes back what the log's entity at `at` lost, and applies the batch when it is full or the
 * schema changed. */
static enum sp_status take_back_at(struct batch *batch, size_t at, struct sp_arena *schema_arena) {
    const struct sp_later_entity *entity = &batch->log->entities[at];
    bool is_schema = entity->key.data[0] == SP_KIND_SCHEMA;
    enum sp_status status = take_back_entity(batch, entity);
    if (status != SP_OK)
        return status;
    batch->count++;
    if (!is_schema && batch->count < BATCH)
        return SP_OK;
    status = apply_batch(batch);
    if (status != SP_OK || !is_schema)
        return status;
    return load_batch_schema(batch, schema_arena);
}

/* The schema's key sorts first, so that its change is applied before keys are numbered by it. */
static enum sp_status take_back_all(struct batch *batch, struct sp_arena *schema_arena) {
    enum sp_status status = load_batch_schema(batch, schema_arena);
    if (status != SP_OK)
        return status;
    status = begin_batch(batch);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < batch->log->count; i++) {
        status = take_back_at(batch, i, schema_arena);
        if (status != SP_OK)
            return status;
    }
    return apply_batch(batch);
}

enum sp_status sp_take_back(struct sp_write *write, const struct sp_later_log *log, int64_t now_s,
                            sp_verify_report *report, void *context, struct sp_error *error) {
    struct batch batch = {
        .log = log, .now_s = now_s, .report = report, .context = context, .error = error, .write = write};
    struct sp_arena schema_arena = {0};
    enum sp_status status = sp_arena_init(&schema_arena, FIRST_BLOCK_BYTES, BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_arena_init(&batch.arena, FIRST_BLOCK_BYTES, BUDGET_BYTES);
    if (status != SP_OK) {
        sp_arena_fini(&schema_arena);
        return sp_error_set(error, status, "out of memory");
    }
    status = begin_restored_epoch(&batch);
    if (status == SP_OK)
        status = take_back_all(&batch, &schema_arena);
    sp_arena_fini(&batch.arena);
    sp_arena_fini(&schema_arena);
    return status;
}
