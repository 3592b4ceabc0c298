/* Verifying: every record that the entities require exists, byte for byte, and no others do,
 * because the numbers of records are equal. One pass over the entities and one over the indexes,
 * without copies. */
#include "store/recovery/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/digest.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/records/change.h"
#include "store/records/derive.h"
#include "store/records/entity.h"
#include "store/records/entity_description.h"
#include "store/records/index.h"
#include "store/records/index_edit.h"
#include "store/records/index_walk.h"
#include "store/records/next_number.h"
#include "store/records/record.h"
#include "store/records/snapshot.h"
#include "store/recovery/account.h"
#include "store/replica/entity_sum.h"

enum {
    ARENA_FIRST_BYTES = 64 * 1024,
    ARENA_BUDGET_BYTES = 256 * 1024 * 1024,
    PROGRESS_EVERY = 4096,
    MAX_FINDINGS = 1000,
    FINDING_BYTES = SP_DESCRIPTION_BYTES + 256,
};

struct verification {
    struct sp_view *view;
    struct sp_arena arena;
    sp_verify_report *report;
    sp_progress *progress;
    void *context;
    uint64_t findings;
    uint64_t done;
    uint64_t total;
    uint64_t expected[SP_DATABASES];
    /* Counts of the kind and workspace that the walk is at: entities of one kind and workspace
     * follow each other. */
    uint8_t counted_kind;
    uint64_t counted_workspace;
    uint64_t counts[SP_COUNTS];
    uint64_t highest_subject;
    uint64_t highest_workspace;
};

static void report_finding(struct verification *verification, const char *format, ...) SP_PRINTF(2, 3);
static void report_finding(struct verification *verification, const char *format, ...) {
    char text[FINDING_BYTES];
    va_list arguments;
    if (++verification->findings > MAX_FINDINGS || verification->report == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    verification->report(verification->context, text);
}

static void count_progress(struct verification *verification, const char *phase) {
    if (++verification->done % PROGRESS_EVERY == 0 && verification->progress != NULL)
        verification->progress(verification->context, phase, verification->done, verification->total);
}

/* ---- what the entities stand for is there ---- */

/* A bucket is intact if its records have their seals and are in order. */
static bool is_in_bucket(struct sp_bytes key, struct sp_bytes bucket, struct sp_bytes wanted) {
    bool holds = false;
    const uint8_t *last = NULL;
    while (bucket.size > 0) {
        struct sp_bytes record;
        if (sp_key_bucket_next(key, &bucket, &record) != SP_OK)
            return false;
        const uint8_t *digest = sp_key_record_digest(record);
        if (last != NULL && memcmp(last, digest, SP_DIGEST_BYTES) >= 0)
            return false;
        last = digest;
        holds = holds || sp_bytes_equal(record, wanted);
    }
    return holds;
}

static enum sp_status find_record(struct sp_view *view, const struct sp_index_record *record, bool *ret_there) {
    if (sp_database_layouts[record->database].duplicates)
        return sp_index_has_duplicate(view, record, ret_there);
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, record->database, record->key, &value);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_there = status == SP_OK && (record->database == SP_DB_KEY ? is_in_bucket(record->key, value, record->value)
                                                                   : sp_bytes_equal(value, record->value));
    return SP_OK;
}

