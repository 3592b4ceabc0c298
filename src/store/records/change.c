#include "store/records/change.h"

#include <inttypes.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
#include "store/records/anchor.h"
#include "store/records/change_index.h"
#include "store/records/change_record.h"
#include "store/records/edit.h"
#include "wire/wire.h"

/* Calls `each` with every stored entry from number `from` on. */
typedef enum sp_status entry_visit(void *context, uint64_t number, struct sp_bytes packed);

static enum sp_status walk_entries(struct sp_view *view, uint64_t from, entry_visit *each, void *context) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_CHANGE, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = sp_val(sp_number_key(&from));
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        uint64_t number;
        memcpy(&number, key.mv_data, sizeof(number));
        status = each(context, number, sp_val_bytes(&value));
        if (status != SP_OK)
            break;
    }
    mdb_cursor_close(cursor);
    return sp_walk_status(status, code);
}

/* ---- reading ---- */

struct reader {
    struct sp_view *view; /* of indexed entries */
    struct sp_arena *arena;
    sp_change_visit *visit;
    void *context;
};

static enum sp_status unpack_and_visit(void *context, uint64_t number, struct sp_bytes packed) {
    const struct reader *reader = context;
    (void)number;
    ProtobufCMessage *message;
    sp_arena_reset(reader->arena);
    enum sp_status status = sp_wire_unpack_trusted(&sallyport__v1__change__descriptor, packed, reader->arena, &message);
    if (status != SP_OK)
        return status;
    return reader->visit(reader->context, (const Sallyport__V1__Change *)message);
}

/* SP_ERR_OUT_OF_RANGE: entries from there on are no longer kept. */
static enum sp_status check_entry_kept(struct sp_view *view, uint64_t from) {
    struct sp_anchor anchor;
    enum sp_status status = sp_view_anchor(view, &anchor);
    if (status != SP_OK)
        return status;
    return from != 0 && from <= anchor.revision ? SP_ERR_OUT_OF_RANGE : SP_OK;
}

enum sp_status sp_change_walk(struct sp_view *view, uint64_t from, struct sp_arena *arena, sp_change_visit *visit,
                              void *context) {
    enum sp_status status = check_entry_kept(view, from);
    if (status != SP_OK)
        return status;
    struct reader reader = {.arena = arena, .visit = visit, .context = context};
    return walk_entries(view, from, unpack_and_visit, &reader);
}

static enum sp_status visit_indexed_entry(void *context, uint64_t number) {
    struct reader *reader = context;
    struct sp_bytes packed;
    enum sp_status status = sp_view_get(reader->view, SP_DB_CHANGE, sp_number_key(&number), &packed);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    return unpack_and_visit(reader, number, packed);
}

enum sp_status sp_change_walk_of(struct sp_view *view, struct sp_str workspace, uint64_t from, struct sp_arena *arena,
                                 sp_change_visit *visit, void *context) {
    enum sp_status status = check_entry_kept(view, from);
    if (status != SP_OK)
        return status;
    struct reader reader = {.view = view, .arena = arena, .visit = visit, .context = context};
    return sp_change_index_walk(view, workspace, from, visit_indexed_entry, &reader);
}

/* ---- trimming ---- */

enum sp_status sp_change_is_trimmed(struct sp_view *view, bool *ret_trimmed) {
    struct sp_anchor anchor;
    enum sp_status status = sp_view_anchor(view, &anchor);
    if (status != SP_OK)
        return status;
    *ret_trimmed = anchor.revision > 0;
    return SP_OK;
}

/* The time of an entry is its field 2, but reading it means unpacking: entries are few beside
 * decisions. */
static enum sp_status read_entry_time(struct sp_bytes packed, struct sp_arena *arena, int64_t *ret_time_s) {
    ProtobufCMessage *message;
    sp_arena_reset(arena);
    enum sp_status status = sp_wire_unpack_trusted(&sallyport__v1__change__descriptor, packed, arena, &message);
    if (status != SP_OK)
        return status;
    *ret_time_s = ((const Sallyport__V1__Change *)message)->time;
    return SP_OK;
}

struct trimmer {
    struct sp_arena arena;
    int64_t before_s;      /* entries from before then go, */
    uint64_t excess_bytes; /* or so many bytes of the oldest */
    size_t limit;
    uint64_t last; /* the head's entry, which always stays */
    struct sp_anchor anchor;
    uint64_t first;
    size_t count;
};

