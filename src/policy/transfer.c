#include "policy/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "policy/edit_name.h"
#include "policy/message.h"

enum {
    PAGE_ROWS = 1000,
    READS_MAX = 5,
    PAGE_FIRST_BYTES = 1 << 20,
    PAGE_BUDGET_BYTES = 256 << 20,
    PART_EDITS = 10000,
    PART_BYTES = 4000000, /* of edits; a request may have 4 MiB */
    PART_BUDGET_BYTES = 64 << 20,
};

/* Messages have texts that nobody changes, and say so nowhere. */
static char *borrow_request_text(const char *text) {
    return text == NULL ? (char *)(uintptr_t)protobuf_c_empty_string : (char *)(uintptr_t)text;
}

static void report_transfer(const struct sp_policy_link *link, const char *what, uint64_t done, uint64_t total,
                            bool ended) {
    if (link->progress != NULL)
        link->progress(what, done, total, ended);
}

/* ---- reading ---- */

/* The token of the next page in `token`; empty after the last one. */
static enum sp_status read_policy_page(const struct sp_policy_link *link, const char *workspace,
                                       struct sp_policy *policy, struct sp_policy_revision *revision,
                                       struct sp_arena *arena, char *token, size_t token_room, struct sp_error *error) {
    Sallyport__V1__ExportPolicyRequest request = SALLYPORT__V1__EXPORT_POLICY_REQUEST__INIT;
    Sallyport__V1__Revision since = SALLYPORT__V1__REVISION__INIT;
    ProtobufCMessage *message = NULL;
    request.workspace = borrow_request_text(workspace);
    request.page_size = PAGE_ROWS;
    request.page_token = token;
    since.epoch = revision->epoch;
    since.number = revision->number;
    if (token[0] != '\0')
        request.unchanged_since = &since;
    enum sp_status status = link->call(link->context, "ExportPolicy", &request.base,
                                       &sallyport__v1__export_policy_response__descriptor, arena, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__ExportPolicyResponse *page = (const void *)message;
    if (page->revision == NULL || strlen(page->next_page_token) >= token_room)
        return sp_error_set(error, SP_ERR_INTERNAL, "the server sent a page without a revision");
    if (token[0] == '\0')
        *revision = (struct sp_policy_revision){page->revision->epoch, page->revision->number};
    (void)snprintf(token, token_room, "%s", page->next_page_token);
    status = sp_policy_take_page(policy, page);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "the policy does not fit into memory");
}

static uint64_t count_entries(const struct sp_policy *policy) {
    return policy->principal_count + policy->group_count + policy->member_count + policy->resource_count +
           policy->share_count;
}

