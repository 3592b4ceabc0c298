/* AuthZEN requests to a running sallyportd, and what its replies hold. Every helper asserts. */
#ifndef TEST_SUPPORT_AUTHZEN_H
#define TEST_SUPPORT_AUTHZEN_H

#include <jansson.h>

#include "support/http_client.h"
#include "support/programs.h"

/* The port that the server listens for HTTP on. */
int authzen_port(struct process *server);

struct authzen_request {
    const char *path;
    const char *body;
    const char *content_type; /* NULL: application/json; "": none */
    const char *headers;      /* more of them, each ended by CRLF; NULL: none */
};

struct authzen_reply {
    struct http_reply http;
    json_t *json; /* NULL where the body is none */
};

/* Posts on a connection of its own. */
void authzen_post(int port, const struct authzen_request *request, struct authzen_reply *ret_reply);
void authzen_reply_fini(struct authzen_reply *reply);

/* Whether `whole` holds `part`: objects may have more members; arrays are as long, or where `longer` have each of the part's
 * elements somewhere. */
bool json_holds(const json_t *whole, const json_t *part, bool longer);

#endif
