#include "store/usage/reports.h"

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/usage/environment.h"
#include "store/usage/record.h"

static int64_t max_time_s(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static enum sp_status put_source(struct sp_usage_batch *batch, const struct sp_usage_source *source) {
    struct sp_usage_key place;
    uint8_t record[SP_USAGE_SOURCE_BYTES];
    enum sp_status status = sp_usage_key_of_source(sp_str_from(source->id), source->instance, &place);
    if (status != SP_OK)
        return status;
    struct sp_bytes bytes = {place.bytes, place.size};
    sp_usage_source_encode(bytes, source, record);
    MDB_val key = sp_val(bytes);
    MDB_val value = sp_val((struct sp_bytes){record, sizeof(record)});
    return sp_lmdb_status(mdb_put(batch->txn, batch->store->databases[SP_USAGE_DB_SOURCE], &key, &value, 0));
}

/* SP_ERR_NOT_FOUND: there is none. */
static enum sp_status get_source(struct sp_usage_batch *batch, const struct sp_usage_report *report,
                                 struct sp_usage_source *ret_source) {
    struct sp_usage_key place;
    enum sp_status status = sp_usage_key_of_source(report->id, report->instance, &place);
    if (status != SP_OK)
        return status;
    struct sp_bytes bytes = {place.bytes, place.size};
    MDB_val key = sp_val(bytes);
    MDB_val value;
    int code = mdb_get(batch->txn, batch->store->databases[SP_USAGE_DB_SOURCE], &key, &value);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    return sp_usage_source_decode(bytes, sp_val_bytes(&value), ret_source);
}

/* ---- walking ---- */

/* What becomes of a source: it stays as it is, or as it was changed, or goes. */
enum fate { STAYS, CHANGED, GOES };
typedef enum fate decide_fate(void *context, struct sp_usage_source *source);

struct source_walk {
    MDB_cursor *cursor;
    decide_fate *decide;
    void *context;
};

static enum sp_status apply_fate(void *context, struct sp_bytes key, struct sp_bytes value) {
    const struct source_walk *walk = context;
    struct sp_usage_source source;
    uint8_t record[SP_USAGE_SOURCE_BYTES];
    MDB_val key_val = sp_val(key), changed = {sizeof(record), record};
    enum sp_status status = sp_usage_source_decode(key, value, &source);
    if (status != SP_OK)
        return status;
    switch (walk->decide(walk->context, &source)) {
    case STAYS:
        break;
    case CHANGED:
        sp_usage_source_encode(key, &source, record);
        return sp_lmdb_status(mdb_cursor_put(walk->cursor, &key_val, &changed, MDB_CURRENT));
    case GOES:
        return sp_lmdb_status(mdb_cursor_del(walk->cursor, 0));
    }
    return SP_OK;
}

/* All sources whose key begins so. */
static enum sp_status walk_sources(struct sp_usage_batch *batch, struct sp_bytes prefix, decide_fate *decide,
                                   void *context) {
    MDB_cursor *cursor;
    MDB_val key = sp_val(prefix);
    MDB_val value;
    int code = mdb_cursor_open(batch->txn, batch->store->databases[SP_USAGE_DB_SOURCE], &cursor);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    code = mdb_cursor_get(cursor, &key, &value, prefix.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    struct source_walk walk = {cursor, decide, context};
    return sp_cursor_walk_and_close(cursor, code, key, value, prefix, apply_fate, &walk);
}

/* All instances of an id. */
static enum sp_status walk_instances(struct sp_usage_batch *batch, struct sp_str id, decide_fate *decide,
                                     void *context) {
    struct sp_usage_key place;
    enum sp_status status = sp_usage_key_of_source(id, 0, &place);
    if (status != SP_OK)
        return status;
    return walk_sources(batch, (struct sp_bytes){place.bytes, id.size + 1}, decide, context);
}

/* ---- reports ---- */

struct takeover {
    uint64_t instance;
    int64_t now_s;
};

/* For instances that another one followed, it is enough to remember the latest loss. */
static enum fate end_other_instance(void *context, struct sp_usage_source *source) {
    const struct takeover *takeover = context;
    if (source->instance == takeover->instance)
        return STAYS;
    if (source->ended)
        return GOES;
    source->ended = true;
    source->lost_until_s = max_time_s(source->lost_until_s, takeover->now_s);
    return CHANGED;
}

/* Ended ones go only if one that ends now remembers the latest loss. */
static enum fate find_running(void *context, struct sp_usage_source *source) {
    struct takeover *takeover = context;
    if (!source->ended && source->instance != takeover->instance)
        takeover->now_s = 1;
    return STAYS;
}

static enum sp_status end_other_instances(struct sp_usage_batch *batch, const struct sp_usage_report *report,
                                          int64_t now_s) {
    struct takeover look = {.instance = report->instance};
    struct takeover takeover = {report->instance, now_s};
    enum sp_status status = walk_instances(batch, report->id, find_running, &look);
    if (status != SP_OK || look.now_s == 0)
        return status;
    return walk_instances(batch, report->id, end_other_instance, &takeover);
}

static enum sp_status check_server_room(struct sp_usage_batch *batch) {
    MDB_stat about;
    int code = mdb_stat(batch->txn, batch->store->databases[SP_USAGE_DB_SOURCE], &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    return about.ms_entries < SP_USAGE_MAX_SOURCES ? SP_OK : SP_ERR_EXHAUSTED;
}

/* Whether reports are missing between what is known of the source and this one. */
static bool has_gap(const struct sp_usage_source *source, const struct sp_usage_report *report) {
    return report->sequence != source->sequence + 1;
}

static void note_report(struct sp_usage_source *source, const struct sp_usage_report *report, int64_t now_s) {
    if (has_gap(source, report))
        source->lost_until_s = max_time_s(source->lost_until_s, now_s);
    source->lost_until_s = max_time_s(source->lost_until_s, report->lost_until_s);
    source->sequence = report->sequence;
    source->last_report_s = now_s;
    source->until_s = report->until_s != 0 ? report->until_s : source->until_s;
    source->ended = report->goodbye;
}

static enum sp_status get_or_begin_source(struct sp_usage_batch *batch, const struct sp_usage_report *report,
                                          int64_t now_s, struct sp_usage_source *ret_source) {
    enum sp_status status = get_source(batch, report, ret_source);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    status = check_server_room(batch);
    if (status != SP_OK)
        return status;
    *ret_source = (struct sp_usage_source){.instance = report->instance, .first_report_s = now_s};
    memcpy(ret_source->id, report->id.data, report->id.size);
    return SP_OK;
}

enum sp_status sp_usage_batch_report(struct sp_usage_batch *batch, const struct sp_usage_report *report, int64_t now_s,
                                     bool *ret_again) {
    struct sp_usage_source source = {0};
    enum sp_status status = get_or_begin_source(batch, report, now_s, &source);
    if (status != SP_OK)
        return status;
    if (report->sequence <= source.sequence) {
        *ret_again = true;
        return SP_OK;
    }
    status = end_other_instances(batch, report, now_s);
    if (status != SP_OK)
        return status;
    note_report(&source, report, now_s);
    status = put_source(batch, &source);
    if (status != SP_OK)
        return status;
    *ret_again = false;
    return SP_OK;
}

/* ---- forgetting ---- */

struct retirement {
    int64_t silent_since_s;
    size_t count;
};

static enum fate retire_source(void *context, struct sp_usage_source *source) {
    struct retirement *retirement = context;
    retirement->count++;
    if (source->ended || source->last_report_s < retirement->silent_since_s)
        return GOES;
    source->lost_until_s = 0;
    return CHANGED;
}

enum sp_status sp_usage_batch_retire(struct sp_usage_batch *batch, struct sp_str id, int64_t silent_since_s,
                                     size_t *ret_count) {
    struct retirement retirement = {.silent_since_s = silent_since_s};
    enum sp_status status = walk_instances(batch, id, retire_source, &retirement);
    if (status != SP_OK)
        return status;
    *ret_count = retirement.count;
    return SP_OK;
}

struct oblivion {
    int64_t lost_before_s;
    int64_t silent_since_s;
};

static enum fate forget_ended_source(void *context, struct sp_usage_source *source) {
    const struct oblivion *oblivion = context;
    bool old = source->lost_until_s < oblivion->lost_before_s && source->last_report_s < oblivion->silent_since_s;
    return source->ended && old ? GOES : STAYS;
}

enum sp_status sp_usage_batch_forget_ended(struct sp_usage_batch *batch, int64_t lost_before_s,
                                           int64_t silent_since_s) {
    struct oblivion oblivion = {lost_before_s, silent_since_s};
    return walk_sources(batch, (struct sp_bytes){NULL, 0}, forget_ended_source, &oblivion);
}
