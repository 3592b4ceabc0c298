#include "http/respond.h"

#include <strings.h>

/* A header that libmicrohttpd does not take is left out. */
static void add_headers(struct sp_http_exchange *exchange, struct MHD_Response *response, const char *content_type) {
    bool sets_cache = false;
    for (const struct reply_header *header = exchange->headers; header != NULL; header = header->next) {
        sets_cache |= strcasecmp(header->name, "cache-control") == 0;
        (void)MHD_add_response_header(response, header->name, header->value);
    }
    if (content_type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", content_type);
    if (!sets_cache)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (exchange->exchanges->stopping || atomic_load(&exchange->exchanges->leaving))
        (void)MHD_add_response_header(response, "Connection", "close");
}

void sp_http_respond(struct sp_http_exchange *exchange, unsigned status, const char *content_type,
                     struct MHD_Response *response) {
    if (!exchange->replied) {
        add_headers(exchange, response, content_type);
        exchange->replied = MHD_queue_response(exchange->connection, status, response) == MHD_YES;
    }
    MHD_destroy_response(response);
}
