#include "source/follow/compare.h"

#include <inttypes.h>
#include <stdio.h>

#include "etcd/client.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/follow/page_walk.h"
#include "source/shared/head.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/records/snapshot.h"
#include "store/replica/cursor.h"
#include "store/replica/entity_sum.h"
#include "store/replica/walk.h"
#include "wire/wire.h"

enum { REPORTS_MAX = 100, DIFFERENCE_BYTES = 160, HEAD_FIRST_BYTES = 4096, HEAD_BUDGET_BYTES = 1 << 20 };

struct comparison {
    const struct sp_source_link *link;
    struct sp_view *view;
    struct sp_arena head_arena;
    struct sp_arena arena; /* of a page */
    struct sp_source_page_walk walk;
    size_t at; /* in the page */
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head;
    sp_source_report *report;
    void *context;
    uint64_t compared;
    uint64_t differences;
    struct sp_error *error;
};

static void report_difference(struct comparison *comparison, const char *what, struct sp_bytes name) {
    static const char *const spaces[] = {
        [SP_REPLICA_ENTITY] = "entity", [SP_REPLICA_CHANGE] = "change", [SP_REPLICA_REQUEST] = "request"};
    enum sp_replica_space space = comparison->walk.space;
    char text[DIFFERENCE_BYTES];
    char shown[SP_SOURCE_KEY_TEXT_BYTES];
    if (++comparison->differences > REPORTS_MAX || comparison->report == NULL)
        return;
    sp_source_show_key(name, shown);
    if (space == SP_REPLICA_CHANGE && name.size == 8)
        (void)snprintf(shown, sizeof(shown), "%" PRIu64, sp_load_be64(name.data));
    (void)snprintf(text, sizeof(text), "%s %s %s", spaces[space], shown, what);
    comparison->report(comparison->context, text);
}

/* ---- one page ---- */

/* Each store keeps its audit trail for as long as it is configured to, and expires idempotency
 * records by itself. */
static bool may_lack_in_store(const struct comparison *comparison) {
    return comparison->walk.space != SP_REPLICA_ENTITY;
}

static bool may_lack_in_etcd(const struct comparison *comparison, struct sp_bytes name) {
    if (comparison->walk.space == SP_REPLICA_CHANGE)
        return sp_load_be64(name.data) <= comparison->head->anchor_number;
    return comparison->walk.space == SP_REPLICA_REQUEST;
}

/* Reports what the page holds before `name` and the store does not; NULL: to the page's end. */
static void skip_page_records(struct comparison *comparison, const struct sp_bytes *name) {
    const struct sp_source_records *page = &comparison->walk.page;
    while (comparison->at < page->count &&
           (name == NULL || sp_bytes_compare(page->items[comparison->at].key, *name) < 0)) {
        struct sp_bytes missing = page->items[comparison->at++].key;
        if (!may_lack_in_store(comparison))
            report_difference(comparison, "exists only in etcd", missing);
    }
}

static enum sp_status compare_record(void *context, struct sp_bytes name, struct sp_bytes value) {
    struct comparison *comparison = context;
    const struct sp_source_page_walk *walk = &comparison->walk;
    if (walk->more && sp_bytes_compare(name, walk->until) > 0)
        return SP_WALK_END;
    comparison->compared++;
    skip_page_records(comparison, &name);
    if (comparison->at == walk->page.count || !sp_bytes_equal(walk->page.items[comparison->at].key, name)) {
        if (!may_lack_in_etcd(comparison, name))
            report_difference(comparison, "exists only in the store", name);
        return SP_OK;
    }
    if (!sp_bytes_equal(walk->page.items[comparison->at++].value, value))
        report_difference(comparison, "differs", name);
    return SP_OK;
}

static enum sp_status compare_page(struct comparison *comparison) {
    struct sp_source_page_walk *walk = &comparison->walk;
    enum sp_status status = sp_source_read_page(walk, &comparison->arena, comparison->error);
    if (status != SP_OK)
        return status;
    comparison->at = 0;
    status = sp_replica_walk(comparison->view, walk->space, walk->after, compare_record, comparison);
    if (status != SP_OK)
        return sp_error_set(comparison->error, status, "cannot read the store");
    skip_page_records(comparison, NULL);
    return sp_source_end_page(walk, comparison->error);
}

/* ---- everything ---- */

