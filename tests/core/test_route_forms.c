/* Suffixes, rests of paths, hosts and ids of several captures: which rule every spelling reaches. A
 * table for auditors, as test_route.c is for the rest. */
#include "route_rig.h"

#include <stdio.h>

#include "core/route_compile.h"
#include "core/route_match.h"

/* The rules of the table below, counted from 1. GET /m/{model}, GET /files/{path...} and the routes
 * without a host are the lax ones that no other spelling may fall into. */
static const struct written written[] = {
    /*  1 */ {"POST /m/{model}:generate", "use model/{model}"},
    /*  2 */ {"POST /m/{model}:count-tokens", "count model/{model}"},
    /*  3 */ {"* /m/{model}", "read model/{model}"},
    /*  4 */ {"POST /m/system:generate", "use system"},
    /*  5 */ {"GET /calls/{call-sid}.json", "read call/{call-sid}"},
    /*  6 */ {"GET /calls/{call-sid}.xml", "read call/{call-sid}"},
    /*  7 */ {"GET /calls/{call-sid}:audit", "audit call/{call-sid}"},
    /*  8 */ {"GET /calls/{call-sid}.json/logs", "read log/{call-sid}"},
    /*  9 */ {"GET /calls/own.json/{name}", "read own/{name}"},
    /* 10 */ {"GET /calls/{any}", "read any/{any}"},
    /* 11 */ {"GET /repos/{owner}/{repo}", "read repo/{owner}/{repo}"},
    /* 12 */ {"GET /repos/{owner}/{repo}/issues/{number}", "read issue/{owner}/{repo}/{number}"},
    /* 13 */ {"GET /repos/{owner}/{repo}/contents/{path...}", "read file/{owner}/{repo}/{path}"},
    /* 14 */ {"PUT /repos/{owner}/issues/{repo}", "edit repo/{repo}/{owner}"},
    /* 15 */ {"GET /files/{path...}", "read file/{path}"},
    /* 16 */ {"GET /files/private/{name}", "read secret/{name}"},
    /* 17 */ {"GET /files/{a}/{b}", "read pair/{b}"},
    /* 18 */ {"GET admin.example.com/files/{path...}", "edit file/{path}"},
    /* 19 */ {"GET *.example.com/status", "read status/some"},
    /* 20 */ {"GET *.eu.example.com/status", "read status/eu"},
    /* 21 */ {"GET api.eu.example.com/status", "read status/own"},
    /* 22 */ {"GET /status", "read status/any"},
    /* 23 */ {"POST /status", "edit status/any"},
};
enum { WRITTEN = sizeof(written) / sizeof(*written) };

/* Instead of a rule's number. */
enum { NONE = 0, METHOD = -1, REFUSED = -2 };

struct spelling {
    const char *method, *host, *target;
    int rule;
    const char *expected; /* the resource's id; of what is refused, part of why */
};

#define WWW "www.example.org"

