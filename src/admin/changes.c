#include "admin/changes.h"

#include "admin/change_filter.h"
#include "admin/handlers.h"
#include "admin/lineage.h"
#include "admin/message.h"
#include "admin/page.h"
#include "base/clock.h"
#include "store/records/change.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "wire/wire.h"

enum {
    TOKEN_BYTES = 8, /* the first revision of the next page */
    SCRATCH_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024, /* one change, an import's too */
};

/* ---- what a workspace sees ---- */

static bool is_entity_of(const Sallyport__V1__EntityChange *entity, struct sp_str workspace) {
    return sp_str_equal(sp_str_from(entity->workspace), workspace);
}

static size_t count_entities_of(const Sallyport__V1__Change *change, struct sp_str workspace) {
    size_t count = 0;
    for (size_t i = 0; i < change->n_entities; i++)
        count += is_entity_of(change->entities[i], workspace);
    return count;
}

enum sp_status sp_admin_change_seen(const Sallyport__V1__Change *change, struct sp_str workspace,
                                    struct sp_arena *arena, Sallyport__V1__Change **ret_seen) {
    size_t count = workspace.size == 0 ? change->n_entities : count_entities_of(change, workspace);
    bool about = workspace.size == 0 || sp_str_equal(sp_str_from(change->workspace), workspace);
    if (!about && count == 0) {
        *ret_seen = NULL;
        return SP_OK;
    }
    Sallyport__V1__Change part = *change;
    if (count < change->n_entities) {
        part.n_entities = 0;
        part.entities = sp_arena_calloc(arena, count + 1, sizeof(*part.entities));
        if (part.entities == NULL)
            return SP_ERR_MEMORY;
        for (size_t i = 0; i < change->n_entities; i++)
            if (is_entity_of(change->entities[i], workspace))
                part.entities[part.n_entities++] = change->entities[i];
    }
    Sallyport__V1__Change *seen = (void *)sp_wire_copy(&part.base, arena);
    if (seen == NULL)
        return SP_ERR_MEMORY;
    *ret_seen = seen;
    return SP_OK;
}

/* ---- where to begin ---- */

enum sp_status sp_admin_refuse_trimmed(const char *field, uint64_t from, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_OUT_OF_RANGE,
                        "%s: some changes since revision %llu are no longer kept: begin with the oldest that is", field,
                        (unsigned long long)from);
}

/* Epochs end for known reasons; a number that is ahead in this one may be a typing error. */
static enum sp_status refuse_other_trail(struct sp_error *error, const Sallyport__V1__Revision *since,
                                         struct sp_revision revision) {
    bool this_epoch = since->epoch == 0 || since->epoch == revision.epoch;
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "since: revision %llu:%llu is not in the history of this store, whose newest is %llu:%llu%s; "
                        "begin with one that it has, or with the oldest change kept",
                        (unsigned long long)since->epoch, (unsigned long long)since->number,
                        (unsigned long long)revision.epoch, (unsigned long long)revision.number,
                        this_epoch ? "" : ", of another epoch: it was restored, recreated or moved");
}

struct one_change {
    bool found;
    uint64_t number;
    uint64_t epoch;
};

static enum sp_status note_first_change(void *context, const Sallyport__V1__Change *change) {
    struct one_change *first = context;
    if (change->revision == NULL)
        return SP_ERR_CORRUPT;
    *first = (struct one_change){true, change->revision->number, change->revision->epoch};
    return SP_WALK_END;
}

