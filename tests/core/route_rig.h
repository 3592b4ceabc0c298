/* What the tests of routes share: reading and compiling, which must succeed. */
#ifndef SP_TESTS_ROUTE_RIG_H
#define SP_TESTS_ROUTE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/route.h"
#include "core/route_compile.h"
#include "core/route_match.h"

enum { FIRST_BLOCK_BYTES = 64 * 1024, BUDGET_BYTES = 64 << 20 };

struct written {
    const char *path;
    const char *target;
};

static inline struct sp_str str(const char *text) {
    return sp_str_from(text);
}

static inline void new_arena(struct sp_arena *arena) {
    assert_int_equal(sp_arena_init(arena, FIRST_BLOCK_BYTES, BUDGET_BYTES), SP_OK);
}

static inline void read_route(const char *path, const char *target, size_t line, struct sp_route *ret_route) {
    struct sp_error error = {0};
    enum sp_status status = sp_route_read_path(str(path), ret_route, &error);
    if (status == SP_OK)
        status = sp_route_read_target(str(target), ret_route, &error);
    if (status != SP_OK)
        fail_msg("%s: %s", path, error.message);
    ret_route->line = line;
    ret_route->column = 3;
}

static inline const struct sp_routes *compile(const struct sp_route *routes, size_t count, struct sp_arena *arena) {
    const struct sp_routes *compiled = NULL;
    struct sp_error error = {0};
    if (sp_routes_compile(routes, count, arena, &compiled, &error) != SP_OK)
        fail_msg("%s", error.message);
    return compiled;
}

/* For all hosts. */
static inline struct sp_route_match match_request(const struct sp_routes *compiled, struct sp_str method,
                                                  struct sp_str target, char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    return sp_routes_match(compiled, &(struct sp_route_request){.method = method, .target = target}, scratch);
}

#endif
