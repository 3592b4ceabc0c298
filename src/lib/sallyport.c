#include "lib/sallyport.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/digest.h"
#include "core/question_text.h"
#include "decide/check.h"
#include "decide/disclosure.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"

struct sallyport_store {
    struct sp_store *store;
    atomic_uint max_staleness_s; /* 0: never stale */
    atomic_llong looked_at_s;    /* at its files */
    atomic_bool lost;            /* they are others, or gone */
};

struct sallyport_reader {
    struct sp_snapshot *snapshot;
    struct sallyport_store *store;
};

static enum sallyport_status translate_status(enum sp_status status) {
    switch ((int)status) {
    case SP_OK:
        return SALLYPORT_OK;
    case SP_ERR_INVALID:
        return SALLYPORT_INVALID;
    case SP_ERR_CORRUPT:
        return SALLYPORT_CORRUPT;
    case SP_ERR_NOT_FOUND:
    case SP_ERR_PRECONDITION:
    case SP_ERR_UNAVAILABLE:
        return SALLYPORT_UNAVAILABLE;
    default:
        return SALLYPORT_ERROR;
    }
}

static enum sallyport_status report_failure(enum sp_status status, const struct sp_error *error, char *message) {
    if (message != NULL)
        (void)snprintf(message, SALLYPORT_MESSAGE_BYTES, "%s", error->message);
    return translate_status(status);
}

enum sallyport_status sallyport_open(const char *path, struct sallyport_store **ret_store, char *message) {
    struct sp_error error = {0};
    struct sallyport_store *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return report_failure(sp_error_set(&error, SP_ERR_MEMORY, "out of memory"), &error, message);
    struct sp_store_options options = {.mode = SP_STORE_READ};
    enum sp_status status = sp_store_open(path, &options, &made->store, &error);
    if (status != SP_OK) {
        free(made);
        return report_failure(status, &error, message);
    }
    *ret_store = made;
    return SALLYPORT_OK;
}

void sallyport_close(struct sallyport_store *store) {
    if (store == NULL)
        return;
    sp_store_close(store->store);
    free(store);
}

void sallyport_set_max_staleness(struct sallyport_store *store, uint32_t seconds) {
    atomic_store(&store->max_staleness_s, seconds);
}

/* ---- files ---- */

/* What was mapped stays readable when its names are gone, but nobody writes to it any more. */
static enum sp_status check_store_files(struct sallyport_store *store, struct sp_error *error) {
    enum sp_status status = sp_store_check_files(store->store, error);
    if (status != SP_OK)
        atomic_store(&store->lost, true);
    return status;
}

enum sallyport_status sallyport_check_files(struct sallyport_store *store, char *message) {
    struct sp_error error = {0};
    enum sp_status status = check_store_files(store, &error);
    if (status == SP_OK && atomic_load(&store->lost))
        status = sp_error_set(&error, SP_ERR_UNAVAILABLE, "the store's files were replaced for a while: open it again");
    return status == SP_OK ? SALLYPORT_OK : report_failure(status, &error, message);
}

/* Whether the store may be read from. One of the threads that ask within a second looks. */
static bool check_store_once_a_second(struct sallyport_store *store, long long now_s) {
    long long looked_at_s = atomic_load_explicit(&store->looked_at_s, memory_order_relaxed);
    if (atomic_load_explicit(&store->lost, memory_order_relaxed))
        return false;
    if (looked_at_s == now_s || !atomic_compare_exchange_strong(&store->looked_at_s, &looked_at_s, now_s))
        return true;
    return check_store_files(store, NULL) == SP_OK;
}

/* ---- readers ---- */

enum sallyport_status sallyport_reader_open(struct sallyport_store *store, struct sallyport_reader **ret_reader,
                                            char *message) {
    struct sp_error error = {0};
    struct sallyport_reader *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return report_failure(sp_error_set(&error, SP_ERR_MEMORY, "out of memory"), &error, message);
    if (atomic_load(&store->lost)) {
        free(made);
        return report_failure(
            sp_error_set(&error, SP_ERR_UNAVAILABLE, "the store's files were replaced: open it again"), &error,
            message);
    }
    enum sp_status status = sp_snapshot_open(store->store, &made->snapshot);
    if (status != SP_OK) {
        free(made);
        sp_error_set(&error, status, "the store has no free reader slot, or memory is short");
        return report_failure(status, &error, message);
    }
    made->store = store;
    *ret_reader = made;
    return SALLYPORT_OK;
}

void sallyport_reader_close(struct sallyport_reader *reader) {
    if (reader == NULL)
        return;
    sp_snapshot_close(reader->snapshot);
    free(reader);
}

static struct sp_str borrow_caller_text(struct sallyport_text text) {
    return (struct sp_str){text.data, text.size};
}

static bool is_valid_text(enum sp_question_field field, struct sallyport_text text) {
    return sp_question_text_fault(field, borrow_caller_text(text)) == NULL;
}

/* By exactly one of text and digest. */
static enum sp_status read_api_key(const struct sallyport_question *question, struct sp_query *query) {
    if (question->api_key_sha256 != NULL) {
        if (question->api_key.size > 0)
            return SP_ERR_INVALID;
        query->credential_kind = SP_CREDENTIAL_SHA256;
        query->credential = (struct sp_bytes){question->api_key_sha256, SP_DIGEST_BYTES};
        return SP_OK;
    }
    if (!is_valid_text(SP_QUESTION_KEY, question->api_key))
        return SP_ERR_INVALID;
    query->credential_kind = SP_CREDENTIAL_TEXT;
    query->credential = (struct sp_bytes){(const uint8_t *)question->api_key.data, question->api_key.size};
    return SP_OK;
}

