/* Which routes can be written and can stand beside each other, how many, and that a naive matcher
 * (naive_route.h) agrees on random ones. */
#include "route_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "naive_route.h"

#include "core/route_compile.h"
#include "core/route_match.h"

/* ---- limits ---- */

static enum sp_route_outcome outcome_of(const struct sp_routes *compiled, struct sp_str target) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    return match_request(compiled, SP_STR_LITERAL("GET"), target, scratch).outcome;
}

static void ids_and_paths_have_their_longest(void **state) {
    struct sp_arena arena;
    struct sp_route routes[2];
    char target[5000];
    (void)state;
    new_arena(&arena);
    read_route("GET /v/{id}", "read voice/{id}", 1, &routes[0]);
    read_route("GET /w/{other}", "read voice", 2, &routes[1]);
    const struct sp_routes *compiled = compile(routes, 2, &arena);
    memset(target, 'a', sizeof(target));
    memcpy(target, "/v/", 3);
    assert_int_equal(outcome_of(compiled, (struct sp_str){target, 3 + 256}), SP_ROUTE_FOUND);
    assert_int_equal(outcome_of(compiled, (struct sp_str){target, 3 + 257}), SP_ROUTE_REFUSED);
    memcpy(target, "/w/", 3);
    assert_int_equal(outcome_of(compiled, (struct sp_str){target, 4096}), SP_ROUTE_FOUND);
    assert_int_equal(outcome_of(compiled, (struct sp_str){target, 4097}), SP_ROUTE_REFUSED);
    target[4096] = '?';
    assert_int_equal(outcome_of(compiled, (struct sp_str){target, 5000}), SP_ROUTE_FOUND);
    sp_arena_fini(&arena);
}

static void templates_have_up_to_32_segments(void **state) {
    struct sp_arena arena;
    struct sp_route route;
    char text[256] = "GET ", target[256] = "";
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < 31; i++)
        strcat(text, "/a"), strcat(target, "/a");
    strcat(text, "/{id}"), strcat(target, "/last");
    read_route(text, "read voice/{id}", 1, &route);
    const struct sp_routes *compiled = compile(&route, 1, &arena);
    assert_int_equal(outcome_of(compiled, str(target)), SP_ROUTE_FOUND);
    strcat(target, "/more");
    assert_int_equal(outcome_of(compiled, str(target)), SP_ROUTE_UNKNOWN);
    sp_arena_fini(&arena);
}

static void no_routes_lead_nowhere(void **state) {
    struct sp_arena arena;
    (void)state;
    new_arena(&arena);
    const struct sp_routes *compiled = compile(NULL, 0, &arena);
    assert_int_equal(outcome_of(compiled, str("/")), SP_ROUTE_UNKNOWN);
    assert_int_equal(outcome_of(compiled, str("/v1/voices")), SP_ROUTE_UNKNOWN);
    assert_int_equal(outcome_of(compiled, str("x")), SP_ROUTE_REFUSED);
    sp_arena_fini(&arena);
}

static void ten_thousand_routes_are_told_apart(void **state) {
    enum { COUNT = SP_ROUTES_MAX };
    struct sp_arena arena;
    char text[80], target[80], scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    struct sp_route *routes = sp_arena_calloc(&arena, COUNT + 1, sizeof(*routes));
    for (size_t i = 0; i <= COUNT; i++) {
        snprintf(text, sizeof(text), "GET /v%zu/%s%zu/{id}/x%zu", i % 7, i % 3 == 0 ? "a" : "b", i, i % 11);
        read_route(sp_arena_strdup(&arena, str(text)), "read voice/{id}", i + 1, &routes[i]);
    }
    const struct sp_routes *compiled = compile(routes, COUNT, &arena);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(target, sizeof(target), "/v%zu/%s%zu/id%zu/x%zu", i % 7, i % 3 == 0 ? "a" : "b", i, i, i % 11);
        struct sp_route_match match = match_request(compiled, SP_STR_LITERAL("GET"), str(target), scratch);
        assert_int_equal(match.outcome, SP_ROUTE_FOUND);
        assert_int_equal(match.index, i);
    }
    const struct sp_routes *none = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_routes_compile(routes, COUNT + 1, &arena, &none, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "line 25001, column 3: more than 25,000 routes; remove some");
    assert_null(none);
    sp_arena_fini(&arena);
}

