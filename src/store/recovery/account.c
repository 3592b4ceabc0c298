#include "store/recovery/account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "core/digest.h"
#include "store/records/change.h"
#include "store/records/change_key.h"
#include "store/records/change_record.h"
#include "store/records/entity.h"
#include "store/records/entity_description.h"
#include "store/records/entity_set.h"
#include "store/records/snapshot.h"
#include "store/replica/unreadable.h"
#include "wire/wire.h"

enum {
    FIRST_SLOTS = 1024, /* a power of two */
    ARENA_FIRST_BYTES = 64 * 1024,
    ARENA_BUDGET_BYTES = 256 * 1024 * 1024,
    LINE_BYTES = SP_DESCRIPTION_BYTES + 128,
};

/* How the newest entry that lists an entity leaves it. */
struct listing {
    XXH128_hash_t key;             /* of the entity's key; both halves 0: the slot is empty */
    uint64_t content;              /* hash of the public part */
    uint64_t revision;             /* of the entry */
    uint8_t hash[SP_DIGEST_BYTES]; /* of the entity, if the entry has it */
    bool hashed;
    bool deleted;
    bool met; /* by the walk over the entities */
};

struct accounts {
    struct listing *slots;
    size_t slot_count;
    size_t used;
    bool trimmed;
    int64_t first_time_s; /* of the oldest entry that is kept; 0: none is */
    struct sp_arena arena;
    struct sp_view *view;
    sp_verify_report *report;
    void *context;
    uint64_t count; /* of entities not accounted for */
};

/* ---- the table ---- */

static bool is_empty_slot(const struct listing *slot) {
    return slot->key.low64 == 0 && slot->key.high64 == 0;
}

static struct listing *find_listing_slot(struct listing *slots, size_t slot_count, XXH128_hash_t key) {
    size_t at = key.low64 & (slot_count - 1);
    while (!is_empty_slot(&slots[at]) && !XXH128_isEqual(slots[at].key, key))
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static enum sp_status grow_slots(struct accounts *accounts) {
    size_t slot_count = accounts->slot_count > 0 ? accounts->slot_count * 2 : FIRST_SLOTS;
    struct listing *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < accounts->slot_count; i++)
        if (!is_empty_slot(&accounts->slots[i]))
            *find_listing_slot(slots, slot_count, accounts->slots[i].key) = accounts->slots[i];
    free(accounts->slots);
    accounts->slots = slots;
    accounts->slot_count = slot_count;
    return SP_OK;
}

/* ---- reading the trail ---- */

/* What follows `after` in the message: the packed entity, or the schema's text. */
static enum sp_status hash_content(struct accounts *accounts, const Sallyport__V1__EntityChange *change,
                                   uint64_t *ret_hash) {
    struct sp_bytes packed = {NULL, 0};
    enum sp_status status = SP_OK;
    if (change->after_case == SALLYPORT__V1__ENTITY_CHANGE__AFTER_SCHEMA_AFTER)
        packed = sp_bytes_of_str(sp_str_from(change->schema_after));
    else if (change->after_case != SALLYPORT__V1__ENTITY_CHANGE__AFTER__NOT_SET)
        status = sp_wire_pack(&change->workspace_after->base, &accounts->arena, &packed);
    if (status != SP_OK)
        return status;
    *ret_hash = XXH3_64bits(packed.data, packed.size);
    return SP_OK;
}

