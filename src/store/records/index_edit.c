#include "store/records/index_edit.h"

#include "core/digest.h"
#include "store/lmdb/lmdb_status.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/record.h"

static const char *index_name(const struct sp_index_record *record) {
    return sp_database_layouts[record->database].name;
}

static enum sp_status refuse_missing_record(struct sp_index_edit *edit, const struct sp_index_record *record) {
    return sp_error_set(
        edit->error, SP_ERR_CORRUPT,
        "the %s index lacks a record that the stored entities require: run `sallyport-sync verify`, then "
        "`sallyport-sync reindex`",
        index_name(record));
}

/* ---- counts ---- */

static enum sp_status flush_count(struct sp_index_edit *edit, enum sp_count what, int64_t delta) {
    uint64_t count;
    enum sp_status status = sp_index_count(&edit->write->transaction.view, edit->workspace_number, what, &count);
    if (status != SP_OK)
        return sp_error_set(edit->error, status, "cannot read a workspace's counts");
    if (delta < 0 && count < (uint64_t)-delta)
        return sp_error_set(edit->error, SP_ERR_CORRUPT,
                            "a workspace's counts are too low: run `sallyport-sync reindex`");
    count += (uint64_t)delta;
    uint8_t key[SP_COUNT_KEY_BYTES];
    uint8_t value[SP_COUNT_RECORD_BYTES];
    sp_count_key_encode((struct sp_count_key){edit->workspace_number, what}, key);
    sp_count_record_encode(count, value);
    struct sp_bytes key_bytes = {key, sizeof(key)};
    if (count > 0)
        return sp_write_put(edit->write, SP_DB_COUNT, key_bytes, (struct sp_bytes){value, sizeof(value)}, 0);
    return sp_write_remove_any(edit->write, SP_DB_COUNT, key_bytes);
}

enum sp_status sp_index_edit_flush(struct sp_index_edit *edit) {
    for (int what = 1; what < SP_COUNTS; what++) {
        int64_t delta = edit->deltas[what];
        if (delta == 0)
            continue;
        edit->deltas[what] = 0;
        enum sp_status status = flush_count(edit, (enum sp_count)what, delta);
        if (status != SP_OK)
            return status;
    }
    edit->workspace_number = 0;
    return SP_OK;
}

static enum sp_status gather_count(struct sp_index_edit *edit, const struct sp_index_record *record, int64_t delta) {
    struct sp_count_key key = sp_count_key_decode(record->key);
    if (key.workspace_number != edit->workspace_number) {
        enum sp_status status = sp_index_edit_flush(edit);
        if (status != SP_OK)
            return status;
    }
    edit->workspace_number = key.workspace_number;
    edit->deltas[key.what] += delta;
    return SP_OK;
}

/* ---- key buckets ---- */

static enum sp_status put_bucket(struct sp_index_edit *edit, struct sp_bytes key, const struct sp_bytes *pieces,
                                 size_t piece_count) {
    size_t size = 0;
    for (size_t i = 0; i < piece_count; i++)
        size += pieces[i].size;
    uint8_t *bucket = sp_arena_alloc(edit->arena, size);
    if (bucket == NULL)
        return SP_ERR_MEMORY;
    uint8_t *at = bucket;
    for (size_t i = 0; i < piece_count; i++) {
        memcpy(at, pieces[i].data, pieces[i].size);
        at += pieces[i].size;
    }
    return sp_write_put(edit->write, SP_DB_KEY, key, (struct sp_bytes){bucket, size}, 0);
}

/* Where a record's digest belongs among those of a bucket: what is before it, the one with the
 * same digest (size 0: none), and what is after. */
struct bucket_cut {
    struct sp_bytes before;
    struct sp_bytes same;
    struct sp_bytes after;
};

static enum sp_status cut_bucket(struct sp_bytes key, struct sp_bytes bucket, const uint8_t *digest,
                                 struct bucket_cut *ret_cut) {
    struct bucket_cut cut = {.before = {bucket.data, 0}, .after = bucket};
    while (cut.after.size > 0) {
        struct sp_bytes rest = cut.after;
        struct sp_bytes record;
        enum sp_status status = sp_key_bucket_next(key, &rest, &record);
        if (status != SP_OK)
            return status;
        int order = memcmp(sp_key_record_digest(record), digest, SP_DIGEST_BYTES);
        if (order > 0)
            break;
        cut.after = rest;
        if (order == 0) {
            cut.same = record;
            break;
        }
        cut.before.size += record.size;
    }
    *ret_cut = cut;
    return SP_OK;
}

