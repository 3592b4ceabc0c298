/* AuthZEN requests to a running sallyportd, and comparing its replies. Every helper asserts. */
#ifndef TEST_SUPPORT_AUTHZEN_H
#define TEST_SUPPORT_AUTHZEN_H

#include <jansson.h>

#include "support/http_client.h"
#include "support/programs.h"

/* The server's HTTP port. */
int authzen_port(struct process *server);

struct authzen_request {
    const char *path;
    const char *body;
    const char *content_type; /* NULL: application/json; "": none */
    const char *headers;      /* more headers, each ended by CRLF; NULL: none */
};

struct authzen_reply {
    struct http_reply http;
    json_t *json; /* NULL if the body is not JSON */
};

/* Posts on a new connection. */
void authzen_post(int port, const struct authzen_request *request, struct authzen_reply *ret_reply);
void authzen_reply_fini(struct authzen_reply *reply);

/* Whether `whole` contains `part`: objects may have more members; arrays have the same length, or,
 * with `longer`, each of the part's elements somewhere. */
bool json_holds(const json_t *whole, const json_t *part, bool longer);

#endif
