/* Listing the whole source into the store: pages at one revision, compared with what is there, in one transaction. A store that
 * nobody reads yet (it has no revision) is filled in several, because very large ones cost LMDB much. */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/internal.h"
#include "store/records/head.h"
#include "store/replica/apply.h"
#include "store/replica/source_head.h"
#include "store/replica/walk.h"

enum { SAY_EVERY = 100000, COMMIT_EVERY = 10000 };

struct listing {
    struct sp_source *source;
    struct sp_arena arena; /* of a page */
    struct sp_arena kept;  /* of the whole listing */
    struct sp_source_found found;
    struct sp_write *write;
    struct sp_replica_outcome outcome;
    bool filling; /* the store has no revision yet */
    bool chained; /* its changes are a beginning of the source's */
    size_t uncommitted;
    uint64_t listed;
    int64_t began_ms;
    struct sp_error *error;
};

static enum sp_status no_memory(struct listing *listing) {
    return sp_error_set(listing->error, SP_ERR_MEMORY, "out of memory while listing etcd");
}

/* ---- one page ---- */

/* What the store has between two keys and the page has not. */
struct surplus {
    struct sp_source_records *records;
    const struct sp_replica_record *page;
    size_t page_count;
    size_t at;
    enum sp_replica_space space;
    struct sp_bytes until; /* the page's last; size 0: no end */
};

static int compare(struct sp_bytes a, struct sp_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    if (order != 0 || a.size == b.size)
        return order;
    return a.size < b.size ? -1 : 1;
}

static enum sp_status find_surplus(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct surplus *surplus = context;
    (void)value;
    if (surplus->until.size > 0 && compare(key, surplus->until) > 0)
        return SP_WALK_END;
    while (surplus->at < surplus->page_count && compare(surplus->page[surplus->at].key, key) < 0)
        surplus->at++;
    if (surplus->at < surplus->page_count && compare(surplus->page[surplus->at].key, key) == 0)
        return SP_OK;
    uint8_t *copy = sp_arena_alloc(surplus->records->arena, key.size);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    const struct sp_source_key name = {.place = SP_SOURCE_RECORD, .space = surplus->space, .name = {copy, key.size}};
    return sp_source_records_add(surplus->records, &name, (struct sp_bytes){NULL, 0}, true);
}

static bool is_of_interest(const struct listing *listing, const struct sp_source_key *key) {
    if (key->place != SP_SOURCE_RECORD)
        return false;
    /* What was trimmed away may still be there for a while. */
    return key->space != SP_REPLICA_CHANGE || sp_load_be64(key->name.data) > listing->found.head->anchor_number;
}

static enum sp_status read_page(struct listing *listing, const struct sp_etcd_page *page,
                                struct sp_source_records *records) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < page->count; i++) {
        struct sp_source_key key = sp_source_key_read(listing->source, page->kvs[i].key);
        if (is_of_interest(listing, &key))
            status = sp_source_records_add(records, &key, page->kvs[i].value, false);
    }
    return status;
}

static void say_progress(struct listing *listing, size_t more) {
    uint64_t before = listing->listed / SAY_EVERY;
    listing->listed += more;
    if (listing->listed / SAY_EVERY == before)
        return;
    int64_t ms = sp_clock_monotonic_ms() - listing->began_ms;
    sp_log(SP_LOG_INFO, "listed %" PRIu64 " records of etcd, %" PRIu64 " a second", listing->listed,
           listing->listed * 1000 / (uint64_t)(ms > 0 ? ms : 1));
}

static enum sp_status begin_write(struct listing *listing) {
    return sp_write_begin(listing->source->store, &listing->write, listing->error);
}

/* While the store is being filled. */
static enum sp_status commit_some(struct listing *listing) {
    if (!listing->filling || listing->uncommitted < COMMIT_EVERY)
        return SP_OK;
    listing->uncommitted = 0;
    struct sp_write *write = listing->write;
    listing->write = NULL;
    enum sp_status status = sp_write_commit(write, listing->error);
    return status == SP_OK ? begin_write(listing) : status;
}

static enum sp_status apply_records(struct listing *listing, struct sp_source_records *records, bool chained) {
    enum sp_status status =
        sp_replica_apply(listing->write, records->items, records->count, chained, &listing->arena,
                         sp_source_report_unreadable, listing->source, &listing->outcome, listing->error);
    listing->uncommitted += records->count;
    return status == SP_OK ? commit_some(listing) : status;
}