static const struct spelling spellings[] = {
    /* suffixes, as they are meant */
    {"POST", WWW, "/m/gpt:generate", 1, "gpt"},
    {"POST", WWW, "/m/gemini-1.5-pro:generate?alt=sse", 1, "gemini-1.5-pro"},
    {"POST", WWW, "/m/gpt:count-tokens", 2, "gpt"},
    {"GET", WWW, "/m/gpt", 3, "gpt"},
    {"GET", WWW, "/m/gpt:other", 3, "gpt:other"},
    {"GET", WWW, "/m/a:b:c", 3, "a:b:c"},
    {"POST", WWW, "/m/system:generate", 4, ""},
    {"POST", WWW, "/m/system:count-tokens", 2, "system"},
    {"GET", WWW, "/calls/CA1.json", 5, "CA1"},
    {"GET", WWW, "/calls/CA1.xml", 6, "CA1"},
    {"GET", WWW, "/calls/CA1%2ejson", 5, "CA1"},
    {"GET", WWW, "/calls/CA1.%6a%73on", 5, "CA1"},
    {"GET", WWW, "/calls/a%40b.json", 5, "a@b"},
    {"GET", WWW, "/calls/a:b.json", 5, "a:b"},
    {"GET", WWW, "/calls/a%3Ab.json", 5, "a:b"},
    {"GET", WWW, "/calls/CA1.v2:audit", 7, "CA1.v2"},
    {"GET", WWW, "/calls/CA1.json/logs", 8, "CA1"},
    {"GET", WWW, "/calls/own.json/x", 9, "x"},
    {"GET", WWW, "/calls/own.json/logs", 9, "logs"},
    {"GET", WWW, "/calls/CA1", 10, "CA1"},
    {"GET", WWW, "/calls/CA1.csv", 10, "CA1.csv"},
    {"GET", WWW, "/calls/CA1json", 10, "CA1json"},
    {"PUT", WWW, "/calls/CA1.json", METHOD, NULL},
    {"GET", WWW, "/calls/CA1.json/other", NONE, NULL},

    /* suffixes that somebody could read otherwise */
    {"POST", WWW, "/m/gpt:Generate", REFUSED, "case"},
    {"POST", WWW, "/m/gpt:GENERATE", REFUSED, "case"},
    {"POST", WWW, "/m/SYSTEM:generate", REFUSED, "case"},
    {"GET", WWW, "/calls/CA1.JSON", REFUSED, "case"},
    {"POST", WWW, "/m/gpt%3Agenerate", REFUSED, "encoded"},
    {"POST", WWW, "/m/gpt%3agenerate", REFUSED, "encoded"},
    {"POST", WWW, "/m/system%3Agenerate", REFUSED, "encoded"},
    {"POST", WWW, "/m/a%3Ab:generate", REFUSED, "twice"},
    {"POST", WWW, "/m/:generate", REFUSED, "nothing before"},
    {"GET", WWW, "/calls/.json", REFUSED, "nothing before"},
    {"POST", WWW, "/m/a:b:generate", REFUSED, "twice"},
    {"POST", WWW, "/m/a::generate", REFUSED, "twice"},
    {"GET", WWW, "/calls/a.b.json", REFUSED, "twice"},
    {"GET", WWW, "/calls/a..json", REFUSED, "twice"},
    {"POST", WWW, "/m/a:generate:generate", REFUSED, "twice"},
    {"POST", WWW, "/m/a:generate:count-tokens", REFUSED, "twice"},
    {"POST", WWW, "/m/a:generate:x", REFUSED, "middle"},
    {"POST", WWW, "/m/a:generate.x", REFUSED, "middle"},
    {"POST", WWW, "/m/a:generate.", REFUSED, "middle"},
    {"GET", WWW, "/calls/a.json.bak", REFUSED, "middle"},
    {"GET", WWW, "/calls/a.json.", REFUSED, "middle"},
    {"GET", WWW, "/calls/a.JSON.bak", REFUSED, "middle"},
    {"GET", WWW, "/calls/a.json:audit", REFUSED, "middle"},
    {"GET", WWW, "/calls/a:audit.json", REFUSED, "middle"},
    {"GET", WWW, "/calls/a.json;x", REFUSED, "parameters"},
    {"GET", WWW, "/calls/a%2Fb.json", REFUSED, "encoded slash"},
    {"GET", WWW, "/calls/a+b.json", REFUSED, "%2B"},
    {"GET", WWW, "/calls/CA1.json/", NONE, NULL},

    /* ids of several captures */
    {"GET", WWW, "/repos/o/r", 11, "o/r"},
    {"GET", WWW, "/repos/%6f/r", 11, "o/r"},
    {"GET", WWW, "/repos/o/r/issues/12", 12, "o/r/12"},
    {"GET", WWW, "/repos/o/r/contents/README.md", 13, "o/r/README.md"},
    {"GET", WWW, "/repos/o/r/contents/src/a%20b.c", 13, "o/r/src/a b.c"},
    {"PUT", WWW, "/repos/o/issues/r", 14, "r/o"},
    {"GET", WWW, "/repos/o%2Fr/x", REFUSED, "encoded slash"},
    {"GET", WWW, "/repos/o/r/contents", NONE, NULL},
    {"GET", WWW, "/repos/o/r/contents/", NONE, NULL},

    /* the rest of a path */
    {"GET", WWW, "/files/a", 15, "a"},
    {"GET", WWW, "/files/a/b/c.txt", 15, "a/b/c.txt"},
    {"GET", WWW, "/files/a/b", 17, "b"},
    {"GET", WWW, "/files/private/key", 16, "key"},
    {"GET", WWW, "/files/private", 15, "private"},
    {"GET", WWW, "/files/private/key/more", 15, "private/key/more"},
    {"GET", WWW, "/files/Private/key", REFUSED, "case"},
    {"GET", WWW, "/files/%70rivate/key", 16, "key"},
    {"GET", WWW, "/files/x/../private/key", REFUSED, "\"..\""},
    {"GET", WWW, "/files/x/%2e%2e/private/key", REFUSED, "\"..\""},
    {"GET", WWW, "/files/x//private/key", REFUSED, "empty"},
    {"GET", WWW, "/files/x%2Fy", REFUSED, "encoded slash"},
    {"GET", WWW, "/files/a/b+c/d", REFUSED, "%2B"},
    {"GET", WWW, "/files/a/b%2Bc/d", 15, "a/b+c/d"},
    {"GET", WWW, "/files/a/b/", NONE, NULL},
    {"GET", WWW, "/files/", NONE, NULL},
    {"GET", WWW, "/files", NONE, NULL},
    {"GET", WWW, "/files/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2", 15,
     "2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2"},
    {"GET", WWW, "/files/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", NONE, NULL},

    /* hosts */
    {"GET", "admin.example.com", "/files/a/b/c", 18, "a/b/c"},
    {"GET", "admin.example.com", "/files/private/key", 18, "private/key"}, /* a host comes first */
    {"GET", "ADMIN.Example.Com", "/files/a", 18, "a"},
    {"GET", "admin.example.com:8443", "/files/a", 18, "a"},
    {"GET", "other.example.com", "/files/a", 15, "a"},
    {"GET", "admin.example.com.evil.org", "/files/a", 15, "a"},
    {"GET", "admin.example.com", "/m/gpt", 3, "gpt"},
    {"GET", WWW, "/status", 22, "any"},
    {"GET", "example.com", "/status", 22, "any"},
    {"GET", "xexample.com", "/status", 22, "any"},
    {"GET", "a.example.com", "/status", 19, "some"},
    {"GET", "a.b.example.com", "/status", 19, "some"},
    {"GET", "eu.example.com", "/status", 19, "some"},
    {"GET", "a.eu.example.com", "/status", 20, "eu"},
    {"GET", "api.eu.example.com", "/status", 21, "own"},
    {"GET", "API.EU.EXAMPLE.COM:443", "/status", 21, "own"},
    {"GET", "b.api.eu.example.com", "/status", 20, "eu"},
    {"POST", "api.eu.example.com", "/status", 23, "any"}, /* only routes of the method take part */
    {"GET", "[2001:db8::1]:443", "/status", 22, "any"},
    {"GET", "10.0.0.1", "/status", 22, "any"},
    {"GET", "", "/status", REFUSED, "host is not known"},
    {"GET", "", "/m/gpt", REFUSED, "host is not known"},
    {"GET", "admin.example.com.", "/files/a", REFUSED, "plain host"},
    {"GET", ".example.com", "/status", REFUSED, "plain host"},
    {"GET", "a..example.com", "/status", REFUSED, "plain host"},
    {"GET", "admin.example.com:", "/files/a", REFUSED, "plain host"},
    {"GET", "admin.example.com:443:443", "/files/a", REFUSED, "plain host"},
    {"GET", "admin.example.com:x", "/files/a", REFUSED, "plain host"},
    {"GET", "user@admin.example.com", "/files/a", REFUSED, "plain host"},
    {"GET", "admin.example.com, other.org", "/files/a", REFUSED, "plain host"},
    {"GET", "admin%2eexample.com", "/files/a", REFUSED, "plain host"},
    {"GET", "admin.ex\xc3\xa4mple.com", "/files/a", REFUSED, "plain host"},
    {"GET", " admin.example.com", "/files/a", REFUSED, "plain host"},
    {"GET", "*.example.com", "/status", REFUSED, "plain host"},
    {"GET", "[admin.example.com]", "/files/a", REFUSED, "plain host"},
    {"GET", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", "/status", 22, "any"},
    {"GET", "0.1.2.3.4.5.6.7.8.9.10.11.12.13.14.example.com", "/status", REFUSED, "plain host"},
};
enum { SPELLINGS = sizeof(spellings) / sizeof(*spellings) };

static int rule_of(const struct sp_route_match *match) {
    static const int rules[] = {
        [SP_ROUTE_UNKNOWN] = NONE, [SP_ROUTE_OTHER_METHOD] = METHOD, [SP_ROUTE_REFUSED] = REFUSED};
    return match->outcome == SP_ROUTE_FOUND ? (int)match->index + 1 : rules[match->outcome];
}

static struct sp_route_match match_spelling(const struct sp_routes *compiled, const struct spelling *spelling,
                                            char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    const struct sp_route_request request = {
        .method = str(spelling->method), .host = str(spelling->host), .target = str(spelling->target)};
    return sp_routes_match(compiled, &request, scratch);
}

static void check_spelling(const struct sp_routes *compiled, const struct spelling *spelling) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    struct sp_route_match match = match_spelling(compiled, spelling, scratch);
    int rule = rule_of(&match);
    if (rule != spelling->rule)
        fail_msg("%s %s%s reached rule %d (%s), not %d", spelling->method, spelling->host, spelling->target, rule,
                 match.why, spelling->rule);
    if (rule > 0 && !sp_str_equal(match.id, str(spelling->expected)))
        fail_msg("%s %s%s reached id %.*s", spelling->method, spelling->host, spelling->target, SP_STR_ARG(match.id));
    if (rule == REFUSED && strstr(match.why, spelling->expected) == NULL)
        fail_msg("%s %s%s is refused because %s", spelling->method, spelling->host, spelling->target, match.why);
}

