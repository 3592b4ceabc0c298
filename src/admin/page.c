/* Lists, page by page. A token is the last key that was looked at, in base64url: no state is kept between pages. */
#include "admin/internal.h"
#include "base/base64url.h"
#include "wire/wire.h"

enum {
    MAX_KEPT_BYTES = 1024 * 1024,
    MAX_LOOKED_AT = 10000,
    MAX_LOOKED_AT_BYTES = 4 * 1024 * 1024, /* what a filter drops takes memory too */
};

enum sp_status sp_admin_token_encode(struct sp_admin_context *ctx, struct sp_bytes key, char **ret_token) {
    char *token = sp_arena_alloc(ctx->arena, SP_BASE64URL_CHARS(key.size));
    if (token == NULL)
        return SP_ERR_MEMORY;
    sp_base64url_encode(key, token);
    *ret_token = token;
    return SP_OK;
}

static enum sp_status refuse_token(struct sp_admin_context *ctx) {
    return sp_error_set(ctx->error, SP_ERR_INVALID, "page_token: not one that this list gave");
}

enum sp_status sp_admin_token_decode(struct sp_admin_context *ctx, const char *page_token,
                                     struct sp_entity_key *ret_key) {
    struct sp_entity_key key = {0};
    size_t size = 0;
    if (!sp_base64url_decode(sp_str_from(page_token), key.bytes, sizeof(key.bytes), &size))
        return refuse_token(ctx);
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

/* A walk for one page. */
struct page {
    struct sp_arena *arena;
    const ProtobufCMessageDescriptor *stored;
    sp_admin_keep *keep;
    void *list;
    size_t size;
    size_t kept;
    size_t kept_bytes;
    size_t looked_at;
    size_t looked_at_bytes;
    struct sp_entity_key last;
    bool more;
};

static bool is_full(const struct page *page) {
    return page->kept >= page->size || page->kept_bytes >= MAX_KEPT_BYTES || page->looked_at >= MAX_LOOKED_AT ||
           page->looked_at_bytes >= MAX_LOOKED_AT_BYTES;
}

static enum sp_status visit(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct page *page = context;
    if (is_full(page)) {
        page->more = true;
        return SP_WALK_END;
    }
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_wire_unpack_trusted(page->stored, value, page->arena, &message);
    if (status != SP_OK)
        return status;
    page->looked_at++;
    page->looked_at_bytes += value.size;
    status = sp_entity_key_copy(key, &page->last);
    if (status != SP_OK)
        return status;
    if (page->keep(page->list, message)) {
        page->kept++;
        page->kept_bytes += value.size;
    }
    return SP_OK;
}

static bool begins_with(const struct sp_entity_key *key, struct sp_bytes prefix) {
    return key->size >= prefix.size && memcmp(key->bytes, prefix.data, prefix.size) == 0;
}

enum sp_status sp_admin_page(struct sp_admin_context *ctx, struct sp_bytes key_prefix,
                             const ProtobufCMessageDescriptor *stored, uint32_t page_size, const char *page_token,
                             sp_admin_keep *keep, void *list, char **ret_next_token) {
    struct page page = {.arena = ctx->arena, .stored = stored, .keep = keep, .list = list};
    struct sp_entity_key after = {0};
    enum sp_status status = sp_admin_page_size(ctx, page_size, &page.size);
    if (status == SP_OK)
        status = sp_admin_token_decode(ctx, page_token, &after);
    if (status != SP_OK)
        return status;
    if (after.size > 0 && !begins_with(&after, key_prefix))
        return refuse_token(ctx);
    status = sp_entity_walk(ctx->view, key_prefix, after.size > 0 ? &after : NULL, visit, &page);
    if (status != SP_OK || !page.more)
        return status;
    return sp_admin_token_encode(ctx, (struct sp_bytes){page.last.bytes, page.last.size}, ret_next_token);
}
