#include "source/follow/list.h"

#include <inttypes.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/log.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "source/follow/page_walk.h"
#include "source/follow/refuse.h"
#include "source/follow/unreadable.h"
#include "source/shared/head.h"
#include "source/shared/staged.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/records/write.h"
#include "store/replica/apply.h"
#include "store/replica/cursor.h"
#include "store/replica/entity_sum.h"
#include "store/replica/fill.h"
#include "store/replica/set_back.h"
#include "store/replica/source_head.h"
#include "store/replica/walk.h"

enum {
    LOG_EVERY = 100000,   /* records */
    COMMIT_EVERY = 10000, /* likewise, of a store that is being filled */
    HEAD_FIRST_BYTES = 4096,
    HEAD_BUDGET_BYTES = 1 << 20,
};

static const struct sp_bytes no_name = {NULL, 0};

struct listing {
    const struct sp_source_link *link;
    struct sp_arena head_arena;
    struct sp_arena arena; /* of a page */
    struct sp_source_page_walk walk;
    struct sp_source_found found;
    struct sp_write *write;
    struct sp_revision before; /* of the store */
    struct sp_replica_outcome outcome;
    bool filling; /* the store has no revision yet */
    bool chained; /* the store's changes are the beginning of the source's */
    size_t uncommitted;
    uint64_t listed;
    int64_t began_ms;
    struct sp_error *error;
};

static enum sp_status report_no_list_memory(struct listing *listing) {
    return sp_error_set(listing->error, SP_ERR_MEMORY, "out of memory while listing etcd");
}

/* ---- applying ---- */

static enum sp_status apply_listed_records(struct listing *listing, const struct sp_source_records *records,
                                           bool chained) {
    enum sp_status status =
        listing->filling
            ? sp_replica_apply_without_keys(listing->write, records->items, records->count, &listing->arena,
                                            sp_source_log_unreadable, NULL, &listing->outcome, listing->error)
            : sp_replica_apply(listing->write, records->items, records->count, chained, &listing->arena,
                               sp_source_log_unreadable, NULL, &listing->outcome, listing->error);
    if (status != SP_OK)
        return status;
    listing->uncommitted += records->count;
    if (!listing->filling || listing->uncommitted < COMMIT_EVERY)
        return SP_OK;
    listing->uncommitted = 0;
    struct sp_write *write = listing->write;
    listing->write = NULL;
    status = sp_write_commit(write, listing->error);
    if (status != SP_OK)
        return status;
    return sp_write_begin(listing->link->shared->store, &listing->write, listing->error);
}

/* ---- one page ---- */

/* What was trimmed away may still be in etcd for a while. */
static void drop_trimmed_changes(struct listing *listing, struct sp_source_records *page) {
    size_t kept = 0;
    if (listing->walk.space != SP_REPLICA_CHANGE)
        return;
    for (size_t i = 0; i < page->count; i++)
        if (sp_load_be64(page->items[i].key.data) > listing->found.head->anchor_number)
            page->items[kept++] = page->items[i];
    page->count = kept;
}

/* Finds what the store holds and the page does not. */
struct surplus {
    const struct sp_source_page_walk *walk;
    size_t at; /* in the page */
    struct sp_source_records deletions;
};

static enum sp_status collect_surplus(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct surplus *surplus = context;
    const struct sp_source_page_walk *walk = surplus->walk;
    const struct sp_source_records *page = &walk->page;
    (void)value;
    if (walk->more && sp_bytes_compare(key, walk->until) > 0)
        return SP_WALK_END;
    while (surplus->at < page->count && sp_bytes_compare(page->items[surplus->at].key, key) < 0)
        surplus->at++;
    if (surplus->at < page->count && sp_bytes_equal(page->items[surplus->at].key, key))
        return SP_OK;
    uint8_t *copy = sp_arena_alloc(surplus->deletions.arena, key.size);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    const struct sp_source_key name = {.kind = SP_SOURCE_RECORD_KEY, .space = walk->space, .name = {copy, key.size}};
    return sp_source_add_record(&surplus->deletions, &name, no_name, true);
}

static void log_progress(struct listing *listing, size_t more) {
    uint64_t before = listing->listed / LOG_EVERY;
    listing->listed += more;
    if (listing->listed / LOG_EVERY == before)
        return;
    int64_t ms = sp_clock_monotonic_ms() - listing->began_ms;
    sp_log(SP_LOG_INFO, "listed %" PRIu64 " records of etcd, %" PRIu64 " a second", listing->listed,
           listing->listed * 1000 / (uint64_t)(ms > 0 ? ms : 1));
}

