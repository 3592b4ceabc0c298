#include "source/follow/page_walk.h"

#include "etcd/kv.h"
#include "store/records/journal.h"

enum {
    FIRST_PAGE = 2000,
    PAGE_MAX = 20000,
    SMALL_PAGE_BYTES = 4 << 20,
    LARGE_PAGE_BYTES = 16 << 20,
    KEPT_FIRST_BYTES = 4096,
    KEPT_BUDGET_BYTES = 1 << 20,
};

static enum sp_status report_no_walk_memory(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_MEMORY, "out of memory while reading records from etcd");
}

enum sp_status sp_source_init_page_walk(struct sp_source_page_walk *walk, const struct sp_source_link *link,
                                        uint64_t revision) {
    *walk = (struct sp_source_page_walk){.link = link, .revision = revision};
    return sp_arena_init(&walk->kept, KEPT_FIRST_BYTES, KEPT_BUDGET_BYTES);
}

void sp_source_fini_page_walk(struct sp_source_page_walk *walk) {
    sp_arena_fini(&walk->kept);
}

/* The key after all of the space, in `kept`; NULL data: out of memory. */
static struct sp_bytes make_space_end(struct sp_source_page_walk *walk) {
    struct sp_bytes prefix = sp_source_space_key(walk->link->shared->prefix, walk->space, &walk->kept);
    if (prefix.data == NULL)
        return prefix;
    return sp_etcd_prefix_end(prefix, &walk->kept);
}

enum sp_status sp_source_begin_space(struct sp_source_page_walk *walk, enum sp_replica_space space,
                                     struct sp_bytes after, struct sp_error *error) {
    struct sp_str prefix = walk->link->shared->prefix;
    sp_arena_reset(&walk->kept);
    walk->space = space;
    walk->after = after;
    walk->more = true;
    walk->limit = FIRST_PAGE;
    walk->next_key = after.size > 0 ? sp_source_record_key(prefix, space, after, UINT32_MAX, &walk->kept)
                                    : sp_source_space_key(prefix, space, &walk->kept);
    walk->end_key = make_space_end(walk);
    if (walk->next_key.data == NULL || walk->end_key.data == NULL)
        return report_no_walk_memory(error);
    return SP_OK;
}

/* etcd 3.4 examines everything left of a range for each page, so pages are large, but bounded in
 * bytes. */
static uint64_t choose_limit(uint64_t limit, const struct sp_etcd_page *page) {
    size_t bytes = 0;
    for (size_t i = 0; i < page->count; i++)
        bytes += page->kvs[i].key.size + page->kvs[i].value.size;
    if (bytes < SMALL_PAGE_BYTES && page->count >= limit)
        return limit * 2 < PAGE_MAX ? limit * 2 : PAGE_MAX;
    return bytes > LARGE_PAGE_BYTES && limit > 1 ? limit / 2 : limit;
}

static struct sp_source_key read_page_key(const struct sp_source_page_walk *walk, const struct sp_etcd_page *page,
                                          size_t at) {
    return sp_source_read_key(walk->link->shared->prefix, page->kvs[at].key);
}

/* How many of a page's keys belong to complete records. The last change of a page may continue
 * on the next one. */
static size_t count_complete(const struct sp_source_page_walk *walk, const struct sp_etcd_page *page) {
    size_t count = page->count;
    if (!page->more || walk->space != SP_REPLICA_CHANGE)
        return count;
    while (count > 0 && read_page_key(walk, page, count - 1).kind != SP_SOURCE_RECORD_KEY)
        count--;
    if (count == 0)
        return page->count;
    struct sp_bytes last = read_page_key(walk, page, count - 1).name;
    for (; count > 0; count--) {
        struct sp_source_key key = read_page_key(walk, page, count - 1);
        if (key.kind == SP_SOURCE_RECORD_KEY && !sp_bytes_equal(key.name, last))
            break;
    }
    return count;
}