static void every_spelling_reaches_its_rule(void **state) {
    struct sp_arena arena;
    struct sp_route routes[WRITTEN];
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < WRITTEN; i++)
        read_route(written[i].path, written[i].target, i + 1, &routes[i]);
    const struct sp_routes *compiled = compile(routes, WRITTEN, &arena);
    assert_true(sp_routes_have_hosts(compiled));
    for (size_t i = 0; i < SPELLINGS; i++)
        check_spelling(compiled, &spellings[i]);
    sp_arena_fini(&arena);
}

/* Every rotation of the list, forwards and backwards. */
static void the_order_of_routes_means_nothing(void **state) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    for (size_t turn = 0; turn < 2 * WRITTEN; turn++) {
        struct sp_arena arena;
        struct sp_route routes[WRITTEN];
        int rules[WRITTEN];
        new_arena(&arena);
        for (size_t i = 0; i < WRITTEN; i++) {
            size_t at = (turn / 2 + (turn % 2 == 0 ? i : WRITTEN - 1 - i)) % WRITTEN;
            read_route(written[at].path, written[at].target, i + 1, &routes[i]);
            rules[i] = (int)at + 1;
        }
        const struct sp_routes *compiled = compile(routes, WRITTEN, &arena);
        for (size_t i = 0; i < SPELLINGS; i++) {
            struct sp_route_match match = match_spelling(compiled, &spellings[i], scratch);
            int rule = rule_of(&match);
            assert_int_equal(rule > 0 ? rules[rule - 1] : rule, spellings[i].rule);
        }
        sp_arena_fini(&arena);
    }
}