/* Every subset of places may be a capture: 2^n shapes that all overlap. */
static void routes_that_overlap_in_too_many_ways_are_refused(void **state) {
    enum { PLACES = 13 };
    struct sp_arena arena;
    const struct sp_routes *compiled = NULL;
    struct sp_error error = {0};
    (void)state;
    new_arena(&arena);
    struct sp_route *routes = sp_arena_calloc(&arena, 1 << PLACES, sizeof(*routes));
    for (size_t i = 0; i < 1 << PLACES; i++) {
        char text[256] = "GET ";
        for (size_t place = 0; place < PLACES; place++) {
            char segment[16];
            snprintf(segment, sizeof(segment), i >> place & 1 ? "/{x%zu}" : "/a%zu", place);
            strcat(text, segment);
        }
        read_route(sp_arena_strdup(&arena, str(text)), "read voice", i + 1, &routes[i]);
    }
    assert_int_equal(sp_routes_compile(routes, 1 << PLACES, &arena, &compiled, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "overlap in too many ways"));
    assert_int_equal(strncmp(error.message, "line ", 5), 0);
    /* Fewer of them are no matter. */
    compiled = compile(routes, 64, &arena);
    assert_int_equal(outcome_of(compiled, str("/a0/x/y/a3/z/a5/a6/a7/a8/a9/a10/a11/a12")), SP_ROUTE_FOUND);
    sp_arena_fini(&arena);
}

/* ---- what is not a route ---- */

struct unreadable {
    const char *path, *target, *why;
};

#define BEGINNING                                                                                                      \
    "the path must begin with '/', or with a host in lower case and without a port, such as api.example.com/v1 or "    \
    "*.example.com/v1"
#define CAPTURE "a capture must begin a segment, such as {voice_id}, with a name of at most 64 letters, digits, _ and -"
#define SUFFIX                                                                                                         \
    "behind a capture only a suffix can follow, such as {id}:verb or {id}.json: ':' or '.', and at most 63 letters, "  \
    "digits, _ and -"
#define REST "a capture of the rest of the path, such as {name...}, must be the last segment"
#define ID "a resource id must be a constant, a capture, such as {voice_id}, or captures, such as {owner}/{repo}"