/* Asks for fewer keys if the answer is too large, and for more if it holds no complete record. */
static enum sp_status fetch_complete_page(struct sp_source_page_walk *walk, struct sp_arena *arena,
                                          struct sp_etcd_page *ret_page, size_t *ret_complete, struct sp_error *error) {
    bool growing = false;
    for (;;) {
        const struct sp_etcd_range range = {
            .key = walk->next_key, .end = walk->end_key, .limit = walk->limit, .revision = walk->revision};
        if (sp_source_is_stopping(walk->link->shared))
            return sp_error_set(error, SP_ERR_CANCELLED, "stopping");
        sp_arena_reset(arena);
        enum sp_status status = sp_etcd_get(walk->link->etcd, &range, arena, ret_page, error);
        if (status == SP_ERR_EXHAUSTED && walk->limit > 1 && !growing) {
            walk->limit = walk->limit > 4 ? walk->limit / 4 : walk->limit - 1;
            continue;
        }
        if (status != SP_OK)
            return status;
        *ret_complete = count_complete(walk, ret_page);
        if (*ret_complete > 0 || !ret_page->more)
            return SP_OK;
        if (walk->limit == PAGE_MAX)
            return sp_error_set(error, SP_ERR_EXHAUSTED, "a page from etcd holds no complete record");
        growing = true;
        walk->limit = walk->limit * 2 < PAGE_MAX ? walk->limit * 2 : PAGE_MAX;
    }
}

static enum sp_status add_page_records(struct sp_source_page_walk *walk, const struct sp_etcd_page *page,
                                       size_t count) {
    struct sp_arena *arena = walk->page.arena;
    uint8_t *before = sp_arena_alloc(arena, walk->after.size + 1);
    if (before == NULL)
        return SP_ERR_MEMORY;
    if (walk->after.size > 0)
        memcpy(before, walk->after.data, walk->after.size);
    walk->until = (struct sp_bytes){before, walk->after.size};
    for (size_t i = 0; i < count; i++) {
        struct sp_source_key key = read_page_key(walk, page, i);
        enum sp_status status = sp_source_add_record(&walk->page, &key, page->kvs[i].value, false);
        if (status != SP_OK)
            return status;
        if (key.kind == SP_SOURCE_RECORD_KEY)
            walk->until = key.name;
    }
    return SP_OK;
}

enum sp_status sp_source_read_page(struct sp_source_page_walk *walk, struct sp_arena *arena, struct sp_error *error) {
    struct sp_etcd_page page;
    size_t count = 0;
    enum sp_status status = fetch_complete_page(walk, arena, &page, &count, error);
    if (status != SP_OK)
        return status;
    sp_source_note_reached(walk->link->shared);
    walk->limit = choose_limit(walk->limit, &page);
    walk->more = page.more;
    walk->last_key = count > 0 ? page.kvs[count - 1].key : (struct sp_bytes){NULL, 0};
    walk->page = (struct sp_source_records){.arena = arena};
    return add_page_records(walk, &page, count) == SP_OK ? SP_OK : report_no_walk_memory(error);
}

static struct sp_bytes keep_bytes(struct sp_source_page_walk *walk, struct sp_bytes bytes, size_t zeros) {
    uint8_t *copy = sp_arena_calloc(&walk->kept, 1, bytes.size + zeros + 1);
    if (copy != NULL && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct sp_bytes){copy, bytes.size + zeros};
}

enum sp_status sp_source_end_page(struct sp_source_page_walk *walk, struct sp_error *error) {
    if (!walk->more)
        return SP_OK;
    sp_arena_reset(&walk->kept);
    walk->next_key = keep_bytes(walk, walk->last_key, 1);
    walk->after = keep_bytes(walk, walk->until, 0);
    walk->end_key = make_space_end(walk);
    if (walk->next_key.data == NULL || walk->after.data == NULL || walk->end_key.data == NULL)
        return report_no_walk_memory(error);
    return SP_OK;
}