static void every_rule_is_reached_by_some_spelling(void **state) {
    bool reached[WRITTEN + 1] = {false};
    (void)state;
    for (size_t i = 0; i < SPELLINGS; i++)
        if (spellings[i].rule > 0)
            reached[spellings[i].rule] = true;
    for (size_t i = 1; i <= WRITTEN; i++)
        if (!reached[i])
            fail_msg("nothing shows rule %zu: %s", i, written[i - 1].path);
}

/* Without routes that name hosts, a request's host is not looked at. */
static void hosts_mean_nothing_until_a_route_names_one(void **state) {
    static const char *const hosts[] = {"", "api.example.com", "a..b", "x:y"};
    struct sp_arena arena;
    struct sp_route route;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    read_route("GET /status", "read status", 1, &route);
    const struct sp_routes *compiled = compile(&route, 1, &arena);
    assert_false(sp_routes_have_hosts(compiled));
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        const struct spelling spelling = {"GET", hosts[i], "/status", 1, NULL};
        assert_int_equal(match_spelling(compiled, &spelling, scratch).outcome, SP_ROUTE_FOUND);
    }
    sp_arena_fini(&arena);
}

/* ---- ids ---- */

static void ids_of_several_captures_have_256_bytes_at_most(void **state) {
    struct sp_arena arena;
    struct sp_route routes[2];
    char target[600], scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    read_route("GET /p/{a}/x/{b}", "read pair/{a}/{b}", 1, &routes[0]);
    read_route("GET /r/{a...}", "read rest/{a}", 2, &routes[1]);
    const struct sp_routes *compiled = compile(routes, 2, &arena);
    for (size_t size = 250; size < 300; size++) {
        snprintf(target, sizeof(target), "/p/%0*d/x/%0*d", 100, 0, (int)size - 101, 0);
        struct sp_route_match match = match_request(compiled, str("GET"), str(target), scratch);
        assert_int_equal(match.outcome, size <= 256 ? SP_ROUTE_FOUND : SP_ROUTE_REFUSED);
        assert_int_equal(match.id.size, size <= 256 ? size : 0);
        snprintf(target, sizeof(target), "/r/%0*d/%0*d", 100, 0, (int)size - 101, 0);
        match = match_request(compiled, str("GET"), str(target), scratch);
        assert_int_equal(match.outcome, size <= 256 ? SP_ROUTE_FOUND : SP_ROUTE_REFUSED);
        assert_int_equal(match.id.size, size <= 256 ? size : 0);
    }
    sp_arena_fini(&arena);
}