static void what_is_no_route_is_refused(void **state) {
    static const struct unreadable vectors[] = {
        {"GET", "read voice", "a route must be a method and a path, such as GET /v1/voices/{voice_id}"},
        {"/v1/voices", "read voice", "a route must be a method and a path, such as GET /v1/voices/{voice_id}"},
        {"", "read voice", "a route must be a method and a path, such as GET /v1/voices/{voice_id}"},
        {"get /a", "read voice", "the method must be upper-case letters, such as GET, of at most 32 bytes, or \"*\""},
        {"** /a", "read voice", "the method must be upper-case letters, such as GET, of at most 32 bytes, or \"*\""},
        {" /a", "read voice", "the method must be upper-case letters, such as GET, of at most 32 bytes, or \"*\""},
        {"1GET /a", "read voice", "the method must be upper-case letters, such as GET, of at most 32 bytes, or \"*\""},
        {"GET  /a", "read voice", BEGINNING},
        {"GET a", "read voice", BEGINNING},
        {"GET http://x/a", "read voice", BEGINNING},
        {"GET *", "read voice", BEGINNING},
        {"GET /a//b", "read voice", "the path has an empty segment; remove one '/'"},
        {"GET //", "read voice", "the path has an empty segment; remove one '/'"},
        {"GET /a/../b", "read voice", "the path has a segment \".\" or \"..\", which no request can have; remove it"},
        {"GET /a/.", "read voice", "the path has a segment \".\" or \"..\", which no request can have; remove it"},
        {"GET /a%20b", "read voice", "the path has a '%'; write the character itself"},
        {"GET /a b", "read voice",
         "the path has a character that cannot occur in a request's path; use letters, digits and -._~!$&'()*+,=:@"},
        {"GET /a?b", "read voice",
         "the path has a character that cannot occur in a request's path; use letters, digits and -._~!$&'()*+,=:@"},
        {"GET /a;b", "read voice",
         "the path has a character that cannot occur in a request's path; use letters, digits and -._~!$&'()*+,=:@"},
        {"GET /\xc3\xa9", "read voice",
         "the path has a character that cannot occur in a request's path; use letters, digits and -._~!$&'()*+,=:@"},
        {"GET /a/{}", "read voice", CAPTURE},
        {"GET /a/x{id}", "read voice", CAPTURE},
        {"GET /a/{id", "read voice", CAPTURE},
        {"GET /a/{1d}", "read voice", CAPTURE},
        {"GET /a/{-d}", "read voice", CAPTURE},
        {"GET /a/{i.d}", "read voice", CAPTURE},
        {"GET /a/{a/b}", "read voice", CAPTURE},
        {"GET /a/{...}", "read voice", CAPTURE},
        {"GET /a/{id....}", "read voice", CAPTURE},
        {"GET /a/{id}x", "read voice", SUFFIX},
        {"GET /a/{id}:", "read voice", SUFFIX},
        {"GET /a/{id}.", "read voice", SUFFIX},
        {"GET /a/{id}:a:b", "read voice", SUFFIX},
        {"GET /a/{id}.tar.gz", "read voice", SUFFIX},
        {"GET /a/{id}:a+b", "read voice", SUFFIX},
        {"GET /a/{id}{x}", "read voice", SUFFIX},
        {"GET /a/{id}:{x}", "read voice", SUFFIX},
        {"GET /a/{id...}.json", "read voice", CAPTURE},
        {"GET /a/{id...}/b", "read voice", REST},
        {"GET /a/{id...}/", "read voice", REST},
        {"GET /{x...}/{y...}", "read voice", REST},
        {"GET v1/a", "read voice", BEGINNING},
        {"GET API.example.com/a", "read voice", BEGINNING},
        {"GET api.example.com:443/a", "read voice", BEGINNING},
        {"GET api.example.com./a", "read voice", BEGINNING},
        {"GET api..com/a", "read voice", BEGINNING},
        {"GET *api.example.com/a", "read voice", BEGINNING},
        {"GET api.*.com/a", "read voice", BEGINNING},
        {"GET */a", "read voice", BEGINNING},
        {"GET *./a", "read voice", BEGINNING},
        {"GET 10.0.0.1/a", "read voice", BEGINNING},
        {"GET [::1]/a", "read voice", BEGINNING},
        {"GET api.example.com", "read voice", BEGINNING},
        {"GET {host}.com/a", "read voice", BEGINNING},
        {"GET /{id}/{id}", "read voice", "the path captures {id} twice"},
        {"GET /a", "read", "a route's target must be an action and a resource, such as \"use voice/{voice_id}\""},
        {"GET /a", "", "a route's target must be an action and a resource, such as \"use voice/{voice_id}\""},
        {"GET /a", "Read voice", NULL},
        {"GET /a", "read Voice", NULL},
        {"GET /a", "read  voice", NULL},
        {"GET /a", " voice", NULL},
        {"GET /a", "read voice/", NULL},
        {"GET /a", "read voice/a\tb", NULL},
        {"GET /a/{id}", "read voice/{other}", "the path does not capture {other}"},
        {"GET /a", "read voice/{id}", "the path does not capture {id}"},
        {"GET /a/{id}", "read voice/x{id}", ID},
        {"GET /a/{id}", "read voice/{id}/x", ID},
        {"GET /a/{id}", "read voice/{id}{id}", ID},
        {"GET /a/{id}", "read voice/{id}/", ID},
        {"GET /a/{id}", "read voice/{id}//{id}", ID},
        {"GET /a/{id}", "read voice/{id...}", ID},
        {"GET /a/{id}:x", "read voice/{id}:x", ID},
        {"GET /a/{id}/{x}", "read voice/{id}/{y}", "the path does not capture {y}"},
        {"GET /a/{b}", "read voice/{b}/{b}/{b}/{b}/{b}/{b}/{b}/{b}/{b}", "a resource id can have at most 8 captures"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct sp_route route = {0};
        struct sp_error error = {0};
        enum sp_status status = sp_route_read_path(str(vectors[i].path), &route, &error);
        if (status == SP_OK)
            status = sp_route_read_target(str(vectors[i].target), &route, &error);
        if (status != SP_ERR_INVALID)
            fail_msg("taken: %s: %s", vectors[i].path, vectors[i].target);
        if (vectors[i].why != NULL)
            assert_string_equal(error.message, vectors[i].why);
        assert_int_equal(route.type.size, 0);
    }
}

static void a_template_is_not_longer_than_512_bytes(void **state) {
    char text[600] = "GET /";
    struct sp_route route;
    struct sp_error error = {0};
    (void)state;
    memset(text + 5, 'a', sizeof(text) - 5);
    assert_int_equal(sp_route_read_path((struct sp_str){text, 4 + 512}, &route, &error), SP_OK);
    assert_int_equal(sp_route_read_path((struct sp_str){text, 4 + 513}, &route, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "the path is longer than 512 bytes");
}

static void writes_the_target_as_it_was_read(void **state) {
    static const struct written vectors[] = {
        {"GET /a/{id}", "read voice/{id}"}, {"GET /a", "read voice/a/b c"}, {"GET /a", "read voice"}};
    char text[SP_ROUTE_TARGET_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct sp_route route;
        read_route(vectors[i].path, vectors[i].target, 1, &route);
        assert_string_equal(sp_route_target(&route, text), vectors[i].target);
    }
}

/* ---- routes that cannot stand beside each other ---- */

struct pair {
    struct written first, second;
    const char *why; /* NULL: they can */
};

static const struct pair pairs[] = {
    {{"GET /a", "read v"},
     {"GET /a", "edit v"},
     "line 2, column 3: GET /a has the same method and the same shape as line 1: GET /a"},
    {{"GET /a/{x}", "read v"},
     {"GET /a/{y}", "read v"},
     "line 2, column 3: GET /a/{y} has the same method and the same shape as line 1: GET /a/{x}"},
    {{"* /a/{x}/b", "read v"},
     {"* /a/{y}/b", "edit v"},
     "line 2, column 3: * /a/{y}/b has the same method and the same shape as line 1: * /a/{x}/b"},
    {{"GET /a", "read v"}, {"POST /a", "edit v"}, NULL},
    {{"GET /a", "read v"}, {"* /a", "edit v"}, NULL},
    {{"GET /a/{x}", "read v"}, {"GET /a/b", "edit v"}, NULL},
    {{"GET /a/{x}/c", "read v"}, {"GET /a/b/{y}", "edit v"}, NULL},
    {{"GET /a/{x}", "read v"}, {"GET /A/{x}", "edit v"}, "differs only in case"},
    {{"GET /a/b", "read v"}, {"POST /a/B/c", "edit v"}, "differs only in case"},
    {{"GET /a/b", "read v"}, {"GET /x/B", "edit v"}, NULL},
    {{"GET /a/{x}/b", "read v"}, {"GET /a/c/B", "edit v"}, "differs only in case"},
    {{"GET /a/{x}/b/c", "read v"}, {"GET /a/c/B/d", "edit v"}, "differs only in case"},
    {{"GET /a", "read v"},
     {"GET /a/", "edit v"},
     "line 2, column 3: GET /a/ leads elsewhere, but matches a path that differs only by a trailing slash from one of "
     "line 1: "
     "GET /a"},
    {{"GET /a", "read v"}, {"GET /a/", "read v"}, NULL},
    {{"GET /a", "read v"}, {"POST /a/", "edit v"}, NULL},
    {{"* /a", "read v"}, {"POST /a/", "edit v"}, "trailing slash"},
    {{"GET /a/{x}", "read v"}, {"GET /a/b/", "edit v"}, "trailing slash"},
    {{"GET /a/{x}/", "read v/{x}"}, {"GET /a/{y}", "read v/{y}"}, NULL},
    {{"GET /a/{x}/{y}/", "read v/{x}"}, {"GET /a/{x}/{y}", "read v/{y}"}, "trailing slash"},
    {{"GET /a/", "read v/1"}, {"GET /a", "read v/2"}, "trailing slash"},
    {{"GET /a/", "read v/1"}, {"GET /a", "read v"}, "trailing slash"},
    {{"GET /a/", "read v"}, {"GET /a/{x}", "edit v"}, NULL},
};

static void routes_that_could_be_taken_for_each_other_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        struct sp_arena arena;
        struct sp_route routes[2];
        const struct sp_routes *compiled = NULL;
        struct sp_error error = {0};
        new_arena(&arena);
        read_route(pairs[i].first.path, pairs[i].first.target, 1, &routes[0]);
        read_route(pairs[i].second.path, pairs[i].second.target, 2, &routes[1]);
        enum sp_status status = sp_routes_compile(routes, 2, &arena, &compiled, &error);
        if (status != (pairs[i].why == NULL ? SP_OK : SP_ERR_INVALID))
            fail_msg("%s and %s: %s", pairs[i].first.path, pairs[i].second.path, error.message);
        if (pairs[i].why != NULL && strstr(error.message, pairs[i].why) == NULL)
            fail_msg("%s", error.message);
        if (pairs[i].why != NULL)
            assert_int_equal(strncmp(error.message, "line 2, column 3: ", 18), 0);
        sp_arena_fini(&arena);
    }
}