static enum sp_status read_policy_once(const struct sp_policy_link *link, const char *workspace,
                                       struct sp_policy *policy, struct sp_policy_revision *ret_revision,
                                       struct sp_error *error) {
    enum { TOKEN_BYTES = 1024 };
    struct sp_arena page;
    char token[TOKEN_BYTES] = "";
    enum sp_status status = sp_arena_init(&page, PAGE_FIRST_BYTES, PAGE_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    do {
        sp_arena_reset(&page);
        status = read_policy_page(link, workspace, policy, ret_revision, &page, token, sizeof(token), error);
        report_transfer(link, "read", count_entries(policy), 0, status != SP_OK || token[0] == '\0');
    } while (status == SP_OK && token[0] != '\0');
    sp_arena_fini(&page);
    return status;
}

enum sp_status sp_policy_read_store(const struct sp_policy_link *link, const char *workspace, struct sp_policy *policy,
                                    struct sp_policy_revision *ret_revision, struct sp_error *error) {
    struct sp_arena *arena = policy->arena;
    enum sp_status status = SP_ERR_ABORTED;
    for (unsigned i = 0; i < READS_MAX && status == SP_ERR_ABORTED; i++) {
        sp_arena_reset(arena);
        *policy = (struct sp_policy){.arena = arena};
        status = read_policy_once(link, workspace, policy, ret_revision, error);
    }
    if (status == SP_OK)
        sp_policy_sort(policy);
    return status;
}

/* ---- changing ---- */

/* The edits of one request. */
struct part {
    struct sp_arena arena;
    Sallyport__V1__PolicyEdit **edits;
    size_t first, count;
};

static enum sp_status fill_part(const struct sp_policy_change *change, size_t first, struct part *part) {
    size_t bytes = 0, most = change->edits->count - first;
    sp_arena_reset(&part->arena);
    part->first = first;
    part->count = 0;
    part->edits = sp_arena_calloc(&part->arena, most < PART_EDITS ? most : PART_EDITS, sizeof(*part->edits));
    if (part->edits == NULL)
        return SP_ERR_MEMORY;
    while (part->count < most && part->count < PART_EDITS) {
        Sallyport__V1__PolicyEdit *message = NULL;
        enum sp_status status =
            sp_policy_edit_message(&change->edits->list[first + part->count], change->want, &part->arena, &message);
        if (status != SP_OK)
            return status;
        bytes += protobuf_c_message_get_packed_size(&message->base) + 8; /* with what is before it */
        if (bytes > PART_BYTES)
            break;
        part->edits[part->count++] = message;
    }
    return SP_OK;
}

/* "edits[N]: what" becomes "FILE:LINE:COLUMN: what", or says what is removed. */
static void place_refusal(const struct sp_policy_change *change, const struct part *part, struct sp_error *error) {
    char name[SP_POLICY_EDIT_NAME_BYTES], what[sizeof(error->message)];
    static const char close[] = "]: ";
    unsigned long number = 0;
    const char *rest = sp_text_read_number(error->message, "edits[", &number);
    if (rest == NULL || strncmp(rest, close, sizeof(close) - 1) != 0 || number >= part->count)
        return;
    const struct sp_policy_edit *edit = &change->edits->list[part->first + number];
    (void)snprintf(what, sizeof(what), "%s", rest + sizeof(close) - 1);
    sp_policy_name_edit(edit, change->want, name, sizeof(name));
    (void)sp_error_set(error, error->status, "%s: %s", name, what);
}

static enum sp_status send_part(const struct sp_policy_link *link, const struct sp_policy_change *change,
                                struct part *part, struct sp_policy_revision *revision, struct sp_error *error) {
    Sallyport__V1__ApplyPolicyRequest request = SALLYPORT__V1__APPLY_POLICY_REQUEST__INIT;
    Sallyport__V1__Revision since = SALLYPORT__V1__REVISION__INIT;
    ProtobufCMessage *message = NULL;
    char request_id[SP_RANDOM_ID_BYTES] = "";
    bool numbered = change->request_id != NULL && part->first > 0;
    if (numbered && sp_random_id("req_", request_id) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot generate a request id: no random bytes");
    since.epoch = revision->epoch;
    since.number = revision->number;
    request.request_id = numbered ? request_id : borrow_request_text(change->request_id);
    request.workspace = borrow_request_text(change->workspace);
    request.unchanged_since = &since;
    request.edits = part->edits;
    request.n_edits = part->count;
    enum sp_status status = link->call(link->context, "ApplyPolicy", &request.base,
                                       &sallyport__v1__mutation_response__descriptor, &part->arena, &message, error);
    if (status != SP_OK) {
        place_refusal(change, part, error);
        return status;
    }
    const Sallyport__V1__MutationResponse *response = (const void *)message;
    if (response != NULL && response->revision != NULL)
        *revision = (struct sp_policy_revision){response->revision->epoch, response->revision->number};
    return SP_OK;
}

static enum sp_status send_parts(const struct sp_policy_link *link, const struct sp_policy_change *change,
                                 struct part *part, struct sp_policy_revision *revision, size_t *ret_made,
                                 struct sp_error *error) {
    size_t count = change->edits->count;
    for (size_t made = 0; made < count; made += part->count, *ret_made = made) {
        enum sp_status status = fill_part(change, made, part);
        if (status != SP_OK)
            return sp_error_set(error, status, "the edits do not fit into memory");
        if (made == 0 && part->count < count && !change->in_parts)
            return sp_error_set(error, SP_ERR_INVALID,
                                "%zu edits are more than fit in one change (%zu); apply fewer files at a time, or make "
                                "several changes with --in-parts",
                                count, part->count);
        status = send_part(link, change, part, revision, error);
        if (status != SP_OK)
            return status;
        report_transfer(link, "applying", made + part->count, count, made + part->count == count);
    }
    return SP_OK;
}

enum sp_status sp_policy_change_store(const struct sp_policy_link *link, const struct sp_policy_change *change,
                                      struct sp_policy_revision *revision, size_t *ret_made, struct sp_error *error) {
    struct part part = {0};
    *ret_made = 0;
    enum sp_status status = sp_arena_init(&part.arena, PAGE_FIRST_BYTES, PART_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = send_parts(link, change, &part, revision, ret_made, error);
    sp_arena_fini(&part.arena);
    return status;
}