/* The longest path, the end of which is composed into an id: nothing of it is overwritten. */
static void a_composed_id_is_beside_the_longest_path(void **state) {
    struct sp_arena arena;
    struct sp_route route;
    char target[SP_ROUTE_PATH_MAX_BYTES + 1], scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    read_route("GET /{skipped}/{a}/{b}", "read pair/{b}/{a}", 1, &route);
    const struct sp_routes *compiled = compile(&route, 1, &arena);
    memset(target, 'x', sizeof(target));
    target[0] = '/';
    memcpy(target + sizeof(target) - 5, "/a/b", 5);
    struct sp_route_match match = match_request(compiled, str("GET"), str(target), scratch);
    assert_int_equal(match.outcome, SP_ROUTE_FOUND);
    assert_true(sp_str_equal(match.id, str("b/a")));
    sp_arena_fini(&arena);
}

static void writes_the_target_as_it_was_read(void **state) {
    char text[SP_ROUTE_TARGET_BYTES], path[512] = "GET ", target[SP_ROUTE_TARGET_BYTES] = "read voice";
    struct sp_route route;
    (void)state;
    for (char i = 'a'; i < 'a' + SP_ROUTE_ID_MAX_PARTS; i++) {
        char name[70];
        snprintf(name, sizeof(name), "/{%c%050d}", i, 0);
        strcat(path, name), strcat(target, name);
    }
    read_route(path, target, 1, &route);
    assert_string_equal(sp_route_target(&route, text), target);
    assert_int_equal(route.part_count, SP_ROUTE_ID_MAX_PARTS);
}

