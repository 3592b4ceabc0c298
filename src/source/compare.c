/* Comparing the store with the source at the revision that the store has: page by page beside one snapshot, both in the order
 * of their keys. Nothing waits for it. */
#include <inttypes.h>
#include <stdio.h>

#include "source/internal.h"
#include "store/records/snapshot.h"
#include "store/replica/walk.h"

enum { DIFFERENCES_TOLD = 100, DIFFERENCE_BYTES = 160 };

struct comparison {
    struct sp_source *source;
    struct sp_etcd *etcd;
    struct sp_view *view;
    struct sp_arena arena; /* of a page */
    struct sp_arena kept;  /* of a space */
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    sp_source_report *report;
    void *context;
    uint64_t compared;
    uint64_t differences;
    struct sp_error *error;
    /* The page, and how far the walk over the store has come in it. */
    enum sp_replica_space space;
    struct sp_source_records page;
    size_t at;
    struct sp_bytes until;
};

static int compare(struct sp_bytes a, struct sp_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    if (order != 0 || a.size == b.size)
        return order;
    return a.size < b.size ? -1 : 1;
}

static void find(struct comparison *comparison, const char *what, struct sp_bytes key) {
    static const char *const spaces[] = {
        [SP_REPLICA_ENTITY] = "entity", [SP_REPLICA_CHANGE] = "change", [SP_REPLICA_REQUEST] = "request"};
    char text[DIFFERENCE_BYTES];
    char name[SP_SOURCE_KEY_TEXT_BYTES];
    if (++comparison->differences > DIFFERENCES_TOLD || comparison->report == NULL)
        return;
    sp_source_show_key(key, name);
    if (comparison->space == SP_REPLICA_CHANGE && key.size == 8)
        (void)snprintf(name, sizeof name, "%" PRIu64, sp_load_be64(key.data));
    (void)snprintf(text, sizeof text, "%s %s %s", spaces[comparison->space], name, what);
    comparison->report(comparison->context, text);
}

/* ---- one page ---- */

/* Each store keeps its trail as long as it is told to, and lets idempotency records expire by itself. */
static bool may_be_missing(const struct comparison *comparison, struct sp_bytes key) {
    if (comparison->space == SP_REPLICA_REQUEST)
        return true;
    return comparison->space == SP_REPLICA_CHANGE && sp_load_be64(key.data) <= comparison->head->anchor_number;
}

static void pass_until(struct comparison *comparison, struct sp_bytes key) {
    while (comparison->at < comparison->page.count &&
           (key.data == NULL || compare(comparison->page.items[comparison->at].key, key) < 0)) {
        struct sp_bytes missing = comparison->page.items[comparison->at++].key;
        if (!may_be_missing(comparison, missing) && comparison->space != SP_REPLICA_CHANGE)
            find(comparison, "is in etcd only", missing);
    }
}

static enum sp_status visit(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct comparison *comparison = context;
    if (comparison->until.size > 0 && compare(key, comparison->until) > 0)
        return SP_WALK_END;
    comparison->compared++;
    pass_until(comparison, key);
    if (comparison->at == comparison->page.count || compare(comparison->page.items[comparison->at].key, key) != 0) {
        if (!may_be_missing(comparison, key))
            find(comparison, "is in the store only", key);
        return SP_OK;
    }
    if (compare(comparison->page.items[comparison->at++].value, value) != 0)
        find(comparison, "is not the same", key);
    return SP_OK;
}

static enum sp_status read_page(struct comparison *comparison, const struct sp_etcd_page *page, size_t count) {
    enum sp_status status = SP_OK;
    comparison->page = (struct sp_source_records){.arena = &comparison->arena};
    for (size_t i = 0; status == SP_OK && i < count; i++) {
        struct sp_source_key key = sp_source_key_read(comparison->source, page->kvs[i].key);
        status = sp_source_records_add(&comparison->page, &key, page->kvs[i].value, false);
    }
    return status;
}

/* Leaves a change that the page may have cut to the next one. */
static size_t whole_records(const struct comparison *comparison, const struct sp_etcd_page *page) {
    size_t count = page->count;
    if (!page->more || comparison->space != SP_REPLICA_CHANGE || count == 0)
        return count;
    struct sp_bytes last = sp_source_key_read(comparison->source, page->kvs[count - 1].key).name;
    while (count > 1 && compare(sp_source_key_read(comparison->source, page->kvs[count - 1].key).name, last) == 0)
        count--;
    return count;
}

struct place {
    struct sp_bytes next, end; /* keys of etcd */
    struct sp_bytes after;     /* the record before */
    bool more;
    uint64_t limit; /* of the next page */
};

static struct sp_bytes keep(struct comparison *comparison, struct sp_bytes bytes, size_t more) {
    uint8_t *copy = sp_arena_calloc(&comparison->kept, 1, bytes.size + more + 1);
    if (copy != NULL && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct sp_bytes){copy, bytes.size + more};
}

