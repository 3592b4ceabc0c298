/* Routes and requests from outside, against the naive matcher. Lines "METHOD TEMPLATE: ACTION
 * RESOURCE" up to an empty one are routes; those after it are "METHOD TARGET", or "METHOD TARGET",
 * a tab and a host. Both matchers must agree on which lists are good and on what each request
 * reaches. */
#include <stdlib.h>

#include "../core/naive_route.h"
#include "core/route.h"
#include "core/route_compile.h"
#include "core/route_match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ROUTES = 16, MAX_REQUESTS = 32 };

static void require(bool condition) {
    if (!condition)
        abort();
}

static struct sp_str next_line(struct sp_str *rest) {
    const char *end = memchr(rest->data, '\n', rest->size);
    struct sp_str line = {rest->data, end == NULL ? rest->size : (size_t)(end - rest->data)};
    size_t taken = line.size + (end != NULL);
    *rest = (struct sp_str){rest->data + taken, rest->size - taken};
    return line;
}

/* Cuts at the first separator; all of it is before where there is none. */
static struct sp_str cut(struct sp_str text, const char *separator, struct sp_str *ret_after) {
    const char *at = text.size == 0 ? NULL : memmem(text.data, text.size, separator, strlen(separator));
    *ret_after = (struct sp_str){"", 0};
    if (at == NULL)
        return text;
    size_t size = (size_t)(at - text.data);
    *ret_after = (struct sp_str){at + strlen(separator), text.size - size - strlen(separator)};
    return (struct sp_str){text.data, size};
}

static size_t read_routes(struct sp_str *rest, struct sp_route *routes) {
    size_t count = 0;
    while (rest->size > 0 && count < MAX_ROUTES) {
        struct sp_str target, line = next_line(rest), path = cut(line, ": ", &target);
        struct sp_error error = {0};
        if (line.size == 0)
            break;
        enum sp_status status = sp_route_read_path(path, &routes[count], &error);
        if (status == SP_OK)
            status = sp_route_read_target(target, &routes[count], &error);
        require(status == SP_OK || (status == SP_ERR_INVALID && error.message[0] != '\0'));
        routes[count].line = count + 1;
        count += status == SP_OK;
    }
    return count;
}

static void compare(const struct sp_routes *compiled, const struct sp_route *routes, size_t count, struct sp_str line) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    struct sp_str rest, host, method = cut(line, " ", &rest), target = cut(rest, "\t", &host);
    const struct sp_route_request request = {.method = method, .host = host, .target = target};
    struct sp_route_match match = sp_routes_match(compiled, &request, scratch);
    struct naive_match naive = naive_match(routes, count, &request);
    require(naive_agrees(&match, &naive));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    struct sp_route routes[MAX_ROUTES];
    struct sp_str rest = {(const char *)data, size};
    struct sp_error error = {0};
    const struct sp_routes *compiled = NULL;
    require(sp_arena_init(&arena, 1 << 16, 64 << 20) == SP_OK);
    size_t count = read_routes(&rest, routes);
    enum sp_status status = sp_routes_compile(routes, count, &arena, &compiled, &error);
    bool too_much = status == SP_ERR_INVALID && strstr(error.message, "in too many ways") != NULL;
    require(too_much || naive_routes_are_good(routes, count) == (status == SP_OK));
    for (size_t i = 0; status == SP_OK && rest.size > 0 && i < MAX_REQUESTS; i++)
        compare(compiled, routes, count, next_line(&rest));
    sp_arena_fini(&arena);
    return 0;
}