/* What sallyportd makes of a CheckRequest, with the same mistakes refused. The query may point
 * to `ip`. */
static enum sp_status fill_query(const struct sallyport_question *question, struct sp_ip *ip,
                                 struct sp_query *ret_query) {
    struct sp_query query = {
        .resource_type = borrow_caller_text(question->type),
        .resource_id = borrow_caller_text(question->id),
        .action = borrow_caller_text(question->action),
        .workspace = borrow_caller_text(question->workspace),
    };
    if (!is_valid_text(SP_QUESTION_TYPE, question->type) || !is_valid_text(SP_QUESTION_ID, question->id) ||
        !is_valid_text(SP_QUESTION_ACTION, question->action) ||
        !is_valid_text(SP_QUESTION_WORKSPACE, question->workspace))
        return SP_ERR_INVALID;
    if (question->ip.size > 0) {
        if (sp_ip_parse(borrow_caller_text(question->ip), ip, NULL) != SP_OK)
            return SP_ERR_INVALID;
        query.ip = ip;
    }
    enum sp_status status = read_api_key(question, &query);
    if (status != SP_OK)
        return status;
    *ret_query = query;
    return SP_OK;
}

static void copy_id(char *to, size_t room, struct sp_str from) {
    size_t size = from.size < room ? from.size : room - 1;
    if (size > 0)
        memcpy(to, from.data, size);
    to[size] = '\0';
}

static void copy_answer(const struct sp_answer *answer, struct sallyport_answer *ret_answer) {
    const struct sp_disclosure key = sp_answer_disclose(answer);
    ret_answer->allowed = answer->allowed;
    ret_answer->reason = (uint8_t)answer->reason;
    ret_answer->role = (uint8_t)key.role;
    ret_answer->principal_kind = key.principal_kind;
    ret_answer->http_status = (uint16_t)sp_reason_http_status(answer->reason);
    ret_answer->epoch = answer->revision.epoch;
    ret_answer->revision = answer->revision.number;
    copy_id(ret_answer->workspace, sizeof(ret_answer->workspace), key.workspace);
    copy_id(ret_answer->principal, sizeof(ret_answer->principal), key.principal);
    copy_id(ret_answer->key_id, sizeof(ret_answer->key_id), key.key_id);
}

/* What is the same for all questions of a call. */
struct check_call {
    struct sp_view *view;
    int64_t now_s;
    bool stale;
    struct sp_check_memo *memo; /* NULL: a single question */
};

static enum sp_status answer_question(const struct check_call *call, const struct sallyport_question *question,
                                      struct sallyport_answer *ret_answer) {
    struct sp_ip ip;
    struct sp_query query;
    struct sp_answer answer;
    enum sp_status status = fill_query(question, &ip, &query);
    if (status != SP_OK)
        return status;
    query.now_s = call->now_s;
    query.stale = call->stale;
    query.memo = call->memo;
    status = sp_check(call->view, &query, &answer);
    if (status != SP_OK)
        return status;
    copy_answer(&answer, ret_answer);
    return SP_OK;
}

/* On an acquired snapshot. */
static enum sp_status answer_questions(struct sallyport_reader *reader, const struct sallyport_question *questions,
                                       size_t count, int64_t now_s, struct sallyport_answer *ret_answers) {
    struct sp_check_memo memo = {0};
    struct check_call call = {
        .view = sp_snapshot_view(reader->snapshot), .now_s = now_s, .memo = count > 1 ? &memo : NULL};
    int64_t max_staleness_s = atomic_load_explicit(&reader->store->max_staleness_s, memory_order_relaxed);
    enum sp_status status = sp_view_is_stale(call.view, now_s, max_staleness_s, &call.stale);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        status = answer_question(&call, &questions[i], &ret_answers[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sallyport_status sallyport_check_many(struct sallyport_reader *reader, const struct sallyport_question *questions,
                                           size_t count, struct sallyport_answer *ret_answers) {
    int64_t now_s = sp_clock_now_s();
    memset(ret_answers, 0, count * sizeof(*ret_answers));
    if (!check_store_once_a_second(reader->store, now_s))
        return SALLYPORT_UNAVAILABLE;
    enum sp_status status = sp_snapshot_acquire(reader->snapshot);
    if (status != SP_OK)
        return translate_status(status);
    status = answer_questions(reader, questions, count, now_s, ret_answers);
    sp_snapshot_release(reader->snapshot);
    return translate_status(status);
}

enum sallyport_status sallyport_check(struct sallyport_reader *reader, const struct sallyport_question *question,
                                      struct sallyport_answer *ret_answer) {
    return sallyport_check_many(reader, question, 1, ret_answer);
}

enum sallyport_status sallyport_refresh(struct sallyport_reader *reader, uint64_t *ret_epoch, uint64_t *ret_revision) {
    if (!check_store_once_a_second(reader->store, sp_clock_now_s()))
        return SALLYPORT_UNAVAILABLE;
    enum sp_status status = sp_snapshot_acquire(reader->snapshot);
    if (status != SP_OK)
        return translate_status(status);
    struct sp_revision revision;
    status = sp_view_revision(sp_snapshot_view(reader->snapshot), &revision);
    sp_snapshot_release(reader->snapshot);
    if (status != SP_OK)
        return translate_status(status);
    *ret_epoch = revision.epoch;
    *ret_revision = revision.number;
    return SALLYPORT_OK;
}

const char *sallyport_reason_name(uint8_t reason) {
    return sp_reason_name(reason < SP_REASON_COUNT ? (enum sp_reason)reason : SP_REASON_NONE);
}