/* The stored count of one kind of entity in the counted workspace, against `expected` met. */
static enum sp_status compare_count(struct verification *verification, enum sp_count what, uint64_t expected) {
    static const char *const names[SP_COUNTS] = {
        [SP_COUNT_SERVICE_ACCOUNTS] = "service accounts",
        [SP_COUNT_ENABLED_USERS] = "enabled users",
        [SP_COUNT_ENABLED_ADMINS] = "enabled admins",
        [SP_COUNT_KEYS] = "keys",
        [SP_COUNT_GROUPS] = "groups",
        [SP_COUNT_MEMBERS] = "group members",
        [SP_COUNT_GRANTS] = "grants",
        [SP_COUNT_RESOURCES] = "resources",
    };
    uint64_t workspace = verification->counted_workspace;
    uint64_t stored;
    verification->expected[SP_DB_COUNT]++;
    enum sp_status status = sp_index_count(verification->view, workspace, what, &stored);
    if (status == SP_ERR_CORRUPT) {
        report_finding(verification, "the count of %s in workspace number %" PRIu64 " is damaged; there are %" PRIu64,
                       names[what], workspace, expected);
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    if (stored != expected)
        report_finding(verification,
                       "the count of %s in workspace number %" PRIu64 " is %" PRIu64 "; there are %" PRIu64,
                       names[what], workspace, stored, expected);
    return SP_OK;
}

static enum sp_status compare_counts(struct verification *verification) {
    for (int what = 1; what < SP_COUNTS; what++) {
        uint64_t expected = verification->counts[what];
        verification->counts[what] = 0;
        if (expected == 0)
            continue;
        enum sp_status status = compare_count(verification, (enum sp_count)what, expected);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Where the walk comes to another kind or workspace, the counts of the last one are complete. */
static enum sp_status count_entity(struct verification *verification, uint8_t kind,
                                   const struct sp_index_record *record) {
    struct sp_count_key key = sp_count_key_decode(record->key);
    if (key.workspace_number != verification->counted_workspace || kind != verification->counted_kind) {
        enum sp_status status = compare_counts(verification);
        if (status != SP_OK)
            return status;
        verification->counted_kind = kind;
        verification->counted_workspace = key.workspace_number;
    }
    verification->counts[key.what]++;
    return SP_OK;
}

static void note_numbers(struct verification *verification, const struct sp_index_record *record) {
    uint64_t number;
    if (record->database != SP_DB_SUBJECT && record->database != SP_DB_WORKSPACE)
        return;
    memcpy(&number, record->key.data, sizeof(number));
    uint64_t *highest =
        record->database == SP_DB_SUBJECT ? &verification->highest_subject : &verification->highest_workspace;
    if (number > *highest)
        *highest = number;
}

static enum sp_status check_record(struct verification *verification, struct sp_bytes entity_key,
                                   const struct sp_index_record *record) {
    if (record->database == SP_DB_COUNT)
        return count_entity(verification, entity_key.data[0], record);
    bool there = false;
    enum sp_status status = find_record(verification->view, record, &there);
    if (status != SP_OK && status != SP_ERR_CORRUPT)
        return status;
    verification->expected[record->database]++;
    note_numbers(verification, record);
    if (status == SP_ERR_CORRUPT || !there) {
        char name[SP_DESCRIPTION_BYTES];
        sp_entity_describe(entity_key, name);
        report_finding(verification, "%s: its record in the %s index is missing or different", name,
                       sp_database_layouts[record->database].name);
    }
    return SP_OK;
}

static enum sp_status verify_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct verification *verification = context;
    struct sp_index_records records = {NULL, 0, 0};
    struct sp_error why = {.status = SP_OK};
    ProtobufCMessage *message;
    count_progress(verification, "entities");
    sp_arena_reset(&verification->arena);
    enum sp_status status = sp_entity_decode(key, value, &verification->arena, &message);
    if (status == SP_OK)
        status = sp_derive(key, message, &verification->arena, &records, &why);
    if (status == SP_ERR_MEMORY)
        return status;
    if (status != SP_OK) {
        char name[SP_DESCRIPTION_BYTES];
        sp_entity_describe(key, name);
        report_finding(verification, "%s: its stored entity is damaged%s%s", name, why.message[0] != '\0' ? ": " : "",
                       why.message);
        return SP_OK;
    }
    for (size_t i = 0; i < records.count; i++) {
        status = check_record(verification, key, &records.items[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- and nothing else is ---- */

/* How many records a value of the database holds, seals checked. */
static uint64_t count_records(struct verification *verification, enum sp_database database, struct sp_bytes key,
                              struct sp_bytes value) {
    uint64_t count = 0;
    bool whole = true;
    if (database == SP_DB_KEY) {
        struct sp_bytes record;
        for (; whole && value.size > 0; count++)
            whole = sp_key_bucket_next(key, &value, &record) == SP_OK;
    } else {
        uint8_t seal = sp_database_layouts[database].seal;
        whole = seal == 0 || sp_seal_fits((enum sp_seal_domain)seal, key, value);
        count = 1;
    }
    if (!whole)
        report_finding(verification, "a record of the %s index is damaged: its seal does not fit",
                       sp_database_layouts[database].name);
    return count;
}

static enum sp_status walk_index(struct verification *verification, enum sp_database database) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(verification->view, database, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key;
    MDB_val value;
    uint64_t count = 0;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (code == MDB_SUCCESS) {
        count_progress(verification, sp_database_layouts[database].name);
        count += count_records(verification, database, sp_val_bytes(&key), sp_val_bytes(&value));
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    if (count != verification->expected[database])
        report_finding(verification, "the %s index has %" PRIu64 " records, but the entities require %" PRIu64,
                       sp_database_layouts[database].name, count, verification->expected[database]);
    return SP_OK;
}

/* ---- the rest ---- */

static enum sp_status check_next_numbers(struct verification *verification) {
    struct sp_next_numbers next;
    enum sp_status status = sp_view_next_numbers(verification->view, &next);
    if (status != SP_OK && status != SP_ERR_CORRUPT)
        return status;
    if (status == SP_ERR_CORRUPT || next.subject <= verification->highest_subject ||
        next.workspace <= verification->highest_workspace)
        report_finding(verification, "the next numbers in meta are not above those in use");
    return SP_OK;
}

static enum sp_status verify_chain(struct verification *verification) {
    struct sp_error why;
    uint64_t checked;
    enum sp_status status = sp_change_verify(verification->view, &checked, &why);
    if (status != SP_ERR_CORRUPT)
        return status;
    report_finding(verification, "%s", why.message);
    return SP_OK;
}

/* For an intact trail. */
static enum sp_status verify_change_index(struct verification *verification) {
    struct sp_error why = {0};
    enum sp_status status = sp_change_verify_index(verification->view, &verification->arena, &why);
    if (status != SP_ERR_CORRUPT)
        return status;
    report_finding(verification, "%s", why.message);
    return SP_OK;
}

static void find_unaccounted(void *context, const char *line) {
    report_finding(context, "%s", line);
}

static enum sp_status check_entity_set(struct verification *verification) {
    bool fits = false;
    enum sp_status status = sp_view_check_entity_set(verification->view, &fits);
    if (status != SP_OK)
        return status;
    if (!fits)
        report_finding(verification, "the entities do not add up to the set that the head commits to");
    return SP_OK;
}

/* Only if the trail itself is intact: a damaged one proves nothing. */
static enum sp_status check_accounts(struct verification *verification) {
    uint64_t count = 0;
    return sp_view_find_unaccounted(verification->view, find_unaccounted, verification, &count);
}

static enum sp_status count_total(struct verification *verification) {
    for (int database = 0; database < SP_DATABASES; database++) {
        uint64_t entries;
        if (database != SP_DB_ENTITY && database < SP_DB_FIRST_INDEX)
            continue;
        enum sp_status status = sp_view_entries(verification->view, (enum sp_database)database, &entries);
        if (status != SP_OK)
            return status;
        verification->total += entries;
    }
    return SP_OK;
}

static enum sp_status check_entities_and_indexes(struct verification *verification) {
    enum sp_status status =
        sp_entity_walk(verification->view, (struct sp_bytes){NULL, 0}, NULL, verify_entity, verification);
    if (status != SP_OK)
        return status;
    status = compare_counts(verification);
    if (status != SP_OK)
        return status;
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++) {
        status = walk_index(verification, (enum sp_database)database);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status verify_view(struct verification *verification) {
    enum sp_status status = count_total(verification);
    if (status != SP_OK)
        return status;
    status = check_entities_and_indexes(verification);
    if (status != SP_OK)
        return status;
    status = check_next_numbers(verification);
    if (status != SP_OK)
        return status;
    uint64_t findings = verification->findings;
    status = verify_chain(verification);
    if (status != SP_OK || verification->findings != findings)
        return status;
    status = verify_change_index(verification);
    if (status != SP_OK)
        return status;
    status = check_accounts(verification);
    /* Entities that the trail does not account for are not in the set: named once is enough. */
    if (status != SP_OK || verification->findings != findings)
        return status;
    return check_entity_set(verification);
}

static enum sp_status summarize_findings(struct verification *verification, enum sp_status status,
                                         struct sp_error *error) {
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the whole store");
    if (verification->findings == 0)
        return SP_OK;
    if (verification->findings > MAX_FINDINGS && verification->report != NULL) {
        char text[FINDING_BYTES];
        (void)snprintf(text, sizeof(text), "and %" PRIu64 " more", verification->findings - MAX_FINDINGS);
        verification->report(verification->context, text);
    }
    return sp_error_set(error, SP_ERR_CORRUPT,
                        "%" PRIu64
                        " findings: `sallyport-sync reindex` repairs them if all name an index; otherwise restore a "
                        "backup",
                        verification->findings);
}

enum sp_status sp_store_verify(struct sp_store *store, sp_verify_report *report, sp_progress *progress, void *context,
                               struct sp_error *error) {
    struct verification verification = {.report = report, .progress = progress, .context = context};
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_arena_init(&verification.arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK) {
        sp_error_set(error, status, "cannot read the store: every reader slot may be in use");
        goto out;
    }
    verification.view = sp_snapshot_view(snapshot);
    status = summarize_findings(&verification, verify_view(&verification), error);
    sp_snapshot_end(snapshot);
out:
    sp_arena_fini(&verification.arena);
    return status;
}
