#include "http/pages.h"

void sp_http_reply_text(struct sp_http_exchange *exchange, unsigned status, struct sp_str text) {
    sp_http_reply(exchange, status, "text/plain; charset=utf-8",
                  (struct sp_bytes){(const uint8_t *)text.data, text.size});
}

void sp_http_reply_page(struct sp_http_exchange *exchange, const char *content_type,
                        void (*write)(void *user, struct sp_text_out *out), void *user) {
    struct sp_text_out out;
    char *page = sp_arena_alloc(sp_http_arena(exchange), SP_HTTP_PAGE_BYTES);
    if (page == NULL) {
        sp_http_fail(exchange, 503, "out of memory");
        return;
    }
    sp_text_out_init(&out, page, SP_HTTP_PAGE_BYTES);
    write(user, &out);
    if (out.full)
        sp_http_fail(exchange, 500, "the page is larger than this server sends");
    else
        sp_http_reply(exchange, 200, content_type, (struct sp_bytes){(const uint8_t *)page, out.used});
}