static enum sp_status is_entry_old(struct trimmer *trimmer, struct sp_bytes packed, bool *ret_old) {
    int64_t time_s;
    if (trimmer->excess_bytes > 0) {
        trimmer->excess_bytes -= packed.size < trimmer->excess_bytes ? packed.size : trimmer->excess_bytes;
        *ret_old = true;
        return SP_OK;
    }
    enum sp_status status = read_entry_time(packed, &trimmer->arena, &time_s);
    if (status != SP_OK)
        return status;
    *ret_old = time_s < trimmer->before_s;
    return SP_OK;
}

static enum sp_status note_old_entry(void *context, uint64_t number, struct sp_bytes packed) {
    struct trimmer *trimmer = context;
    struct sp_bytes hashed;
    const uint8_t *hash;
    bool old = false;
    if (trimmer->count == trimmer->limit || number >= trimmer->last)
        return SP_WALK_END;
    enum sp_status status = is_entry_old(trimmer, packed, &old);
    if (status != SP_OK)
        return status;
    if (!old)
        return SP_WALK_END;
    status = sp_change_split(packed, &hashed, &hash);
    if (status != SP_OK)
        return status;
    if (trimmer->count++ == 0)
        trimmer->first = number;
    trimmer->anchor.revision = number;
    memcpy(trimmer->anchor.hash, hash, SP_CHANGE_HASH_BYTES);
    return SP_OK;
}

static enum sp_status remove_old_entries(struct sp_write *write, struct trimmer *trimmer) {
    if (trimmer->count == 0)
        return SP_OK;
    for (uint64_t number = trimmer->first; number <= trimmer->anchor.revision; number++) {
        sp_arena_reset(&trimmer->arena);
        enum sp_status status = sp_change_index_remove(write, number, &trimmer->arena);
        if (status != SP_OK)
            return status;
        status = sp_write_remove_any(write, SP_DB_CHANGE, sp_number_key(&number));
        if (status != SP_OK)
            return status;
    }
    return sp_write_anchor(write, &trimmer->anchor);
}

enum { TRIM_ARENA_BYTES = 64 * 1024, TRIM_BUDGET_BYTES = 256 * 1024 * 1024 };

static enum sp_status trim_entries(struct sp_write *write, struct trimmer *trimmer, size_t *ret_removed) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&trimmer->arena, TRIM_ARENA_BYTES, TRIM_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    trimmer->last = head.revision.number;
    status = walk_entries(&write->transaction.view, 0, note_old_entry, trimmer);
    if (status == SP_OK)
        status = remove_old_entries(write, trimmer);
    sp_arena_fini(&trimmer->arena);
    if (status != SP_OK)
        return status;
    *ret_removed = trimmer->count;
    return SP_OK;
}

enum sp_status sp_change_trim(struct sp_write *write, int64_t before_s, size_t limit, size_t *ret_removed) {
    struct trimmer trimmer = {.before_s = before_s, .limit = limit};
    return trim_entries(write, &trimmer, ret_removed);
}

