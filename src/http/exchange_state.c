#include "http/exchange_state.h"

#include <stdlib.h>
#include <string.h>

void sp_http_exchange_wipe(struct sp_http_exchange *exchange) {
    if (exchange->body != NULL) {
        explicit_bzero(exchange->body, exchange->body_size);
        free(exchange->body);
        exchange->body = NULL;
    }
    sp_arena_wipe(&exchange->arena);
}

void sp_http_exchange_free(struct sp_http_exchange *exchange) {
    sp_http_exchange_wipe(exchange);
    sp_arena_fini(&exchange->arena);
    free(exchange);
}