static void there_are_64_different_methods_at_most(void **state) {
    struct sp_arena arena;
    struct sp_route routes[SP_ROUTE_MAX_METHODS + 1];
    const struct sp_routes *compiled = NULL;
    struct sp_error error = {0};
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i <= SP_ROUTE_MAX_METHODS; i++) {
        char text[32];
        snprintf(text, sizeof(text), "M%zu /a", i);
        read_route(sp_arena_strdup(&arena, str(text)), "read v", i + 1, &routes[i]);
    }
    assert_int_equal(sp_routes_compile(routes, SP_ROUTE_MAX_METHODS, &arena, &compiled, &error), SP_OK);
    assert_int_equal(sp_routes_compile(routes, SP_ROUTE_MAX_METHODS + 1, &arena, &compiled, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "line 65, column 3: more than 64 different methods; use \"*\"");
    sp_arena_fini(&arena);
}

/* ---- against the naive matcher ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const char *pick(uint64_t *seed, const char *const *from, size_t count) {
    return from[next_random(seed) % count];
}

#define PICK(seed, from) pick((seed), (from), sizeof(from) / sizeof((from)[0]))

static const char *const methods[] = {"GET", "POST", "DELETE", "*"};

static void random_route(uint64_t *seed, char text[static 200]) {
    static const char *const segments[] = {"/a",     "/b",   "/c",     "/A",        "/a:b",   "/{x}",
                                           "/{y}",   "/{z}", "/a+b",   "/v1",       "/{x}:b", "/{y}.b",
                                           "/{z}:B", "/a.b", "/{y}:c", "/{x}.json", "/c.json"};
    static const char *const hosts[] = {"a.b", "*.b", "c.a.b", "*.a.b", "x.y"};
    size_t count = 1 + next_random(seed) % 4;
    snprintf(text, 200, "%s ", PICK(seed, methods));
    if (next_random(seed) % 4 == 0)
        strcat(text, PICK(seed, hosts));
    for (size_t i = 0; i < count; i++)
        strcat(text, PICK(seed, segments));
    if (next_random(seed) % 8 == 0)
        strcat(text, "/");
    else if (next_random(seed) % 8 == 0)
        strcat(text, "/{r-r...}");
}

static void random_target(uint64_t *seed, char text[static 200]) {
    static const char *const segments[] = {
        "/a",      "/b",     "/c",       "/A",     "/a:b",      "/a%3Ab",  "/a%3ab", "/x",     "/%61",
        "/a+b",    "/v1",    "/V1",      "/x+y",   "/x%2By",    "/a%2Bb",  "/A:b",   "/%41",   "/x%20y",
        "/",       "/..",    "/%2e",     "/a;b",   "/a%2Fb",    "/%c3%a9", "/%zz",   "/a\\b",  "/.a",
        "/%00",    "/é",     "/~",       "/%7e",   "/b",        "/x:b",    "/q.b",   "/x:B",   "/x%3Ab",
        "/a.b",    "/:b",    "/x:y:b",   "/x.y.b", "/x:b.b",    "/x.b:b",  "/x.y:b", "/x:y.b", "/c.json",
        "/d.JSON", "/x%2eb", "/x%40y:b", "/x+y:b", "/a.json.b", "/x:c:b",  "/.b"};
    static const char *const queries[] = {"?q=/../", "?", "?q=%zz", "?#"};
    size_t common = 12, all = sizeof(segments) / sizeof(*segments), count = 1 + next_random(seed) % 4;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        strcat(text, pick(seed, segments, next_random(seed) % 2 == 0 ? all : common));
    if (next_random(seed) % 8 == 0)
        strcat(text, "/");
    if (next_random(seed) % 8 == 0)
        strcat(text, PICK(seed, queries));
}

static const char *random_host(uint64_t *seed) {
    static const char *const hosts[] = {"a.b",     "A.B:443", "c.a.b",   "d.c.a.b", "q.b",   "b",
                                        "x.y",     "x.y.",    "",        ".b",      "a..b",  "[::1]",
                                        "[::1]:8", "a.b:",    "1.2.3.4", "é.b",     "a.b:x", "c:1:2"};
    return PICK(seed, hosts);
}

static uint64_t seed_from_environment(void) {
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SP_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* A target for the route, with what it captures every other time. */
static const char *random_captures(uint64_t *seed, const char *text) {
    static const char *const targets[] = {"read v", "edit v", "read v/1", "read w/2"};
    bool has_x = strstr(text, "{x}") != NULL, has_y = strstr(text, "{y}") != NULL;
    if (next_random(seed) % 2 == 0)
        return PICK(seed, targets);
    if (strstr(text, "{r-r...}") != NULL)
        return has_x ? "read v/{x}/{r-r}" : "read v/{r-r}";
    if (has_x && has_y)
        return "read v/{y}/{x}";
    return has_x ? "read v/{x}" : PICK(seed, targets);
}