static enum sp_status read_first_change(struct sp_view *view, uint64_t from, struct one_change *ret_first) {
    struct sp_arena scratch;
    enum sp_status status = sp_arena_init(&scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_change_walk(view, from, &scratch, note_first_change, ret_first);
    sp_arena_fini(&scratch);
    return status;
}

enum sp_status sp_admin_changes_after(struct sp_view *view, const Sallyport__V1__Revision *since, uint64_t *ret_from,
                                      struct sp_error *error) {
    struct sp_revision revision;
    struct one_change last = {0};
    enum sp_status status = sp_view_revision(view, &revision);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store's revision");
    if (since->number > revision.number)
        return refuse_other_trail(error, since, revision);
    status = read_first_change(view, since->number, &last);
    /* The last that the reader has may be trimmed already; what comes after it must not be. */
    if (status == SP_ERR_OUT_OF_RANGE)
        status = read_first_change(view, since->number + 1, &last);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_admin_refuse_trimmed("since", since->number + 1, error);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the changes");
    if (since->epoch != 0 && last.found && last.number == since->number && last.epoch != since->epoch)
        return refuse_other_trail(error, since, revision);
    *ret_from = since->number + 1;
    return SP_OK;
}

/* ---- pages ---- */

struct change_page {
    struct sp_admin_context *ctx;
    struct sp_admin_change_filter filter;
    Sallyport__V1__ListChangesResponse *response;
    size_t size;
    size_t bytes;
    size_t visited;
    int64_t began_ms;
    uint64_t next; /* the first revision that was not visited; 0: none is left */
};

/* A page visits one change at least, whatever its size and however long that takes. */
static bool is_change_page_full(const struct change_page *page) {
    return page->response->n_changes >= page->size || page->bytes >= SP_ADMIN_PAGE_MAX_BYTES ||
           page->visited >= SP_ADMIN_PAGE_MAX_VISITED ||
           (page->visited > 0 && sp_clock_thread_ms() - page->began_ms >= SP_ADMIN_PAGE_MAX_MS);
}

static enum sp_status append_seen_change(void *context, const Sallyport__V1__Change *change) {
    struct change_page *page = context;
    Sallyport__V1__Change *seen = NULL;
    uint64_t number = change->revision == NULL ? 0 : change->revision->number;
    if (number == 0)
        return SP_ERR_CORRUPT;
    if (is_change_page_full(page)) {
        page->next = number;
        return SP_WALK_END;
    }
    page->visited++;
    if (!sp_admin_change_filter_fits(&page->filter, page->ctx->workspace, change))
        return SP_OK;
    enum sp_status status = sp_admin_change_seen(change, page->ctx->workspace, page->ctx->arena, &seen);
    if (status != SP_OK || seen == NULL)
        return status;
    size_t bytes = protobuf_c_message_get_packed_size(&seen->base);
    if (page->response->n_changes > 0 && page->bytes + bytes > SP_ADMIN_PAGE_MAX_BYTES) {
        page->next = number;
        return SP_WALK_END;
    }
    page->bytes += bytes;
    page->response->changes[page->response->n_changes++] = seen;
    return SP_OK;
}

static enum sp_status read_start(struct sp_admin_context *ctx, const Sallyport__V1__ListChangesRequest *request,
                                 uint64_t *ret_from) {
    struct sp_entity_key token;
    enum sp_status status = sp_admin_token_decode(ctx, request->page_token, &token);
    if (status != SP_OK)
        return status;
    if (token.size != 0 && token.size != TOKEN_BYTES)
        return sp_admin_refuse_token(ctx);
    if (request->since != NULL && request->from_number != 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "since: cannot be combined with from_number");
    if (token.size == 0 && request->since != NULL)
        return sp_admin_changes_after(ctx->view, request->since, ret_from, ctx->error);
    *ret_from = token.size == 0 ? request->from_number : sp_load_be64(token.bytes);
    return SP_OK;
}

/* The actor's descendants are those of now, also for a page of a list that began before. */
static enum sp_status read_filter(struct sp_admin_context *ctx, const Sallyport__V1__ListChangesRequest *request,
                                  struct sp_admin_change_filter *ret_filter) {
    struct sp_admin_change_filter filter = sp_admin_change_filter_of_list(request);
    enum sp_status status = sp_admin_change_filter_check(&filter, ctx->error);
    if (status != SP_OK)
        return status;
    if (request->actor_descendants) {
        if (request->actor[0] == '\0')
            return sp_error_set(ctx->error, SP_ERR_INVALID, "actor: required with actor_descendants: the id of a key");
        if (ctx->workspace.size == 0)
            return sp_error_set(ctx->error, SP_ERR_INVALID, "workspace: required with actor_descendants: the key's");
        status = sp_admin_find_line(ctx, ctx->workspace, request->actor, &filter.keys);
        if (status != SP_OK)
            return status;
    }
    *ret_filter = filter;
    return SP_OK;
}

static enum sp_status fill_change_page(struct change_page *page, uint64_t from) {
    struct sp_arena scratch;
    enum sp_status status = sp_arena_init(&scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    page->began_ms = sp_clock_thread_ms();
    status = page->ctx->workspace.size == 0
                 ? sp_change_walk(page->ctx->view, from, &scratch, append_seen_change, page)
                 : sp_change_walk_of(page->ctx->view, page->ctx->workspace, from, &scratch, append_seen_change, page);
    sp_arena_fini(&scratch);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_admin_refuse_trimmed("from_number", from, page->ctx->error);
    if (status != SP_OK || page->next == 0)
        return status;
    uint8_t token[TOKEN_BYTES];
    sp_store_be64(token, page->next);
    return sp_admin_token_encode(page->ctx, (struct sp_bytes){token, sizeof(token)}, &page->response->next_page_token);
}

enum sp_status sp_admin_list_changes(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListChangesRequest *request = (const void *)message;
    struct change_page page = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListChangesResponse, sallyport__v1__list_changes_response)};
    uint64_t from = 0;
    if (page.response == NULL)
        return SP_ERR_MEMORY;
    page.response->changes = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*page.response->changes));
    if (page.response->changes == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_page_size(ctx, request->page_size, &page.size);
    if (status != SP_OK)
        return status;
    status = read_filter(ctx, request, &page.filter);
    if (status != SP_OK)
        return status;
    status = read_start(ctx, request, &from);
    if (status != SP_OK)
        return status;
    status = fill_change_page(&page, from);
    if (status != SP_OK)
        return status;
    *ret_reply = &page.response->base;
    return SP_OK;
}
