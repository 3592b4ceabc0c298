#include "support/authzen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int authzen_port(struct process *server) {
    return process_port_of(server, "listening for HTTP on ");
}

void authzen_post(int port, const struct authzen_request *request, struct authzen_reply *ret_reply) {
    char *text = NULL;
    const char *type = request->content_type == NULL ? "application/json" : request->content_type;
    int fd = http_connect(port);
    assert_true(
        asprintf(&text,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Length: %zu\r\n%sConnection: close\r\n\r\n%s",
                 request->path, type[0] != '\0' ? "Content-Type: " : "", type, type[0] != '\0' ? "\r\n" : "",
                 strlen(request->body), request->headers != NULL ? request->headers : "", request->body) > 0);
    http_ask(fd, text);
    http_read(fd, false, &ret_reply->http);
    close(fd);
    free(text);
    ret_reply->json =
        ret_reply->http.body == NULL ? NULL : json_loads(ret_reply->http.body, JSON_REJECT_DUPLICATES, NULL);
}

void authzen_reply_fini(struct authzen_reply *reply) {
    json_decref(reply->json);
    http_reply_fini(&reply->http);
}

static bool array_holds(const json_t *whole, const json_t *part, bool longer) {
    if (!longer && json_array_size(whole) != json_array_size(part))
        return false;
    for (size_t i = 0; i < json_array_size(part); i++) {
        bool found = false;
        for (size_t j = longer ? 0 : i; j < json_array_size(whole) && !found && (longer || j == i); j++)
            found = json_holds(json_array_get(whole, j), json_array_get(part, i), longer);
        if (!found)
            return false;
    }
    return true;
}

bool json_holds(const json_t *whole, const json_t *part, bool longer) {
    if (json_is_array(part))
        return json_is_array(whole) && array_holds(whole, part, longer);
    if (!json_is_object(part))
        return json_equal(whole, part) == 1;
    void *at = json_object_iter((json_t *)(uintptr_t)part);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)part, at))
        if (!json_holds(json_object_get(whole, json_object_iter_key(at)), json_object_iter_value(at), longer))
            return false;
    return json_is_object(whole);
}