static enum sp_status compare_space(struct comparison *comparison, enum sp_replica_space space) {
    enum sp_status status =
        sp_source_begin_space(&comparison->walk, space, (struct sp_bytes){NULL, 0}, comparison->error);
    if (status != SP_OK)
        return status;
    while (comparison->walk.more) {
        status = compare_page(comparison);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status compare_spaces(struct comparison *comparison) {
    enum sp_status status = sp_source_read_cursor(comparison->view, &comparison->head_arena, &comparison->cursor,
                                                  &comparison->head, comparison->error);
    if (status != SP_OK)
        return status;
    /* Its places are being written to, and hold neither the old nor the new. */
    if (comparison->head->staged != NULL)
        return sp_error_set(comparison->error, SP_ERR_ABORTED,
                            "a large change is still being written to etcd; try again");
    comparison->walk.revision = comparison->cursor.resume;
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        status = compare_space(comparison, (enum sp_replica_space)space);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status check_view(struct sp_view *view, struct sp_arena *arena, bool *ret_fits, struct sp_error *error) {
    struct sp_replica_cursor cursor;
    struct sp_head own;
    Sallyport__Store__V1__SourceHead *head = NULL;
    enum sp_status status = sp_source_read_cursor(view, arena, &cursor, &head, error);
    if (status != SP_OK)
        return status;
    status = sp_view_check_entity_set(view, ret_fits);
    if (status == SP_OK)
        status = sp_view_head(view, &own);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store");
    struct sp_bytes own_set = {own.entity_set, sizeof(own.entity_set)};
    *ret_fits &= head->entity_set.len == 0 || sp_bytes_equal(sp_wire_bytes(head->entity_set), own_set);
    return SP_OK;
}

static enum sp_status compare_with_set(struct comparison *comparison) {
    bool fits = false;
    enum sp_status status = check_view(comparison->view, &comparison->head_arena, &fits, comparison->error);
    if (status != SP_OK || fits)
        return status;
    if (++comparison->differences <= REPORTS_MAX && comparison->report != NULL)
        comparison->report(comparison->context,
                           "the store's entities do not add up to the set that etcd's head commits to");
    return SP_OK;
}

static enum sp_status compare_snapshot(struct comparison *comparison) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_begin(comparison->link->shared->store, &snapshot);
    if (status != SP_OK)
        return sp_error_set(comparison->error, status, "cannot read the store");
    comparison->view = sp_snapshot_view(snapshot);
    status = compare_spaces(comparison);
    if (status == SP_OK)
        status = compare_with_set(comparison);
    sp_snapshot_end(snapshot);
    return status;
}

static enum sp_status init_comparison(struct comparison *comparison) {
    enum sp_status status = sp_arena_init(&comparison->head_arena, HEAD_FIRST_BYTES, HEAD_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&comparison->arena, SP_SOURCE_ARENA_FIRST_BYTES, SP_SOURCE_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    return sp_source_init_page_walk(&comparison->walk, comparison->link, 0);
}

enum sp_status sp_source_compare_all(const struct sp_source_link *link, sp_source_report *report, void *context,
                                     uint64_t *ret_compared, uint64_t *ret_differences, struct sp_error *error) {
    struct comparison comparison = {.link = link, .report = report, .context = context, .error = error};
    enum sp_status status = init_comparison(&comparison);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "out of memory");
        goto out;
    }
    sp_etcd_set_timeout(link->etcd, SP_SOURCE_PAGE_MS);
    status = compare_snapshot(&comparison);
    sp_etcd_set_timeout(link->etcd, 0);
    if (status != SP_OK)
        goto out;
    *ret_compared = comparison.compared;
    *ret_differences = comparison.differences;
out:
    sp_source_fini_page_walk(&comparison.walk);
    sp_arena_fini(&comparison.arena);
    sp_arena_fini(&comparison.head_arena);
    return status;
}

enum sp_status sp_source_check_store(const struct sp_source_link *link, bool *ret_fits, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, HEAD_FIRST_BYTES, HEAD_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_snapshot_begin(link->shared->store, &snapshot);
    if (status != SP_OK) {
        status = sp_error_set(error, status, "cannot read the store");
        goto out;
    }
    status = check_view(sp_snapshot_view(snapshot), &arena, ret_fits, error);
    sp_snapshot_end(snapshot);
out:
    sp_arena_fini(&arena);
    return status;
}
