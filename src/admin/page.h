/* Lists, page by page. No state is kept between pages: a token is the last key that was visited, in
 * base64url, and the next page seeks to it, so that every page costs the same. */
#ifndef SP_ADMIN_PAGE_H
#define SP_ADMIN_PAGE_H

#include "admin/context.h"
#include "store/records/entity_key.h"

enum {
    SP_ADMIN_PAGE_DEFAULT = 100,
    SP_ADMIN_PAGE_MAX = 1000,
    SP_ADMIN_PAGE_MAX_VISITED = 10000, /* records, whether kept or not */
    SP_ADMIN_PAGE_MAX_BYTES = 1024 * 1024,
    SP_ADMIN_PAGE_MAX_MS = 40, /* of a worker; the page then ends early, with a token */
};

/* Decides whether a message belongs to the list, and takes it if so. It is in the arena. */
typedef enum sp_status sp_admin_keep(void *list, const ProtobufCMessage *stored, bool *ret_kept);

/* Whether a page that began at sp_clock_thread_ms() `began_ms` has taken its time. The clock is
 * read for one in 64 of those that were visited. */
bool sp_admin_page_is_late(int64_t began_ms, size_t visited);

/* Walks the entities whose keys begin with `key_prefix`. A page ends with page_size kept (0: the
 * default), 1 MiB of messages, 10,000 visited, or 40 ms, but not empty-handed: it visits 64 at
 * least. INVALID_ARGUMENT for a page_size above the limit, or a token that was not made for this
 * walk. */
enum sp_status sp_admin_page(struct sp_admin_context *ctx, struct sp_bytes key_prefix,
                             const ProtobufCMessageDescriptor *stored, uint32_t page_size, const char *page_token,
                             sp_admin_keep *keep, void *list, char **ret_next_token) SP_MUST_USE;

/* For lists that walk something else: the same rules of page_size, and tokens of any key of 1 to
 * 511 bytes. An empty token gives a key of size 0. */
enum sp_status sp_admin_page_size(struct sp_admin_context *ctx, uint32_t page_size, size_t *ret_size) SP_MUST_USE;
enum sp_status sp_admin_token_decode(struct sp_admin_context *ctx, const char *page_token,
                                     struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_admin_token_encode(struct sp_admin_context *ctx, struct sp_bytes key, char **ret_token) SP_MUST_USE;

/* INVALID_ARGUMENT, for a token that another list gave. */
enum sp_status sp_admin_refuse_token(struct sp_admin_context *ctx);

#endif
