#include "store/replica/judge.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "core/digest.h"
#include "store/records/change_key.h"
#include "store/records/change_record.h"
#include "store/records/edit.h"
#include "store/records/entity_description.h"
#include "store/records/entity_set.h"
#include "store/replica/unreadable.h"
#include "wire/wire.h"

/* An entity as a new change lists it. */
struct listed {
    struct sp_bytes key; /* size 0: its kind is unknown to this release */
    const Sallyport__V1__EntityChange *change;
    size_t order;
};

struct judgement {
    struct sp_view *view;
    struct sp_arena *arena;
    struct sp_expander *expander;
    const Sallyport__Store__V1__SourceHead *head;
    struct sp_replica_record *records; /* sorted */
    size_t count;
    struct sp_head reached;  /* by the changes so far */
    struct listed *listings; /* sorted by key; the last listing of each */
    size_t listing_count, listing_capacity;
    struct sp_multiset_hash set;
    struct sp_error *error;
};

/* What a store holds of an entity: nothing, or its hash. */
struct standing {
    bool there;
    uint8_t hash[SP_DIGEST_BYTES];
};

static enum sp_status refuse_entity(const struct judgement *judgement, struct sp_bytes key, const char *why) {
    char name[SP_DESCRIPTION_BYTES];
    sp_entity_describe(key, name);
    return sp_error_set(judgement->error, SP_ERR_PRECONDITION, "%s: %s", name, why);
}

static enum sp_status report_judgement_memory(const struct judgement *judgement) {
    return sp_error_set(judgement->error, SP_ERR_MEMORY, "out of memory while checking data from etcd");
}

static enum sp_status find_standing(struct sp_view *view, struct sp_bytes key, struct standing *ret_standing) {
    struct sp_bytes stored;
    struct standing standing = {.there = true};
    enum sp_status status = SP_ERR_NOT_FOUND;
    if (sp_entity_key_is_valid(key))
        status = sp_view_get(view, SP_DB_ENTITY, key, &stored);
    if (status == SP_OK) {
        sp_entity_hash(key, stored, standing.hash);
        *ret_standing = standing;
        return SP_OK;
    }
    if (status != SP_ERR_NOT_FOUND)
        return status;
    status = sp_view_unreadable_hash(view, key, standing.hash);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    standing.there = status == SP_OK;
    *ret_standing = standing;
    return SP_OK;
}

static bool is_same_standing(const struct standing *a, const struct standing *b) {
    return a->there == b->there && (!a->there || memcmp(a->hash, b->hash, sizeof(a->hash)) == 0);
}

static struct standing standing_of_record(const struct sp_replica_record *record) {
    struct standing standing = {.there = !record->deleted};
    if (standing.there)
        sp_entity_hash(record->key, record->value, standing.hash);
    return standing;
}

/* ---- the new changes ---- */

static enum sp_status add_listing(struct judgement *judgement, const Sallyport__V1__EntityChange *change) {
    struct sp_entity_key key;
    struct listed listed = {.change = change, .order = judgement->listing_count};
    if (sp_entity_key_of_change(change, &key) == SP_OK) {
        uint8_t *copy = sp_arena_alloc(judgement->arena, key.size);
        if (copy == NULL)
            return report_judgement_memory(judgement);
        memcpy(copy, key.bytes, key.size);
        listed.key = (struct sp_bytes){copy, key.size};
    }
    struct listed *listings = sp_array_reserve_in(judgement->arena, judgement->listings, judgement->listing_count,
                                                  &judgement->listing_capacity, sizeof(*listings));
    if (listings == NULL)
        return report_judgement_memory(judgement);
    judgement->listings = listings;
    listings[judgement->listing_count++] = listed;
    return SP_OK;
}