/* Makes a list that compiles, by leaving out each route that does not stand beside those before
 * it. */
static size_t random_routes(uint64_t *seed, struct sp_arena *arena, struct sp_route *routes, size_t count,
                            const struct sp_routes **ret_compiled) {
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        char text[200];
        random_route(seed, text);
        struct sp_route *route = &routes[made];
        if (sp_route_read_path(str(sp_arena_strdup(arena, str(text))), route, NULL) != SP_OK)
            continue; /* a name captured twice */
        assert_int_equal(sp_route_read_target(str(random_captures(seed, text)), route, NULL), SP_OK);
        route->line = made + 1;
        enum sp_status status = sp_routes_compile(routes, made + 1, arena, ret_compiled, NULL);
        assert_true(naive_routes_are_good(routes, made + 1) == (status == SP_OK));
        made += status == SP_OK;
    }
    *ret_compiled = compile(routes, made, arena);
    return made;
}

/* Suffixes, rests of paths, hosts, and ids of several parts. */
static void count_forms(const struct sp_route *route, size_t forms[static 4]) {
    forms[0] += memmem(route->path.data, route->path.size, "}:", 2) != NULL;
    forms[1] += memmem(route->path.data, route->path.size, "...}", 4) != NULL;
    forms[2] += route->path.data[0] != '/';
    forms[3] += route->part_count > 1;
}