static enum sp_status note_listing(struct accounts *accounts, const Sallyport__V1__EntityChange *change,
                                   uint64_t revision) {
    struct sp_entity_key key;
    uint64_t content = 0;
    enum sp_status status = sp_entity_key_of_change(change, &key);
    if (status != SP_OK)
        return SP_ERR_CORRUPT;
    if (!change->deleted)
        status = hash_content(accounts, change, &content);
    if (status != SP_OK)
        return status;
    if (accounts->used * 4 >= accounts->slot_count * 3)
        status = grow_slots(accounts);
    if (status != SP_OK)
        return status;
    XXH128_hash_t hash = XXH3_128bits(key.bytes, key.size);
    struct listing *slot = find_listing_slot(accounts->slots, accounts->slot_count, hash);
    accounts->used += is_empty_slot(slot);
    *slot = (struct listing){.key = hash, .content = content, .revision = revision, .deleted = change->deleted};
    slot->hashed = change->entity_hash.len == sizeof(slot->hash);
    if (slot->hashed)
        memcpy(slot->hash, change->entity_hash.data, sizeof(slot->hash));
    return SP_OK;
}

static enum sp_status note_entry(void *context, const Sallyport__V1__Change *change) {
    struct accounts *accounts = context;
    if (change->revision == NULL)
        return SP_ERR_CORRUPT;
    if (accounts->first_time_s == 0)
        accounts->first_time_s = change->time;
    for (size_t i = 0; i < change->n_entities; i++) {
        enum sp_status status = note_listing(accounts, change->entities[i], change->revision->number);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- judging the entities ---- */

static void report_unaccounted(struct accounts *accounts, struct sp_bytes key, const char *format, ...) SP_PRINTF(3, 4);
static void report_unaccounted(struct accounts *accounts, struct sp_bytes key, const char *format, ...) {
    char line[LINE_BYTES], name[SP_DESCRIPTION_BYTES];
    va_list arguments;
    accounts->count++;
    if (accounts->report == NULL)
        return;
    sp_entity_describe(key, name);
    int size = snprintf(line, sizeof(line), "%s: ", name);
    va_start(arguments, format);
    (void)vsnprintf(line + size, sizeof(line) - (size_t)size, format, arguments);
    va_end(arguments);
    accounts->report(accounts->context, line);
}

/* When the entity was made, from its own record; 0: that has no time. */
static int64_t read_made_at(const ProtobufCMessage *stored) {
    static const char *const names[] = {"created_at", "added_at", "granted_at"};
    const ProtobufCMessage *public_part = NULL;
    const ProtobufCFieldDescriptor *first = protobuf_c_message_descriptor_get_field(stored->descriptor, 1);
    if (first == NULL || first->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    memcpy(&public_part, (const char *)stored + first->offset, sizeof(public_part));
    for (size_t i = 0; public_part != NULL && i < sizeof(names) / sizeof(*names); i++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(public_part->descriptor, names[i]);
        int64_t made_at_s = 0;
        if (field == NULL || field->type != PROTOBUF_C_TYPE_INT64)
            continue;
        memcpy(&made_at_s, (const char *)public_part + field->offset, sizeof(made_at_s));
        return made_at_s;
    }
    return 0;
}

/* An entity that no kept entry lists. */
static enum sp_status judge_unlisted(struct accounts *accounts, struct sp_bytes key, struct sp_bytes value) {
    ProtobufCMessage *stored;
    if (!accounts->trimmed) {
        report_unaccounted(accounts, key, "no change lists it");
        return SP_OK;
    }
    enum sp_status status = sp_entity_decode(key, value, &accounts->arena, &stored);
    if (status != SP_OK)
        return status == SP_ERR_CORRUPT ? SP_OK : status; /* verify names damaged entities itself */
    if (accounts->first_time_s != 0 && read_made_at(stored) > accounts->first_time_s)
        report_unaccounted(accounts, key, "no change lists it, although it is newer than the oldest change kept");
    return SP_OK;
}

/* Entries of earlier releases show the public part only. */
static bool is_as_listed(const struct listing *listing, struct sp_bytes key, struct sp_bytes value) {
    struct sp_bytes part;
    uint8_t hash[SP_DIGEST_BYTES];
    if (!listing->hashed)
        return sp_stored_public_part(value, &part) == SP_OK && XXH3_64bits(part.data, part.size) == listing->content;
    sp_entity_hash(key, value, hash);
    return memcmp(hash, listing->hash, sizeof(hash)) == 0;
}

static enum sp_status judge_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct accounts *accounts = context;
    if (key.size == 0 || key.data[0] == SP_KIND_TOMBSTONE)
        return SP_OK;
    sp_arena_reset(&accounts->arena);
    struct listing *listing =
        find_listing_slot(accounts->slots, accounts->slot_count, XXH3_128bits(key.data, key.size));
    if (is_empty_slot(listing))
        return judge_unlisted(accounts, key, value);
    listing->met = true;
    if (listing->deleted)
        report_unaccounted(accounts, key, "the change of revision %" PRIu64 " deleted it, but it exists",
                           listing->revision);
    else if (!is_as_listed(listing, key, value))
        report_unaccounted(accounts, key, "it differs from its state after revision %" PRIu64, listing->revision);
    return SP_OK;
}

/* The trail is read again for their names: only hashes of the keys are kept. */
static enum sp_status report_missing(void *context, const Sallyport__V1__Change *change) {
    struct accounts *accounts = context;
    for (size_t i = 0; i < change->n_entities; i++) {
        struct sp_entity_key key;
        if (sp_entity_key_of_change(change->entities[i], &key) != SP_OK)
            return SP_ERR_CORRUPT;
        const struct listing *listing =
            find_listing_slot(accounts->slots, accounts->slot_count, XXH3_128bits(key.bytes, key.size));
        if (listing->deleted || listing->met || listing->revision != change->revision->number)
            continue;
        bool left_out = false;
        struct sp_bytes missing = {key.bytes, key.size};
        enum sp_status status = sp_view_is_unreadable(accounts->view, missing, &left_out);
        if (status != SP_OK)
            return status;
        if (!left_out)
            report_unaccounted(accounts, missing, "the change of revision %" PRIu64 " put it, but it does not exist",
                               listing->revision);
    }
    return SP_OK;
}

static bool has_missing_entity(const struct accounts *accounts) {
    for (size_t i = 0; i < accounts->slot_count; i++)
        if (!is_empty_slot(&accounts->slots[i]) && !accounts->slots[i].deleted && !accounts->slots[i].met)
            return true;
    return false;
}

/* ---- all ---- */

static enum sp_status compare_entities_with_trail(struct accounts *accounts) {
    enum sp_status status = sp_change_is_trimmed(accounts->view, &accounts->trimmed);
    if (status != SP_OK)
        return status;
    status = sp_change_walk(accounts->view, 0, &accounts->arena, note_entry, accounts);
    if (status != SP_OK)
        return status;
    status = sp_entity_walk(accounts->view, (struct sp_bytes){NULL, 0}, NULL, judge_entity, accounts);
    if (status != SP_OK || !has_missing_entity(accounts))
        return status;
    return sp_change_walk(accounts->view, 0, &accounts->arena, report_missing, accounts);
}

enum sp_status sp_view_find_unaccounted(struct sp_view *view, sp_verify_report *report, void *context,
                                        uint64_t *ret_count) {
    struct accounts accounts = {.view = view, .report = report, .context = context};
    enum sp_status status = sp_arena_init(&accounts.arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = grow_slots(&accounts);
    if (status == SP_OK)
        status = compare_entities_with_trail(&accounts);
    free(accounts.slots);
    sp_arena_fini(&accounts.arena);
    if (status != SP_OK)
        return status;
    *ret_count = accounts.count;
    return SP_OK;
}

enum sp_status sp_store_find_unaccounted(struct sp_store *store, sp_verify_report *report, void *context,
                                         uint64_t *ret_count, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store: every reader slot may be in use");
    status = sp_view_find_unaccounted(sp_snapshot_view(snapshot), report, context, ret_count);
    sp_snapshot_end(snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the audit trail: run `sallyport-sync verify`");
    return SP_OK;
}