static enum sp_status insert_key(struct sp_index_edit *edit, const struct sp_index_record *record) {
    struct sp_bytes bucket;
    enum sp_status status = sp_write_put_new(edit->write, SP_DB_KEY, record->key, record->value, &bucket);
    if (status != SP_ERR_EXISTS)
        return status;
    struct bucket_cut cut;
    status = cut_bucket(record->key, bucket, sp_key_record_digest(record->value), &cut);
    if (status != SP_OK)
        return sp_error_set(edit->error, status, "a damaged record in the key index: run `sallyport-sync reindex`");
    if (cut.same.size > 0)
        return sp_error_set(edit->error, SP_ERR_EXISTS, "the store has a key with the same text already");
    struct sp_bytes pieces[] = {cut.before, record->value, cut.after};
    return put_bucket(edit, record->key, pieces, 3);
}

static enum sp_status remove_key(struct sp_index_edit *edit, const struct sp_index_record *record) {
    struct sp_bytes bucket;
    struct bucket_cut cut;
    enum sp_status status = sp_view_get(&edit->write->transaction.view, SP_DB_KEY, record->key, &bucket);
    if (status == SP_OK)
        status = cut_bucket(record->key, bucket, sp_key_record_digest(record->value), &cut);
    if (status == SP_ERR_NOT_FOUND || (status == SP_OK && cut.same.size == 0))
        return refuse_missing_record(edit, record);
    if (status != SP_OK)
        return sp_error_set(edit->error, status, "a damaged record in the key index: run `sallyport-sync reindex`");
    if (cut.before.size + cut.after.size == 0)
        return sp_write_remove(edit->write, SP_DB_KEY, record->key, NULL);
    struct sp_bytes pieces[] = {cut.before, cut.after};
    return put_bucket(edit, record->key, pieces, 2);
}

/* ---- the others ---- */

static bool is_owner(const struct sp_index_record *record) {
    return record->database == SP_DB_RESOURCE && sp_edge_peek(record->value).subject == 0;
}

/* An id belongs to one workspace: the head of a resource is put once. */
static enum sp_status check_unowned(struct sp_index_edit *edit, const struct sp_index_record *record) {
    uint64_t owner;
    enum sp_status status = sp_index_owner(&edit->write->transaction.view, record->key, &owner);
    if (status != SP_OK)
        return sp_error_set(edit->error, status,
                            "a damaged record in the resource index: run `sallyport-sync reindex`");
    if (owner != 0)
        return sp_error_set(edit->error, SP_ERR_EXISTS, "a resource with this type and id is registered already");
    return SP_OK;
}

static enum sp_status insert_unique(struct sp_index_edit *edit, const struct sp_index_record *record) {
    bool duplicates = sp_database_layouts[record->database].duplicates;
    enum sp_status status = sp_write_put(edit->write, record->database, record->key, record->value,
                                         duplicates ? MDB_NODUPDATA : MDB_NOOVERWRITE);
    if (status == SP_ERR_EXISTS)
        return sp_error_set(edit->error, SP_ERR_EXISTS,
                            "the %s index has such a record already: two entities share a value that must be unique",
                            index_name(record));
    return status;
}

static enum sp_status remove_unique(struct sp_index_edit *edit, const struct sp_index_record *record) {
    bool duplicates = sp_database_layouts[record->database].duplicates;
    enum sp_status status =
        sp_write_remove(edit->write, record->database, record->key, duplicates ? &record->value : NULL);
    return status == SP_ERR_NOT_FOUND ? refuse_missing_record(edit, record) : status;
}

static enum sp_status explain_failed_edit(struct sp_index_edit *edit, enum sp_status status) {
    enum sp_status failure = sp_write_failure(edit->write, edit->error);
    if (failure != SP_OK)
        return failure;
    if (status == SP_ERR_MEMORY)
        return sp_error_set(edit->error, status, "out of memory while changing the indexes");
    return status;
}

static bool is_left_for_later(const struct sp_index_edit *edit, const struct sp_index_record *record) {
    return edit->without_keys && record->database == SP_DB_KEY;
}