/* ---- a space ---- */

struct walk {
    enum sp_replica_space space;
    struct sp_bytes next;  /* the key in etcd that the next page begins with */
    struct sp_bytes end;   /* after the space */
    struct sp_bytes after; /* the record before it */
    bool chained;          /* of changes: only those that the store lacks */
    bool more;
    uint64_t limit; /* of the next page */
};

static struct sp_bytes keep(struct listing *listing, struct sp_bytes bytes, size_t more) {
    uint8_t *copy = sp_arena_calloc(&listing->kept, 1, bytes.size + more + 1);
    if (copy != NULL && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct sp_bytes){copy, bytes.size + more};
}

/* A page that may end within a change gives that one to the next page. */
static void cut_half_change(const struct listing *listing, struct sp_etcd_page *page) {
    if (!page->more || page->count == 0)
        return;
    size_t count = page->count - 1;
    struct sp_source_key last = sp_source_key_read(listing->source, page->kvs[count].key);
    while (count > 0) {
        struct sp_source_key key = sp_source_key_read(listing->source, page->kvs[count - 1].key);
        if (compare(key.name, last.name) != 0)
            break;
        count--;
    }
    if (count > 0)
        page->count = count;
}

/* Remembers in the listing's own memory, of which the former pages' keys are the caller's to forget. */
static enum sp_status move_on(struct listing *listing, struct walk *walk, const struct sp_etcd_page *page) {
    walk->more = page->more && page->count > 0;
    if (!walk->more)
        return SP_OK;
    struct sp_bytes last = page->kvs[page->count - 1].key;
    struct sp_source_key key = sp_source_key_read(listing->source, last);
    sp_arena_reset(&listing->kept);
    walk->next = keep(listing, last, 1);
    walk->after = keep(listing, key.name, 0);
    walk->end = sp_etcd_prefix_end(sp_source_key_space(listing->source, walk->space, &listing->kept), &listing->kept);
    return walk->next.data == NULL || walk->after.data == NULL || walk->end.data == NULL ? no_memory(listing) : SP_OK;
}

static enum sp_status diff_page(struct listing *listing, const struct walk *walk, const struct sp_etcd_page *page) {
    struct sp_source_records records = {.arena = &listing->arena};
    struct sp_source_records all = {.arena = &listing->arena};
    enum sp_status status = read_page(listing, page, &records);
    if (status != SP_OK)
        return no_memory(listing);
    struct surplus surplus = {
        .records = &all, .page = records.items, .page_count = records.count, .space = walk->space};
    if (page->more && page->count > 0)
        surplus.until = sp_source_key_read(listing->source, page->kvs[page->count - 1].key).name;
    if (!walk->chained && !(listing->filling && listing->listed == 0 && !page->more && page->count == 0))
        status = sp_replica_walk(sp_write_view(listing->write), walk->space, walk->after, find_surplus, &surplus);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "the store cannot be read while etcd is listed");
    say_progress(listing, records.count);
    if (all.count > 0)
        status = apply_records(listing, &all, false);
    return status == SP_OK ? apply_records(listing, &records, walk->chained) : status;
}

static enum sp_status list_page(struct listing *listing, struct walk *walk) {
    struct sp_etcd_page page;
    sp_arena_reset(&listing->arena);
    const struct sp_etcd_range range = {
        .key = walk->next, .end = walk->end, .limit = walk->limit, .revision = listing->found.header.revision};
    enum sp_status status = sp_etcd_get(listing->source->follow, &range, &listing->arena, &page, listing->error);
    if (status == SP_ERR_EXHAUSTED && walk->limit > 1) {
        walk->limit = sp_source_smaller_limit(walk->limit);
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    sp_source_reached(listing->source);
    walk->limit = sp_source_next_limit(walk->limit, &page);
    if (walk->space == SP_REPLICA_CHANGE)
        cut_half_change(listing, &page);
    status = diff_page(listing, walk, &page);
    return status == SP_OK ? move_on(listing, walk, &page) : status;
}

static enum sp_status list_space(struct listing *listing, enum sp_replica_space space, struct sp_bytes after,
                                 bool chained) {
    sp_arena_reset(&listing->kept);
    struct sp_bytes prefix = sp_source_key_space(listing->source, space, &listing->kept);
    struct walk walk = {.space = space,
                        .next = prefix,
                        .after = after,
                        .chained = chained,
                        .more = true,
                        .limit = SP_SOURCE_FIRST_PAGE};
    if (prefix.data != NULL)
        walk.end = sp_etcd_prefix_end(prefix, &listing->kept);
    if (after.size > 0)
        walk.next = sp_source_key_record(listing->source, space, after, UINT32_MAX, &listing->kept);
    if (walk.end.data == NULL || walk.next.data == NULL)
        return no_memory(listing);
    enum sp_status status = SP_OK;
    while (status == SP_OK && walk.more && !sp_source_is_stopping(listing->source))
        status = list_page(listing, &walk);
    if (status == SP_OK && walk.more)
        return sp_error_set(listing->error, SP_ERR_CANCELLED, "stopping");
    return status;
}

/* ---- changes ---- */

struct own_change {
    struct sp_bytes wanted;
    struct sp_arena *arena;
    struct sp_bytes value;
    bool found;
};

static enum sp_status find_own(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct own_change *own = context;
    own->found = compare(key, own->wanted) == 0;
    uint8_t *copy = own->found ? sp_arena_alloc(own->arena, value.size + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, value.data, value.size);
        own->value = (struct sp_bytes){copy, value.size};
    }
    return SP_WALK_END;
}