static void a_naive_matcher_agrees_on_random_routes_and_paths(void **state) {
    enum { WORLDS = 400, ROUTES = 24, PATHS = 500 };
    uint64_t seed = seed_from_environment();
    size_t seen[4] = {0}, forms[4] = {0};
    (void)state;
    for (size_t world = 0; world < WORLDS; world++) {
        struct sp_arena arena;
        struct sp_route routes[ROUTES + 1];
        const struct sp_routes *compiled = NULL;
        new_arena(&arena);
        size_t count = random_routes(&seed, &arena, routes, 1 + next_random(&seed) % ROUTES, &compiled);
        for (size_t i = 0; i < PATHS; i++) {
            char target[200], scratch[SP_ROUTE_SCRATCH_BYTES];
            const char *method = PICK(&seed, methods);
            random_target(&seed, target);
            const char *host = random_host(&seed);
            const struct sp_route_request request = {str(method), str(host), str(target)};
            struct sp_route_match match = sp_routes_match(compiled, &request, scratch);
            struct naive_match naive = naive_match(routes, count, &request);
            if (!naive_agrees(&match, &naive))
                fail_msg("%s %s at %s: %s %zu, the naive one %d %zu", method, target, host, match.why, match.index,
                         (int)naive.outcome, naive.index);
            seen[match.outcome]++;
            if (match.outcome == SP_ROUTE_FOUND)
                count_forms(match.route, forms);
        }
        sp_arena_fini(&arena);
    }
    for (size_t i = 0; i < 4; i++)
        if (seen[i] <= 1000 || forms[i] <= 10) /* or the test shows nothing of it */
            fail_msg("%zu: %zu outcomes, %zu forms", i, seen[i], forms[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_paths_have_their_longest),
        cmocka_unit_test(templates_have_up_to_32_segments),
        cmocka_unit_test(no_routes_lead_nowhere),
        cmocka_unit_test(ten_thousand_routes_are_told_apart),
        cmocka_unit_test(routes_that_overlap_in_too_many_ways_are_refused),
        cmocka_unit_test(what_is_no_route_is_refused),
        cmocka_unit_test(a_template_is_not_longer_than_512_bytes),
        cmocka_unit_test(writes_the_target_as_it_was_read),
        cmocka_unit_test(routes_that_could_be_taken_for_each_other_are_refused),
        cmocka_unit_test(there_are_64_different_methods_at_most),
        cmocka_unit_test(a_naive_matcher_agrees_on_random_routes_and_paths),
    };
    return cmocka_run_group_tests_name("route_list", tests, NULL, NULL) > 0 ? 1 : 0;
}