/* `chained`: the page is only what the store lacks. */
static enum sp_status apply_page(struct listing *listing, bool chained) {
    struct sp_source_page_walk *walk = &listing->walk;
    struct surplus surplus = {.walk = walk, .deletions = {.arena = &listing->arena}};
    drop_trimmed_changes(listing, &walk->page);
    if (!chained) {
        enum sp_status status =
            sp_replica_walk(sp_write_view(listing->write), walk->space, walk->after, collect_surplus, &surplus);
        if (status != SP_OK)
            return sp_error_set(listing->error, status, "cannot read the store while listing etcd");
    }
    log_progress(listing, walk->page.count);
    if (surplus.deletions.count > 0) {
        enum sp_status status = apply_listed_records(listing, &surplus.deletions, false);
        if (status != SP_OK)
            return status;
    }
    return apply_listed_records(listing, &walk->page, chained);
}

static enum sp_status list_space(struct listing *listing, enum sp_replica_space space, struct sp_bytes after,
                                 bool chained) {
    enum sp_status status = sp_source_begin_space(&listing->walk, space, after, listing->error);
    if (status != SP_OK)
        return status;
    while (listing->walk.more) {
        status = sp_source_read_page(&listing->walk, &listing->arena, listing->error);
        if (status != SP_OK)
            return status;
        status = apply_page(listing, chained);
        if (status != SP_OK)
            return status;
        status = sp_source_end_page(&listing->walk, listing->error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- changes ---- */

struct newest_change {
    struct sp_bytes number;
    struct sp_arena *arena;
    struct sp_bytes value;
    bool found;
};

static enum sp_status copy_newest_change(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct newest_change *newest = context;
    if (!sp_bytes_equal(key, newest->number))
        return SP_WALK_END;
    uint8_t *copy = sp_arena_alloc(newest->arena, value.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, value.data, value.size);
    newest->value = (struct sp_bytes){copy, value.size};
    newest->found = true;
    return SP_WALK_END;
}

static enum sp_status get_change(struct listing *listing, struct sp_bytes number, struct sp_source_records *records) {
    struct sp_str prefix = listing->link->shared->prefix;
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {
        .key = sp_source_record_key(prefix, SP_REPLICA_CHANGE, number, 0, &listing->arena),
        .end = sp_source_record_key(prefix, SP_REPLICA_CHANGE, number, UINT32_MAX, &listing->arena),
        .revision = listing->found.header.revision,
    };
    if (range.key.data == NULL || range.end.data == NULL)
        return report_no_list_memory(listing);
    enum sp_status status = sp_etcd_get(listing->link->etcd, &range, &listing->arena, &page, listing->error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < page.count; i++) {
        struct sp_source_key key = sp_source_read_key(prefix, page.kvs[i].key);
        if (sp_source_add_record(records, &key, page.kvs[i].value, false) != SP_OK)
            return report_no_list_memory(listing);
    }
    return SP_OK;
}

/* Whether the source has the store's newest change as it is here: then, by the hash chain, it
 * has all changes before it too. */
static enum sp_status compare_newest_change(struct listing *listing, const uint8_t number[static 8],
                                            bool *ret_chained) {
    uint8_t before[8];
    sp_store_be64(before, sp_load_be64(number) - 1);
    struct newest_change newest = {.number = {number, 8}, .arena = &listing->arena};
    struct sp_source_records records = {.arena = &listing->arena};
    enum sp_status status = sp_replica_walk(sp_write_view(listing->write), SP_REPLICA_CHANGE,
                                            (struct sp_bytes){before, sizeof(before)}, copy_newest_change, &newest);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "cannot read the store while listing etcd");
    status = get_change(listing, newest.number, &records);
    if (status != SP_OK)
        return status;
    *ret_chained = newest.found && records.count == 1 && listing->found.head->anchor_number < sp_load_be64(number) &&
                   sp_bytes_equal(records.items[0].value, newest.value);
    return SP_OK;
}

static enum sp_status list_changes(struct listing *listing) {
    struct sp_revision revision;
    uint8_t number[8];
    enum sp_status status = sp_view_revision(sp_write_view(listing->write), &revision);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "the store's head is damaged");
    sp_store_be64(number, revision.number);
    sp_arena_reset(&listing->arena);
    if (revision.number > 0 && revision.number <= listing->found.head->number)
        status = compare_newest_change(listing, number, &listing->chained);
    if (status != SP_OK)
        return status;
    struct sp_bytes after = {number, listing->chained ? sizeof(number) : 0};
    return list_space(listing, SP_REPLICA_CHANGE, after, listing->chained);
}

/* ---- everything ---- */

static enum sp_status list_entity_space(struct listing *listing) {
    size_t unreadable = listing->outcome.unreadable;
    enum sp_status status = list_space(listing, SP_REPLICA_ENTITY, no_name, false);
    if (status != SP_OK || listing->outcome.unreadable == unreadable)
        return status;
    /* An entity may have contradicted one of a later page that is deleted by now. */
    return list_space(listing, SP_REPLICA_ENTITY, no_name, false);
}

static enum sp_status apply_staged_change(struct listing *listing) {
    struct sp_source_records records = {.arena = &listing->arena};
    if (listing->found.head->staged == NULL)
        return SP_OK;
    sp_arena_reset(&listing->arena);
    enum sp_status status = sp_source_read_staged_records(listing->link, listing->found.head->staged,
                                                          listing->found.header.revision, &records, listing->error);
    if (status != SP_OK)
        return status;
    return apply_listed_records(listing, &records, listing->chained);
}

static enum sp_status index_filled_keys(struct listing *listing) {
    if (!listing->filling)
        return SP_OK;
    return sp_replica_index_keys(listing->link->shared->store, &listing->write, &sp_replica_fill_sizes, &listing->arena,
                                 sp_source_log_unreadable, NULL, &listing->outcome, listing->error);
}

static enum sp_status refuse_listing(struct listing *listing) {
    sp_source_refuse(listing->link->shared, listing->found.header.revision, "the listing", listing->error->message);
    return SP_ERR_PRECONDITION;
}

static enum sp_status check_found_head(struct listing *listing) {
    const struct sp_source_shared *shared = listing->link->shared;
    enum sp_status status = sp_replica_check_head(listing->found.head, listing->error);
    if (status != SP_OK || shared->inspect_only)
        return status;
    status =
        sp_source_verify_head(shared->keys, shared->prefix, listing->found.head, &listing->head_arena, listing->error);
    return status == SP_ERR_PRECONDITION ? refuse_listing(listing) : status;
}

/* Whether the source's history goes on from this store's, as far as can be told. */
static bool continues_store(const struct listing *listing) {
    const Sallyport__Store__V1__SourceHead *head = listing->found.head;
    if (listing->before.number == 0 || listing->chained || head->epoch > listing->before.epoch)
        return true;
    return head->epoch == listing->before.epoch && head->anchor_number >= listing->before.number;
}

/* Whoever can write to etcd can put back an older state with its signature. */
static enum sp_status check_no_rollback(struct listing *listing) {
    const struct sp_source_shared *shared = listing->link->shared;
    if (!sp_signing_keys_can_verify(shared->keys) || shared->accept_rollback || continues_store(listing))
        return SP_OK;
    (void)sp_error_set(listing->error, SP_ERR_PRECONDITION,
                       "it is older than this store, or has a different history; if etcd was restored from a backup, "
                       "start one instance that makes changes with --accept-source-rollback");
    return refuse_listing(listing);
}

/* If the source is behind what this store once had, it was restored from a backup, and assigns
 * numbers a second time. */
static bool is_found_head_older(const struct listing *listing) {
    return listing->before.number != 0 && !listing->chained && listing->found.head->epoch <= listing->before.epoch;
}

static void announce_set_back(const struct listing *listing, struct sp_revision newest) {
    sp_log(SP_LOG_WARNING,
           "etcd's state does not continue this store's: etcd was restored from a backup, or holds another "
           "store");
    if (listing->link->shared->follow_only)
        sp_log(SP_LOG_ERROR,
               "this instance had revision %" PRIu64 " of epoch %" PRIu64
               ", and etcd is behind that: unless an instance that makes changes begins a new epoch by itself, run "
               "`sallyport-sync epoch begin`; until then, calls with a `min_revision` up to that are refused here; see "
               "docs/etcd.md",
               newest.number, newest.epoch);
    sp_source_set_restored_epoch(listing->link->shared, newest.epoch);
}

/* Everything that was listed must add up to what the head commits to. */
static enum sp_status take_listed_head(struct listing *listing, const struct sp_replica_cursor *cursor) {
    enum sp_status status = sp_write_recount_entities(listing->write);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "cannot compute the sum of the listed entities");
    if (listing->link->shared->inspect_only) { /* as a head that commits to nothing */
        listing->found.head->format = SP_STORE_OLDEST_FORMAT;
        listing->found.head->entity_set.len = 0;
    }
    status = sp_replica_take_head(listing->write, listing->found.head, cursor, listing->chained, listing->error);
    return status == SP_ERR_CORRUPT || status == SP_ERR_ABORTED ? refuse_listing(listing) : status;
}