/* Whether the source has the store's newest change as it is here: then it has all before it too, by the chain. */
static enum sp_status is_continued(struct listing *listing, const uint8_t number[static 8], bool *ret_continued) {
    uint8_t before[8];
    sp_store_be64(before, sp_load_be64(number) - 1);
    struct own_change own = {.wanted = {number, 8}, .arena = &listing->arena};
    struct sp_source_records records = {.arena = &listing->arena};
    struct sp_etcd_page page;
    struct sp_etcd_range range = {
        .key = sp_source_key_record(listing->source, SP_REPLICA_CHANGE, own.wanted, 0, &listing->arena),
        .end = sp_source_key_record(listing->source, SP_REPLICA_CHANGE, own.wanted, UINT32_MAX, &listing->arena),
        .revision = listing->found.header.revision,
    };
    if (range.key.data == NULL || range.end.data == NULL)
        return no_memory(listing);
    enum sp_status status = sp_replica_walk(sp_write_view(listing->write), SP_REPLICA_CHANGE,
                                            (struct sp_bytes){before, sizeof before}, find_own, &own);
    if (status == SP_OK)
        status = sp_etcd_get(listing->source->follow, &range, &listing->arena, &page, listing->error);
    if (status == SP_OK)
        status = read_page(listing, &page, &records);
    if (status == SP_OK)
        *ret_continued = own.found && records.count == 1 && compare(records.items[0].value, own.value) == 0;
    return status;
}

static enum sp_status list_changes(struct listing *listing) {
    struct sp_revision revision;
    uint8_t number[8];
    enum sp_status status = sp_view_revision(sp_write_view(listing->write), &revision);
    if (status != SP_OK)
        return sp_error_set(listing->error, status, "the store's head is damaged");
    sp_store_be64(number, revision.number);
    sp_arena_reset(&listing->arena);
    if (revision.number > 0)
        status = is_continued(listing, number, &listing->chained);
    if (status != SP_OK)
        return status;
    struct sp_bytes after = {number, listing->chained ? sizeof number : 0};
    return list_space(listing, SP_REPLICA_CHANGE, after, listing->chained);
}

/* ---- all ---- */

static enum sp_status apply_staged(struct listing *listing) {
    struct sp_source_operations operations = {.arena = &listing->arena};
    struct sp_source_records records = {.arena = &listing->arena};
    const Sallyport__Store__V1__StagedChange *staged = listing->found.head->staged;
    if (staged == NULL)
        return SP_OK;
    sp_arena_reset(&listing->arena);
    enum sp_status status =
        sp_source_read_staged(listing->source, listing->source->follow, staged, listing->found.header.revision,
                              &listing->arena, &operations, listing->error);
    for (size_t i = 0; status == SP_OK && i < operations.count; i++) {
        struct sp_source_key key = sp_source_key_read(listing->source, operations.items[i].key);
        status = sp_source_records_add(&records, &key, operations.items[i].value,
                                       operations.items[i].what == SP_ETCD_DELETE);
    }
    return status == SP_OK ? apply_records(listing, &records, listing->chained) : status;
}