/* ---- what was probably meant otherwise ---- */

static void literals_that_look_like_captures_are_doubted(void **state) {
    static const struct {
        const char *path, *literal;
    } rows[] = {
        {"GET /v1/voices/:id", ":id"}, {"GET /v1/*", "*"},     {"GET /v1/**", "**"},
        {"GET /a/:b/*", ":b"},         {"* /v1/voices", NULL}, {"GET /v1/models:list", NULL},
        {"GET /{id}:x", NULL},         {"GET /a*", NULL},      {"GET *.example.com/a", NULL},
        {"GET /v1/:", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_route route;
        struct sp_str literal = {NULL, 0};
        read_route(rows[i].path, "read voice", 1, &route);
        const char *doubt = sp_route_find_doubt(&route, &literal);
        assert_int_equal(doubt != NULL, rows[i].literal != NULL);
        if (doubt != NULL)
            assert_true(sp_str_equal(literal, str(rows[i].literal)));
    }
}

/* ---- which schemas may have them ---- */

static void newer_forms_are_known_as_such(void **state) {
    static const struct {
        const char *path, *target;
        bool newer;
    } rows[] = {
        {"GET /a/{id}", "read v/{id}", false},   {"GET /a:b/c.json", "read v/1", false},
        {"GET /a/{id}:x", "read v", true},       {"GET /a/{id}.json", "read v", true},
        {"GET /a/{i-d}", "read v", true},        {"GET /a/{id...}", "read v", true},
        {"GET a.b/a", "read v", true},           {"GET /a/{b}/{c}", "read v/{b}/{c}", true},
        {"GET /a/{b}/{c}", "read v/{c}", false}, {"GET /a", "read v/x/y", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_route route;
        read_route(rows[i].path, rows[i].target, 1, &route);
        assert_int_equal(route.needs_version_2, rows[i].newer);
    }
}

/* ---- routes that cannot stand beside each other ---- */

static void routes_that_could_be_taken_for_each_other_are_refused(void **state) {
    static const struct {
        struct written first, second;
        const char *why; /* NULL: they can */
    } pairs[] = {
        {{"GET /a/{x}:v", "read v"}, {"GET /a/{y}:v", "read v"}, "same shape"},
        {{"GET /a/{x...}", "read v"}, {"GET /a/{y...}", "read v"}, "same shape"},
        {{"GET a.b/c", "read v"}, {"GET a.b/c", "read v"}, "GET a.b/c has the same method"},
        {{"GET a.b/c", "read v"}, {"GET /c", "edit v"}, NULL},
        {{"GET a.b/c", "read v"}, {"GET *.b/c", "edit v"}, NULL},
        {{"GET /a/{x}:v", "read v"}, {"GET /a/{y}:V", "edit v"}, "differs only in case"},
        {{"GET /a/{x}:v", "read v"}, {"GET /b/{y}:V", "edit v"}, NULL},
        {{"GET /{w}/{x}:v", "read v"}, {"GET /b/{y}:V", "edit v"}, "differs only in case"},
        {{"GET a.b/c", "read v"}, {"GET *.b/C", "edit v"}, "differs only in case"},
        {{"GET a.b/c", "read v"}, {"GET c.b/C", "edit v"}, NULL},
        {{"GET a.b/c", "read v"}, {"GET /C", "edit v"}, "differs only in case"},
        {{"GET /a/{x}:v", "read v/{x}"}, {"GET /a/{x}:v/", "edit v/{x}"}, "trailing slash"},
        {{"GET /a/{x}:v", "read v/{x}"}, {"GET /a/{x}:v/", "read v/{x}"}, NULL},
        {{"GET /a/{x}:v", "read v/{x}"}, {"GET /a/{x}/", "read v/{x}"}, "trailing slash"},
        {{"GET /a/{x...}", "read v/{x}"}, {"GET /a/b/", "read w"}, "trailing slash"},
        {{"GET /a/{x...}", "read v/{x}"}, {"GET /a/{x}", "read v/{x}"}, NULL},
        {{"GET a.b/c", "read v"}, {"GET /c/", "edit v"}, "trailing slash"},
        {{"GET a.b/c", "read v"}, {"GET x.b/c/", "edit v"}, NULL},
        {{"GET /{a}/{b}", "read v/{a}/{b}"}, {"GET /{a}/{b}/", "read v/{b}/{a}"}, "trailing slash"},
    };
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
        sp_arena_fini(&arena);
    }
}

/* ---- how many ---- */

/* A thousand kinds of things with 25 verbs each, and as many as that below one capture. */
static void the_most_templates_with_custom_verbs_are_told_apart(void **state) {
    enum { COUNT = SP_ROUTES_MAX };
    (void)state;
    for (size_t kinds = 1; kinds <= 1000; kinds += 999) {
        struct sp_arena arena;
        char text[80], target[80], scratch[SP_ROUTE_SCRATCH_BYTES];
        new_arena(&arena);
        struct sp_route *routes = sp_arena_calloc(&arena, COUNT, sizeof(*routes));
        for (size_t i = 0; i < COUNT; i++) {
            snprintf(text, sizeof(text), "POST /v1/kind%zu/{id}:verb%zu", i % kinds, i / kinds);
            read_route(sp_arena_strdup(&arena, str(text)), "read voice/{id}", i + 1, &routes[i]);
        }
        const struct sp_routes *compiled = compile(routes, COUNT, &arena);
        for (size_t i = 0; i < COUNT; i++) {
            snprintf(target, sizeof(target), "/v1/kind%zu/id%zu:verb%zu", i % kinds, i, i / kinds);
            struct sp_route_match match = match_request(compiled, str("POST"), str(target), scratch);
            assert_int_equal(match.index, i);
            snprintf(target, sizeof(target), "id%zu", i);
            assert_true(sp_str_equal(match.id, str(target)));
        }
        sp_arena_fini(&arena);
    }
}

static void there_are_1000_different_hosts_at_most(void **state) {
    enum { HOSTS = SP_ROUTE_MAX_HOSTS + 1 };
    struct sp_arena arena;
    char text[80];
    const struct sp_routes *compiled = NULL;
    struct sp_error error = {0};
    (void)state;
    new_arena(&arena);
    struct sp_route *routes = sp_arena_calloc(&arena, HOSTS, sizeof(*routes));
    for (size_t i = 0; i < HOSTS; i++) {
        snprintf(text, sizeof(text), "GET h%04zu.example.com/a", i);
        read_route(sp_arena_strdup(&arena, str(text)), "read v", i + 1, &routes[i]);
    }
    assert_int_equal(sp_routes_compile(routes, HOSTS - 1, &arena, &compiled, &error), SP_OK);
    assert_int_equal(sp_routes_compile(routes, HOSTS, &arena, &compiled, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "line 1001, column 3: more than 1,000 different hosts; use \"*.\" and a suffix");
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_reaches_its_rule),
        cmocka_unit_test(the_order_of_routes_means_nothing),
        cmocka_unit_test(every_rule_is_reached_by_some_spelling),
        cmocka_unit_test(hosts_mean_nothing_until_a_route_names_one),
        cmocka_unit_test(ids_of_several_captures_have_256_bytes_at_most),
        cmocka_unit_test(a_composed_id_is_beside_the_longest_path),
        cmocka_unit_test(writes_the_target_as_it_was_read),
        cmocka_unit_test(literals_that_look_like_captures_are_doubted),
        cmocka_unit_test(newer_forms_are_known_as_such),
        cmocka_unit_test(routes_that_could_be_taken_for_each_other_are_refused),
        cmocka_unit_test(the_most_templates_with_custom_verbs_are_told_apart),
        cmocka_unit_test(there_are_1000_different_hosts_at_most),
    };
    return cmocka_run_group_tests_name("route_forms", tests, NULL, NULL) > 0 ? 1 : 0;
}