static enum sp_status commit_listing(struct listing *listing) {
    struct sp_source_shared *shared = listing->link->shared;
    const struct sp_replica_cursor cursor = {.cluster_id = listing->found.header.cluster_id,
                                             .revision = listing->found.header.revision,
                                             .head_revision = listing->found.head_revision,
                                             .resume = listing->found.header.revision};
    struct sp_revision set_back = {0};
    enum sp_status status = take_listed_head(listing, &cursor);
    if (status != SP_OK)
        return status;
    if (is_found_head_older(listing))
        status = sp_replica_note_set_back(listing->write, listing->before, &set_back);
    if (status == SP_OK)
        status = sp_write_synced_at(listing->write, sp_clock_now_s());
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "cannot write the store");
    sp_source_count_unreadable(shared, sp_write_view(listing->write));
    struct sp_write *write = listing->write;
    listing->write = NULL;
    status = sp_write_commit(write, listing->error);
    if (status != SP_OK)
        return status;
    if (set_back.number > 0)
        announce_set_back(listing, set_back);
    sp_source_replace_head(shared, cursor.head_revision);
    sp_log(SP_LOG_INFO,
           "listed %" PRIu64 " records of etcd at its revision %" PRIu64 " in %" PRId64
           " ms: %zu differed; revision %" PRIu64 " of epoch %" PRIu64,
           listing->listed, cursor.revision, sp_clock_monotonic_ms() - listing->began_ms, listing->outcome.changed,
           listing->found.head->number, listing->found.head->epoch);
    return SP_OK;
}