static enum sp_status insert_record(struct sp_index_edit *edit, const struct sp_index_record *record) {
    if (is_left_for_later(edit, record))
        return SP_OK;
    if (record->database == SP_DB_COUNT)
        return gather_count(edit, record, 1);
    if (record->database == SP_DB_KEY)
        return insert_key(edit, record);
    if (is_owner(record)) {
        enum sp_status status = check_unowned(edit, record);
        if (status != SP_OK)
            return status;
    }
    return insert_unique(edit, record);
}

enum sp_status sp_index_edit_insert(struct sp_index_edit *edit, const struct sp_index_record *record) {
    return explain_failed_edit(edit, insert_record(edit, record));
}

enum sp_status sp_index_edit_remove(struct sp_index_edit *edit, const struct sp_index_record *record) {
    enum sp_status status;
    if (is_left_for_later(edit, record))
        return SP_OK;
    if (record->database == SP_DB_COUNT)
        status = gather_count(edit, record, -1);
    else if (record->database == SP_DB_KEY)
        status = remove_key(edit, record);
    else
        status = remove_unique(edit, record);
    return explain_failed_edit(edit, status);
}

/* ---- what is taken ---- */

bool sp_index_record_shares_place(const struct sp_index_record *a, const struct sp_index_record *b) {
    if (a->database != b->database || !sp_bytes_equal(a->key, b->key))
        return false;
    if (a->database == SP_DB_KEY)
        return memcmp(sp_key_record_digest(a->value), sp_key_record_digest(b->value), SP_DIGEST_BYTES) == 0;
    if (is_owner(a) && is_owner(b))
        return true;
    return a->database == SP_DB_COUNT || !sp_database_layouts[a->database].duplicates ||
           sp_bytes_equal(a->value, b->value);
}

static enum sp_status is_key_taken(struct sp_index_edit *edit, const struct sp_index_record *record, bool *ret_taken) {
    struct sp_bytes bucket;
    struct bucket_cut cut = {.same = {NULL, 0}};
    enum sp_status status = sp_view_get(&edit->write->transaction.view, SP_DB_KEY, record->key, &bucket);
    if (status == SP_OK)
        status = cut_bucket(record->key, bucket, sp_key_record_digest(record->value), &cut);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_taken = cut.same.size > 0;
    return SP_OK;
}

enum sp_status sp_index_edit_is_taken(struct sp_index_edit *edit, const struct sp_index_record *record,
                                      bool *ret_taken) {
    struct sp_bytes there;
    uint64_t owner = 0;
    enum sp_status status;
    if (record->database == SP_DB_COUNT || is_left_for_later(edit, record)) {
        *ret_taken = false;
        return SP_OK;
    }
    if (record->database == SP_DB_KEY)
        return is_key_taken(edit, record, ret_taken);
    if (is_owner(record)) {
        status = sp_index_owner(&edit->write->transaction.view, record->key, &owner);
        if (status != SP_OK)
            return status;
        *ret_taken = owner != 0;
        return SP_OK;
    }
    if (sp_database_layouts[record->database].duplicates)
        return sp_index_has_duplicate(&edit->write->transaction.view, record, ret_taken);
    status = sp_view_get(&edit->write->transaction.view, record->database, record->key, &there);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_taken = status == SP_OK;
    return SP_OK;
}

typedef enum sp_status edit_record(struct sp_index_edit *edit, const struct sp_index_record *record);

/* Calls `each` for the records of `of` that are not in `other`. Both are sorted. */
static enum sp_status edit_differences(struct sp_index_edit *edit, const struct sp_index_records *of,
                                       const struct sp_index_records *other, edit_record *each) {
    size_t at = 0;
    for (size_t i = 0; i < of->count; i++) {
        while (at < other->count && sp_index_record_compare(&other->items[at], &of->items[i]) < 0)
            at++;
        if (at < other->count && sp_index_record_compare(&other->items[at], &of->items[i]) == 0)
            continue;
        enum sp_status status = each(edit, &of->items[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_index_edit_replace(struct sp_index_edit *edit, struct sp_index_records *before,
                                     struct sp_index_records *after) {
    sp_index_records_sort(before);
    sp_index_records_sort(after);
    enum sp_status status = edit_differences(edit, before, after, sp_index_edit_remove);
    if (status != SP_OK)
        return status;
    return edit_differences(edit, after, before, sp_index_edit_insert);
}