static enum sp_status list_entities(struct listing *listing) {
    size_t left_out = listing->outcome.unreadable;
    enum sp_status status = list_space(listing, SP_REPLICA_ENTITY, (struct sp_bytes){NULL, 0}, false);
    /* What contradicted an entity of a later page, which has gone by now, does so no more. */
    if (status == SP_OK && listing->outcome.unreadable > left_out)
        status = list_space(listing, SP_REPLICA_ENTITY, (struct sp_bytes){NULL, 0}, false);
    return status;
}

static enum sp_status list_all(struct listing *listing) {
    enum sp_status status = list_entities(listing);
    if (status == SP_OK)
        status = list_changes(listing);
    if (status == SP_OK)
        status = list_space(listing, SP_REPLICA_REQUEST, (struct sp_bytes){NULL, 0}, false);
    if (status == SP_OK)
        status = apply_staged(listing);
    return status;
}

/* A source that is behind what this store once had was restored from a backup: numbers are given a second time. */
static void look_for_restored(struct listing *listing, struct sp_revision before) {
    const Sallyport__Store__V1__SourceHead *head = listing->found.head;
    if (before.number == 0 || listing->chained || head->epoch > before.epoch)
        return;
    struct sp_source *source = listing->source;
    sp_log(SP_LOG_WARNING,
           "etcd's state is not a later one of this store's: it was restored from a backup, or is another store");
    pthread_mutex_lock(&source->lock);
    source->new_epoch = before.epoch;
    pthread_mutex_unlock(&source->lock);
}

static enum sp_status finish(struct listing *listing, struct sp_revision before) {
    const struct sp_replica_cursor cursor = {listing->found.header.cluster_id, listing->found.header.revision,
                                             listing->found.head_revision, listing->found.header.revision};
    enum sp_status status =
        sp_replica_take_head(listing->write, listing->found.head, &cursor, listing->chained, listing->error);
    if (status == SP_OK)
        status = sp_write_synced_at(listing->write, sp_clock_now_s());
    if (status != SP_OK)
        return status;
    struct sp_write *write = listing->write;
    listing->write = NULL;
    sp_source_count_unreadable(listing->source, sp_write_view(write));
    status = sp_write_commit(write, listing->error);
    if (status != SP_OK)
        return status;
    look_for_restored(listing, before);
    sp_source_reset_head(listing->source, cursor.head_revision);
    sp_log(SP_LOG_INFO,
           "listed %" PRIu64 " records of etcd at its revision %" PRIu64 " in %" PRId64
           " ms: %zu differed; revision %" PRIu64 " of epoch %" PRIu64,
           listing->listed, cursor.revision, sp_clock_monotonic_ms() - listing->began_ms, listing->outcome.changed,
           listing->found.head->number, listing->found.head->epoch);
    return SP_OK;
}

static enum sp_status list(struct listing *listing) {
    struct sp_arena head_arena;
    struct sp_revision before = {0};
    enum sp_status status = sp_arena_init(&head_arena, 4096, 1 << 20);
    if (status != SP_OK)
        return no_memory(listing);
    status = sp_source_ask_head(listing->source, listing->source->follow, &head_arena, &listing->found, listing->error);
    if (status == SP_OK)
        status = begin_write(listing);
    if (status == SP_OK)
        status = sp_view_revision(sp_write_view(listing->write), &before);
    listing->filling = before.number == 0;
    if (status == SP_OK)
        status = list_all(listing);
    if (status == SP_OK)
        status = finish(listing, before);
    sp_write_abort(listing->write);
    sp_arena_fini(&head_arena);
    return status;
}

enum sp_status sp_source_list(struct sp_source *source, struct sp_error *error) {
    struct listing listing = {.source = source, .began_ms = sp_clock_monotonic_ms(), .error = error};
    enum sp_status status = sp_arena_init(&listing.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status == SP_OK)
        status = sp_arena_init(&listing.kept, 4096, 1 << 20);
    if (status != SP_OK) {
        sp_arena_fini(&listing.arena);
        return no_memory(&listing);
    }
    sp_log(SP_LOG_INFO, "listing etcd (%s)", sp_etcd_endpoint(source->follow));
    sp_etcd_set_timeout(source->follow, SP_SOURCE_PAGE_MS);
    status = list(&listing);
    sp_etcd_set_timeout(source->follow, 0);
    sp_arena_fini(&listing.kept);
    sp_arena_fini(&listing.arena);
    /* What the pages took would else be kept for as long as the process lives. */
    (void)malloc_trim(0);
    return status;
}