static enum sp_status list_into_write(struct listing *listing) {
    /* The store is not locked before etcd is known to answer. */
    enum sp_status status = sp_source_ask_head(listing->link, &listing->head_arena, &listing->found, listing->error);
    if (status != SP_OK)
        return status;
    status = sp_write_begin(listing->link->shared->store, &listing->write, listing->error);
    if (status != SP_OK)
        return status;
    /* Again: whoever had the lock may have made a change since. */
    status = sp_source_ask_head(listing->link, &listing->head_arena, &listing->found, listing->error);
    if (status != SP_OK)
        return status;
    status = check_found_head(listing);
    if (status != SP_OK)
        return status;
    sp_log(SP_LOG_INFO, "listing etcd (%s)", sp_etcd_endpoint(listing->link->etcd));
    listing->walk.revision = listing->found.header.revision;
    status = sp_view_revision(sp_write_view(listing->write), &listing->before);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "the store's head is damaged");
    listing->filling = listing->before.number == 0;
    status = list_entity_space(listing);
    if (status != SP_OK)
        return status;
    status = list_changes(listing);
    if (status != SP_OK)
        return status;
    status = check_no_rollback(listing);
    if (status != SP_OK)
        return status;
    status = list_space(listing, SP_REPLICA_REQUEST, no_name, false);
    if (status != SP_OK)
        return status;
    status = apply_staged_change(listing);
    if (status != SP_OK)
        return status;
    status = index_filled_keys(listing);
    if (status != SP_OK)
        return status;
    return commit_listing(listing);
}

static enum sp_status init_listing(struct listing *listing) {
    enum sp_status status = sp_arena_init(&listing->head_arena, HEAD_FIRST_BYTES, HEAD_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&listing->arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    return sp_source_init_page_walk(&listing->walk, listing->link, 0);
}

enum sp_status sp_source_list_all(const struct sp_source_link *link, struct sp_error *error) {
    struct listing listing = {.link = link, .began_ms = sp_clock_monotonic_ms(), .error = error};
    enum sp_status status = init_listing(&listing);
    if (status != SP_OK) {
        status = report_no_list_memory(&listing);
        goto out;
    }
    sp_etcd_set_timeout(link->etcd, SP_SOURCE_PAGE_MS);
    status = list_into_write(&listing);
    sp_etcd_set_timeout(link->etcd, 0);
    sp_write_abort(listing.write);
out:
    sp_source_fini_page_walk(&listing.walk);
    sp_arena_fini(&listing.arena);
    sp_arena_fini(&listing.head_arena);
    /* The process would keep what the pages took for as long as it lives. */
    (void)malloc_trim(0);
    return status;
}