enum sp_status sp_change_trail_bytes(struct sp_view *view, uint64_t *ret_bytes) {
    MDB_stat about;
    int code = mdb_stat(view->txn, view->store->databases[SP_DB_CHANGE], &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    *ret_bytes = (uint64_t)about.ms_psize * (about.ms_branch_pages + about.ms_leaf_pages + about.ms_overflow_pages);
    return SP_OK;
}

enum sp_status sp_change_trim_to_size(struct sp_write *write, uint64_t keep_bytes, size_t limit, size_t *ret_removed) {
    uint64_t bytes = 0;
    enum sp_status status = sp_change_trail_bytes(&write->transaction.view, &bytes);
    if (status != SP_OK)
        return status;
    if (bytes <= keep_bytes) {
        *ret_removed = 0;
        return SP_OK;
    }
    struct trimmer trimmer = {.before_s = INT64_MIN, .excess_bytes = bytes - keep_bytes, .limit = limit};
    return trim_entries(write, &trimmer, ret_removed);
}

/* ---- the index by workspace ---- */

struct indexer {
    struct sp_write *write;
    struct sp_arena *arena;
};

static enum sp_status index_entry(void *context, uint64_t number, struct sp_bytes packed) {
    const struct indexer *indexer = context;
    sp_arena_reset(indexer->arena);
    uint8_t *copy = sp_arena_alloc(indexer->arena, packed.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, packed.data, packed.size);
    return sp_change_index_add(indexer->write, number, (struct sp_bytes){copy, packed.size}, indexer->arena);
}

enum sp_status sp_change_rebuild_index(struct sp_write *write, struct sp_arena *arena) {
    struct indexer indexer = {write, arena};
    enum sp_status status = sp_write_empty(write, SP_DB_CHANGE_OF);
    if (status != SP_OK)
        return status;
    return walk_entries(&write->transaction.view, 0, index_entry, &indexer);
}

struct index_verifier {
    struct sp_view *view;
    struct sp_arena *arena;
    struct sp_error *error;
    uint64_t expected; /* records */
};

/* Whether the workspace stands before `end` in the list already: a change may come back to one. */
static bool is_named_before(const struct sp_change_workspaces *workspaces, size_t end) {
    for (size_t i = 0; i < end; i++)
        if (sp_str_equal(workspaces->ids[i], workspaces->ids[end]))
            return true;
    return false;
}

static enum sp_status verify_indexed_entry(void *context, uint64_t number, struct sp_bytes packed) {
    struct index_verifier *verifier = context;
    struct sp_change_workspaces workspaces;
    sp_arena_reset(verifier->arena);
    enum sp_status status = sp_change_find_workspaces(packed, verifier->arena, &workspaces);
    if (status != SP_OK)
        return sp_error_set(verifier->error, status, "the change of revision %" PRIu64 " cannot be read", number);
    for (size_t i = 0; i < workspaces.count; i++) {
        bool has = false;
        if (is_named_before(&workspaces, i))
            continue;
        status = sp_change_index_has(verifier->view, workspaces.ids[i], number, &has);
        if (status != SP_OK)
            return status;
        if (!has)
            return sp_error_set(verifier->error, SP_ERR_CORRUPT,
                                "the change_of index lacks revision %" PRIu64 " of workspace %.*s", number,
                                SP_STR_ARG(workspaces.ids[i]));
        verifier->expected++;
    }
    return SP_OK;
}

enum sp_status sp_change_verify_index(struct sp_view *view, struct sp_arena *arena, struct sp_error *error) {
    struct index_verifier verifier = {.view = view, .arena = arena, .error = error};
    uint64_t records = 0;
    enum sp_status status = walk_entries(view, 0, verify_indexed_entry, &verifier);
    if (status != SP_OK)
        return status;
    status = sp_view_entries(view, SP_DB_CHANGE_OF, &records);
    if (status != SP_OK)
        return status;
    if (records != verifier.expected)
        return sp_error_set(error, SP_ERR_CORRUPT,
                            "the change_of index has %" PRIu64 " records, but the changes require %" PRIu64, records,
                            verifier.expected);
    return SP_OK;
}

/* ---- the chain ---- */

struct verifier {
    struct sp_error *error;
    struct sp_anchor last; /* of the entry before */
    uint64_t checked;
};

static enum sp_status verify_entry(void *context, uint64_t number, struct sp_bytes packed) {
    struct verifier *verifier = context;
    struct sp_bytes hashed;
    const uint8_t *stored_hash;
    if (number != verifier->last.revision + 1)
        return sp_error_set(verifier->error, SP_ERR_CORRUPT, "the chain of changes lacks revision %" PRIu64,
                            verifier->last.revision + 1);
    if (sp_change_split(packed, &hashed, &stored_hash) != SP_OK)
        return sp_error_set(verifier->error, SP_ERR_CORRUPT, "the change of revision %" PRIu64 " has no hash", number);
    if (sp_change_follow(packed, verifier->last.hash) != SP_OK)
        return sp_error_set(
            verifier->error, SP_ERR_CORRUPT,
            "the change of revision %" PRIu64 " does not fit the chain: it or the one before was altered", number);
    verifier->last.revision = number;
    verifier->checked++;
    return SP_OK;
}

enum sp_status sp_change_verify(struct sp_view *view, uint64_t *ret_checked, struct sp_error *error) {
    struct sp_head head;
    struct verifier verifier = {.error = error};
    enum sp_status status = sp_view_head(view, &head);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's head");
    status = sp_view_anchor(view, &verifier.last);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the anchor of the chain of changes");
    status = walk_entries(view, 0, verify_entry, &verifier);
    if (status != SP_OK)
        return status;
    if (verifier.last.revision != head.revision.number ||
        memcmp(verifier.last.hash, head.last_hash, SP_CHANGE_HASH_BYTES) != 0)
        return sp_error_set(error, SP_ERR_CORRUPT,
                            "the chain of changes ends at revision %" PRIu64 ", the store is at %" PRIu64,
                            verifier.last.revision, head.revision.number);
    *ret_checked = verifier.checked;
    return SP_OK;
}