static struct sp_bytes space_end(struct comparison *comparison) {
    return sp_etcd_prefix_end(sp_source_key_space(comparison->source, comparison->space, &comparison->kept),
                              &comparison->kept);
}

static enum sp_status compare_page(struct comparison *comparison, struct place *place) {
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {
        .key = place->next, .end = place->end, .limit = place->limit, .revision = comparison->cursor.resume};
    sp_arena_reset(&comparison->arena);
    enum sp_status status = sp_etcd_get(comparison->etcd, &range, &comparison->arena, &page, comparison->error);
    if (status == SP_ERR_EXHAUSTED && place->limit > 1) {
        place->limit = sp_source_smaller_limit(place->limit);
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    uint64_t limit = sp_source_next_limit(place->limit, &page);
    size_t count = whole_records(comparison, &page);
    place->more = page.more && count > 0;
    comparison->until = (struct sp_bytes){NULL, 0};
    if (place->more)
        comparison->until = sp_source_key_read(comparison->source, page.kvs[count - 1].key).name;
    comparison->at = 0;
    status = read_page(comparison, &page, count);
    if (status == SP_OK)
        status = sp_replica_walk(comparison->view, comparison->space, place->after, visit, comparison);
    if (status != SP_OK)
        return sp_error_set(comparison->error, status, "the store cannot be compared");
    pass_until(comparison, (struct sp_bytes){NULL, 0});
    if (!place->more)
        return SP_OK;
    sp_arena_reset(&comparison->kept);
    *place = (struct place){.next = keep(comparison, page.kvs[count - 1].key, 1),
                            .after = keep(comparison, comparison->until, 0),
                            .end = space_end(comparison),
                            .more = true,
                            .limit = limit};
    return place->next.data == NULL || place->after.data == NULL || place->end.data == NULL
               ? sp_error_set(comparison->error, SP_ERR_MEMORY, "out of memory")
               : SP_OK;
}

static enum sp_status compare_space(struct comparison *comparison, enum sp_replica_space space) {
    comparison->space = space;
    sp_arena_reset(&comparison->kept);
    struct place place = {.next = sp_source_key_space(comparison->source, space, &comparison->kept),
                          .more = true,
                          .limit = SP_SOURCE_FIRST_PAGE};
    place.end = space_end(comparison);
    if (place.next.data == NULL || place.end.data == NULL)
        return sp_error_set(comparison->error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = SP_OK;
    while (status == SP_OK && place.more && !sp_source_is_stopping(comparison->source))
        status = compare_page(comparison, &place);
    return status;
}

/* ---- all ---- */

static enum sp_status compare_all(struct comparison *comparison, struct sp_arena *arena) {
    enum sp_status status = sp_view_replica(comparison->view, arena, &comparison->cursor, &comparison->head);
    if (status != SP_OK)
        return sp_error_set(comparison->error, status, "the store does not tell where in etcd it is");
    /* Its places are being written to: what is below them is neither the old nor the new. */
    if (comparison->head->staged != NULL)
        return sp_error_set(comparison->error, SP_ERR_OUT_OF_RANGE,
                            "a large change is on its way to its places: try again");
    for (int space = 0; status == SP_OK && space < SP_REPLICA_SPACES; space++)
        status = compare_space(comparison, (enum sp_replica_space)space);
    return status;
}

static enum sp_status compare_snapshot(struct comparison *comparison) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, 4096, 1 << 20);
    if (status != SP_OK)
        return sp_error_set(comparison->error, status, "out of memory");
    status = sp_snapshot_open(comparison->source->store, &snapshot);
    if (status == SP_OK)
        status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        comparison->view = sp_snapshot_view(snapshot);
        status = compare_all(comparison, &arena);
        sp_snapshot_release(snapshot);
    } else {
        sp_error_set(comparison->error, status, "the store cannot be read");
    }
    sp_snapshot_close(snapshot);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_source_compare(struct sp_source *source, sp_source_report *report, void *context,
                                 uint64_t *ret_compared, uint64_t *ret_differences, struct sp_error *error) {
    struct comparison comparison = {
        .source = source, .etcd = source->follow, .report = report, .context = context, .error = error};
    enum sp_status status = sp_arena_init(&comparison.arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status == SP_OK)
        status = sp_arena_init(&comparison.kept, 4096, 1 << 20);
    if (status != SP_OK) {
        sp_arena_fini(&comparison.arena);
        return sp_error_set(error, status, "out of memory");
    }
    sp_etcd_set_timeout(source->follow, SP_SOURCE_PAGE_MS);
    status = compare_snapshot(&comparison);
    sp_etcd_set_timeout(source->follow, 0);
    sp_arena_fini(&comparison.kept);
    sp_arena_fini(&comparison.arena);
    if (status != SP_OK)
        return status;
    *ret_compared = comparison.compared;
    *ret_differences = comparison.differences;
    return SP_OK;
}
