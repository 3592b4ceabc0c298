#include "admin/page.h"

#include "base/base64url.h"
#include "base/clock.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "wire/wire.h"

enum { MAX_VISITED_BYTES = 4 * 1024 * 1024 }; /* what a filter drops takes memory too */

enum sp_status sp_admin_token_encode(struct sp_admin_context *ctx, struct sp_bytes key, char **ret_token) {
    char *token = sp_arena_alloc(ctx->arena, SP_BASE64URL_CHARS(key.size));
    if (token == NULL)
        return SP_ERR_MEMORY;
    sp_base64url_encode(key, token);
    *ret_token = token;
    return SP_OK;
}

enum sp_status sp_admin_refuse_token(struct sp_admin_context *ctx) {
    return sp_error_set(ctx->error, SP_ERR_INVALID, "page_token: not a token returned by this list");
}

enum sp_status sp_admin_token_decode(struct sp_admin_context *ctx, const char *page_token,
                                     struct sp_entity_key *ret_key) {
    struct sp_entity_key key = {0};
    size_t size = 0;
    if (!sp_base64url_decode(sp_str_from(page_token), key.bytes, sizeof(key.bytes), &size))
        return sp_admin_refuse_token(ctx);
    key.size = (uint16_t)size;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_admin_page_size(struct sp_admin_context *ctx, uint32_t page_size, size_t *ret_size) {
    if (page_size > SP_ADMIN_PAGE_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "page_size: at most %d", SP_ADMIN_PAGE_MAX);
    *ret_size = page_size == 0 ? SP_ADMIN_PAGE_DEFAULT : page_size;
    return SP_OK;
}

bool sp_admin_page_is_late(int64_t began_ms, size_t visited) {
    enum { CLOCK_EVERY = 64 };
    return visited > 0 && visited % CLOCK_EVERY == 0 && sp_clock_thread_ms() - began_ms >= SP_ADMIN_PAGE_MAX_MS;
}

/* A walk for one page. */
struct page_walk {
    struct sp_arena *arena;
    const ProtobufCMessageDescriptor *stored;
    sp_admin_keep *keep;
    void *list;
    size_t size;
    size_t kept;
    size_t kept_bytes;
    size_t visited;
    size_t visited_bytes;
    int64_t began_ms;
    struct sp_entity_key last;
    bool more;
};

static bool is_list_page_full(const struct page_walk *page) {
    return page->kept >= page->size || page->kept_bytes >= SP_ADMIN_PAGE_MAX_BYTES ||
           page->visited >= SP_ADMIN_PAGE_MAX_VISITED || page->visited_bytes >= MAX_VISITED_BYTES ||
           sp_admin_page_is_late(page->began_ms, page->visited);
}

static enum sp_status visit_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct page_walk *page = context;
    ProtobufCMessage *message = NULL;
    bool kept = false;
    if (is_list_page_full(page)) {
        page->more = true;
        return SP_WALK_END;
    }
    if (key.size > SP_ENTITY_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    enum sp_status status = sp_wire_unpack_trusted(page->stored, value, page->arena, &message);
    if (status != SP_OK)
        return status;
    status = page->keep(page->list, message, &kept);
    if (status != SP_OK)
        return status;
    page->visited++;
    page->visited_bytes += value.size;
    page->last.size = (uint16_t)key.size;
    memcpy(page->last.bytes, key.data, key.size);
    if (kept) {
        page->kept++;
        page->kept_bytes += value.size;
    }
    return SP_OK;
}

enum sp_status sp_admin_page(struct sp_admin_context *ctx, struct sp_bytes key_prefix,
                             const ProtobufCMessageDescriptor *stored, uint32_t page_size, const char *page_token,
                             sp_admin_keep *keep, void *list, char **ret_next_token) {
    struct page_walk page = {
        .arena = ctx->arena, .stored = stored, .keep = keep, .list = list, .began_ms = sp_clock_thread_ms()};
    struct sp_entity_key after = {0};
    enum sp_status status = sp_admin_page_size(ctx, page_size, &page.size);
    if (status != SP_OK)
        return status;
    status = sp_admin_token_decode(ctx, page_token, &after);
    if (status != SP_OK)
        return status;
    if (after.size > 0 && !sp_bytes_begin_with((struct sp_bytes){after.bytes, after.size}, key_prefix))
        return sp_admin_refuse_token(ctx);
    status = sp_entity_walk(ctx->view, key_prefix, after.size > 0 ? &after : NULL, visit_entity, &page);
    if (status != SP_OK || !page.more)
        return status;
    return sp_admin_token_encode(ctx, (struct sp_bytes){page.last.bytes, page.last.size}, ret_next_token);
}