static enum sp_status read_new_change(struct judgement *judgement, const struct sp_replica_record *record) {
    ProtobufCMessage *message = NULL;
    if (record->deleted || record->key.size != 8)
        return SP_OK;
    uint64_t number = sp_load_be64(record->key.data);
    if (number <= judgement->reached.revision.number)
        return SP_OK;
    if (number != judgement->reached.revision.number + 1 ||
        sp_change_follow(record->value, judgement->reached.last_hash) != SP_OK)
        return sp_error_set(judgement->error, SP_ERR_ABORTED,
                            "change %" PRIu64 " of the source does not continue this store's chain, which is at "
                            "%" PRIu64,
                            number, judgement->reached.revision.number);
    judgement->reached.revision.number = number;
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__change__descriptor, record->value, judgement->arena, &message, NULL);
    if (status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED)
        return report_judgement_memory(judgement);
    if (status != SP_OK)
        return sp_error_set(judgement->error, SP_ERR_PRECONDITION, "change %" PRIu64 " cannot be read", number);
    const Sallyport__V1__Change *change = (const Sallyport__V1__Change *)message;
    for (size_t i = 0; i < change->n_entities; i++) {
        status = add_listing(judgement, change->entities[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static int compare_listings(const void *a, const void *b) {
    const struct listed *left = a;
    const struct listed *right = b;
    int order = sp_bytes_compare(left->key, right->key);
    if (order != 0)
        return order;
    return left->order < right->order ? -1 : 1;
}

/* Only for kinds that this release knows: listings of others all stay. */
static void keep_last_listings(struct judgement *judgement) {
    size_t kept = 0;
    if (judgement->listing_count > 1)
        qsort(judgement->listings, judgement->listing_count, sizeof(*judgement->listings), compare_listings);
    for (size_t i = 0; i < judgement->listing_count; i++) {
        const struct listed *listed = &judgement->listings[i];
        bool last = i + 1 == judgement->listing_count || listed->key.size == 0 ||
                    !sp_bytes_equal(listed->key, judgement->listings[i + 1].key);
        if (last)
            judgement->listings[kept++] = *listed;
    }
    judgement->listing_count = kept;
}

static enum sp_status read_new_changes(struct judgement *judgement) {
    const Sallyport__Store__V1__SourceHead *head = judgement->head;
    for (size_t i = 0; i < judgement->count; i++) {
        if (judgement->records[i].space != SP_REPLICA_CHANGE)
            continue;
        enum sp_status status = read_new_change(judgement, &judgement->records[i]);
        if (status != SP_OK)
            return status;
    }
    struct sp_bytes reached = {judgement->reached.last_hash, sizeof(judgement->reached.last_hash)};
    if (judgement->reached.revision.number != head->number || !sp_bytes_equal(sp_wire_bytes(head->hash), reached))
        return sp_error_set(judgement->error, SP_ERR_ABORTED, "the source's head does not follow from its changes");
    keep_last_listings(judgement);
    return SP_OK;
}

/* ---- the entities ---- */

static const struct listed *find_listing(const struct judgement *judgement, struct sp_bytes key) {
    size_t low = 0;
    size_t high = judgement->listing_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sp_bytes_compare(judgement->listings[middle].key, key);
        if (order == 0)
            return key.size > 0 ? &judgement->listings[middle] : NULL;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* By its hash: names of kinds that this release does not know cannot be compared. */
static bool is_listed_unknown(const struct judgement *judgement, const uint8_t hash[static SP_DIGEST_BYTES]) {
    for (size_t i = 0; i < judgement->listing_count && judgement->listings[i].key.size == 0; i++) {
        struct sp_bytes listed = sp_wire_bytes(judgement->listings[i].change->entity_hash);
        if (sp_bytes_equal(listed, (struct sp_bytes){hash, SP_DIGEST_BYTES}))
            return true;
    }
    return false;
}

static bool fits_listing(const struct judgement *judgement, const struct listed *listed,
                         const struct standing *standing) {
    struct sp_bytes hash = sp_wire_bytes(listed->change->entity_hash);
    if (listed->change->deleted || !standing->there)
        return listed->change->deleted && !standing->there;
    if (hash.size == 0)
        return judgement->head->entity_set.len == 0;
    return sp_bytes_equal(hash, (struct sp_bytes){standing->hash, SP_DIGEST_BYTES});
}

static enum sp_status judge_unlisted_record(const struct judgement *judgement, struct sp_bytes key,
                                            const struct standing *before, const struct standing *after) {
    bool known = sp_entity_key_is_valid(key);
    if (known && key.data[0] == SP_KIND_TOMBSTONE)
        return SP_OK;
    if (!known && is_listed_unknown(judgement, after->there ? after->hash : before->hash))
        return SP_OK;
    return refuse_entity(judgement, key, "no new change lists it");
}

static enum sp_status judge_entity_record(struct judgement *judgement, const struct sp_replica_record *record) {
    struct standing before;
    struct standing after = standing_of_record(record);
    enum sp_status status = find_standing(judgement->view, record->key, &before);
    if (status != SP_OK)
        return sp_error_set(judgement->error, status, "cannot read the store");
    bool same = is_same_standing(&before, &after);
    const struct listed *listed = find_listing(judgement, record->key);
    if (listed != NULL && !fits_listing(judgement, listed, &after))
        return refuse_entity(judgement, record->key, "it differs from what the newest change that lists it recorded");
    if (same)
        return SP_OK;
    if (listed == NULL) {
        status = judge_unlisted_record(judgement, record->key, &before, &after);
        if (status != SP_OK)
            return status;
    }
    if (before.there)
        sp_multiset_hash_remove(&judgement->set, judgement->expander, before.hash);
    if (after.there)
        sp_multiset_hash_add(&judgement->set, judgement->expander, after.hash);
    return SP_OK;
}

static bool has_record_of_key(const struct judgement *judgement, struct sp_bytes key) {
    const struct sp_replica_record wanted = {.space = SP_REPLICA_ENTITY, .key = key};
    size_t low = 0;
    size_t high = judgement->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sp_replica_record_compare(&judgement->records[middle], &wanted);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* An entity that is listed and did not come must be here already. */
static enum sp_status judge_listing(const struct judgement *judgement, const struct listed *listed) {
    struct standing standing;
    if (listed->key.size == 0 || has_record_of_key(judgement, listed->key))
        return SP_OK;
    enum sp_status status = find_standing(judgement->view, listed->key, &standing);
    if (status != SP_OK)
        return sp_error_set(judgement->error, status, "cannot read the store");
    if (!fits_listing(judgement, listed, &standing))
        return refuse_entity(judgement, listed->key, "a new change lists it, but it is missing");
    return SP_OK;
}

static enum sp_status judge_entities(struct judgement *judgement) {
    for (size_t i = 0; i < judgement->count; i++) {
        if (judgement->records[i].space != SP_REPLICA_ENTITY)
            continue;
        enum sp_status status = judge_entity_record(judgement, &judgement->records[i]);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < judgement->listing_count; i++) {
        enum sp_status status = judge_listing(judgement, &judgement->listings[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status compare_with_head(const struct judgement *judgement) {
    struct sp_bytes wanted = sp_wire_bytes(judgement->head->entity_set);
    uint8_t digest[SP_DIGEST_BYTES];
    if (wanted.size == 0)
        return SP_OK;
    sp_multiset_hash_digest(&judgement->set, digest);
    if (sp_bytes_equal(wanted, (struct sp_bytes){digest, sizeof(digest)}))
        return SP_OK;
    return sp_error_set(judgement->error, SP_ERR_CORRUPT,
                        "the entities do not add up to the set that etcd's head commits to");
}

/* ---- all ---- */

static int compare_judged_records(const void *a, const void *b) {
    return sp_replica_record_compare(a, b);
}

/* Sorts a copy. A record that came twice could be judged one way and applied the other. */
static enum sp_status sort_records(struct judgement *judgement, const struct sp_replica_record *records) {
    size_t count = judgement->count;
    struct sp_replica_record *sorted = sp_arena_calloc(judgement->arena, count + 1, sizeof(*sorted));
    if (sorted == NULL)
        return report_judgement_memory(judgement);
    if (count > 0)
        memcpy(sorted, records, count * sizeof(*sorted));
    judgement->records = sorted;
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_judged_records);
    for (size_t i = 0; i + 1 < count; i++)
        if (sp_replica_record_compare(&sorted[i], &sorted[i + 1]) == 0)
            return sp_error_set(judgement->error, SP_ERR_PRECONDITION, "a record came twice");
    return SP_OK;
}

enum sp_status sp_replica_judge(struct sp_write *write, const struct sp_replica_record *records, size_t count,
                                const Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                struct sp_multiset_hash *ret_set, struct sp_error *error) {
    struct sp_view *view = &write->transaction.view;
    struct judgement judgement = {.view = view, .arena = arena, .head = head, .count = count, .error = error};
    judgement.expander = sp_write_expander(write);
    if (judgement.expander == NULL)
        return report_judgement_memory(&judgement);
    enum sp_status status = sp_view_head(view, &judgement.reached);
    if (status == SP_OK)
        status = sp_view_entity_set(view, &judgement.set);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store's set of entities is damaged");
    status = sort_records(&judgement, records);
    if (status != SP_OK)
        return status;
    status = read_new_changes(&judgement);
    if (status != SP_OK)
        return status;
    status = judge_entities(&judgement);
    if (status != SP_OK)
        return status;
    status = compare_with_head(&judgement);
    if (status != SP_OK)
        return status;
    *ret_set = judgement.set;
    return SP_OK;
}

enum sp_status sp_replica_take_entity_set(struct sp_write *write, const struct sp_multiset_hash *set) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    status = sp_write_entity_set(write, set, &head);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, &head);
}

/* ---- without a head ---- */

static enum sp_status alters_entity(struct sp_view *view, const struct sp_replica_record *record, bool *ret_alters) {
    struct standing before;
    struct standing after = standing_of_record(record);
    enum sp_status status = find_standing(view, record->key, &before);
    if (status != SP_OK)
        return status;
    *ret_alters = !is_same_standing(&before, &after);
    return SP_OK;
}

/* Stores trim their trails by themselves: deletions, and what is gone here, do not matter. */
static enum sp_status alters_change(struct sp_view *view, const struct sp_replica_record *record, bool *ret_alters) {
    struct sp_revision revision;
    struct sp_bytes stored;
    *ret_alters = false;
    if (record->deleted || record->key.size != 8)
        return SP_OK;
    enum sp_status status = sp_view_revision(view, &revision);
    if (status != SP_OK)
        return status;
    uint64_t number = sp_load_be64(record->key.data);
    status = sp_view_get(view, SP_DB_CHANGE, sp_number_key(&number), &stored);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_alters = status == SP_OK ? !sp_bytes_equal(stored, record->value) : number > revision.number;
    return SP_OK;
}

enum sp_status sp_replica_find_altering(struct sp_view *view, const struct sp_replica_record *records, size_t count,
                                        const struct sp_replica_record **ret_record) {
    for (size_t i = 0; i < count; i++) {
        bool alters = false;
        enum sp_status status = SP_OK;
        if (records[i].space == SP_REPLICA_ENTITY)
            status = alters_entity(view, &records[i], &alters);
        else if (records[i].space == SP_REPLICA_CHANGE)
            status = alters_change(view, &records[i], &alters);
        if (status != SP_OK)
            return status;
        if (alters) {
            *ret_record = &records[i];
            return SP_OK;
        }
    }
    *ret_record = NULL;
    return SP_OK;
}
