#include "lib/sallyport.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "core/key_text.h"
#include "decide/check.h"
#include "store/records/snapshot.h"

struct sallyport_store {
    struct sp_store *store;
};

struct sallyport_reader {
    struct sp_snapshot *snapshot;
};

static enum sallyport_status status_of(enum sp_status status) {
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

static enum sallyport_status tell(enum sp_status status, const struct sp_error *error, char *message) {
    if (message != NULL)
        (void)snprintf(message, SALLYPORT_MESSAGE_BYTES, "%s", error->message);
    return status_of(status);
}

enum sallyport_status sallyport_open(const char *path, struct sallyport_store **ret_store, char *message) {
    struct sp_error error = {0};
    struct sallyport_store *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return tell(sp_error_set(&error, SP_ERR_MEMORY, "out of memory"), &error, message);
    struct sp_store_options options = {.mode = SP_STORE_READ};
    enum sp_status status = sp_store_open(path, &options, &made->store, &error);
    if (status != SP_OK) {
        free(made);
        return tell(status, &error, message);
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

enum sallyport_status sallyport_reader_open(struct sallyport_store *store, struct sallyport_reader **ret_reader,
                                            char *message) {
    struct sp_error error = {0};
    struct sallyport_reader *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return tell(sp_error_set(&error, SP_ERR_MEMORY, "out of memory"), &error, message);
    enum sp_status status = sp_snapshot_open(store->store, &made->snapshot);
    if (status != SP_OK) {
        free(made);
        sp_error_set(&error, status, "no reader slot is free in the store, or memory is short");
        return tell(status, &error, message);
    }
    *ret_reader = made;
    return SALLYPORT_OK;
}

void sallyport_reader_close(struct sallyport_reader *reader) {
    if (reader == NULL)
        return;
    sp_snapshot_close(reader->snapshot);
    free(reader);
}

static struct sp_str str_of(struct sallyport_text text) {
    return (struct sp_str){text.data, text.size};
}

static bool is_field(struct sallyport_text text, size_t max_bytes) {
    return text.size <= max_bytes &&
           (text.size == 0 || (memchr(text.data, '\0', text.size) == NULL && sp_text_is_utf8(str_of(text))));
}

/* The same checks that the server makes of a CheckRequest before step 1. */
static enum sp_status query_of(const struct sallyport_question *question, int64_t now_s, struct sp_ip *ip,
                               struct sp_query *ret_query) {
    if (!is_field(question->type, SP_ID_MAX_BYTES) || !is_field(question->id, SP_RESOURCE_ID_MAX_BYTES) ||
        !is_field(question->action, SP_ID_MAX_BYTES) || !is_field(question->workspace, SP_ID_MAX_BYTES) ||
        question->api_key.size > SP_KEY_PRESENTED_MAX_BYTES)
        return SP_ERR_INVALID;
    if (question->ip.size > 0 && sp_ip_parse(str_of(question->ip), ip, NULL) != SP_OK)
        return SP_ERR_INVALID;
    bool by_digest = question->api_key_sha256 != NULL;
    if (by_digest ? question->api_key.size > 0 : question->api_key.size == 0)
        return SP_ERR_INVALID;
    *ret_query = (struct sp_query){
        .credential_kind = by_digest ? SP_CREDENTIAL_SHA256 : SP_CREDENTIAL_TEXT,
        .credential = by_digest ? (struct sp_bytes){question->api_key_sha256, SP_DIGEST_BYTES}
                                : (struct sp_bytes){(const uint8_t *)question->api_key.data, question->api_key.size},
        .ip = question->ip.size > 0 ? ip : NULL,
        .resource_type = str_of(question->type),
        .resource_id = str_of(question->id),
        .action = str_of(question->action),
        .workspace = str_of(question->workspace),
        .now_s = now_s,
    };
    return SP_OK;
}

static void copy_id(char to[SALLYPORT_ID_BYTES], struct sp_str from) {
    size_t size = from.size < SALLYPORT_ID_BYTES ? from.size : SALLYPORT_ID_BYTES - 1;
    if (size > 0)
        memcpy(to, from.data, size);
    to[size] = '\0';
}

static void answer_of(const struct sp_answer *answer, struct sallyport_answer *ret_answer) {
    ret_answer->allowed = answer->allowed;
    ret_answer->reason = (uint8_t)answer->reason;
    ret_answer->role = (uint8_t)answer->role;
    ret_answer->principal_kind = answer->principal_kind;
    ret_answer->http_status = (uint16_t)sp_reason_http_status(answer->reason);
    ret_answer->epoch = answer->revision.epoch;
    ret_answer->revision = answer->revision.number;
    copy_id(ret_answer->workspace, answer->workspace);
    copy_id(ret_answer->principal, answer->principal);
    copy_id(ret_answer->key_id, answer->key_id);
}

static enum sp_status check_one(struct sp_view *view, const struct sallyport_question *question, int64_t now_s,
                                struct sp_check_memo *memo, struct sallyport_answer *ret_answer) {
    struct sp_ip ip;
    struct sp_query query = {0};
    struct sp_answer answer = {0};
    enum sp_status status = query_of(question, now_s, &ip, &query);
    query.memo = memo;
    if (status == SP_OK)
        status = sp_check(view, &query, &answer);
    if (status == SP_OK)
        answer_of(&answer, ret_answer);
    return status;
}

enum sallyport_status sallyport_check_many(struct sallyport_reader *reader, const struct sallyport_question *questions,
                                           size_t count, struct sallyport_answer *ret_answers) {
    memset(ret_answers, 0, count * sizeof(*ret_answers));
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return SALLYPORT_ERROR;
    enum sp_status status = sp_snapshot_acquire(reader->snapshot);
    if (status != SP_OK)
        return status_of(status);
    struct sp_view *view = sp_snapshot_view(reader->snapshot);
    struct sp_check_memo memo = {0};
    for (size_t i = 0; i < count && status == SP_OK; i++)
        status = check_one(view, &questions[i], (int64_t)now.tv_sec, count > 1 ? &memo : NULL, &ret_answers[i]);
    sp_snapshot_release(reader->snapshot);
    return status_of(status);
}

enum sallyport_status sallyport_check(struct sallyport_reader *reader, const struct sallyport_question *question,
                                      struct sallyport_answer *ret_answer) {
    return sallyport_check_many(reader, question, 1, ret_answer);
}

enum sallyport_status sallyport_refresh(struct sallyport_reader *reader, uint64_t *ret_epoch, uint64_t *ret_revision) {
    enum sp_status status = sp_snapshot_acquire(reader->snapshot);
    if (status != SP_OK)
        return status_of(status);
    struct sp_revision revision;
    status = sp_view_revision(sp_snapshot_view(reader->snapshot), &revision);
    sp_snapshot_release(reader->snapshot);
    if (status == SP_OK) {
        *ret_epoch = revision.epoch;
        *ret_revision = revision.number;
    }
    return status_of(status);
}

const char *sallyport_reason_name(uint8_t reason) {
    return sp_reason_name(reason < SP_REASON_COUNT ? (enum sp_reason)reason : SP_REASON_NONE);
}
