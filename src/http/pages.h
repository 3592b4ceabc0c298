/* Replies that more than one program gives. */
#ifndef SP_HTTP_PAGES_H
#define SP_HTTP_PAGES_H

#include "base/text_out.h"
#include "http/server.h"

enum { SP_HTTP_PAGE_BYTES = 256 * 1024 };

void sp_http_reply_text(struct sp_http_exchange *exchange, unsigned status, struct sp_str text);

/* 200 with what `write` puts into the page, at most SP_HTTP_PAGE_BYTES; 500 if it does not fit. */
void sp_http_reply_page(struct sp_http_exchange *exchange, const char *content_type,
                        void (*write)(void *user, struct sp_text_out *out), void *user);

#endif
