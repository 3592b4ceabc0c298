/* Which rule every spelling of a method and a path reaches: a table for auditors. */
#include "route_rig.h"

#include <stdlib.h>

#include "core/route_compile.h"
#include "core/route_match.h"

/* The rules of the table below, counted from 1. GET /v1/{anything} is the lax one that no other
 * path may fall into. */
static const struct written written[] = {
    /*  1 */ {"GET /v1/voices", "list voice"},
    /*  2 */ {"POST /v1/voices", "create voice"},
    /*  3 */ {"GET /v1/voices/{voice_id}", "read voice/{voice_id}"},
    /*  4 */ {"PATCH /v1/voices/{voice_id}", "edit voice/{voice_id}"},
    /*  5 */ {"DELETE /v1/voices/{voice_id}", "delete voice/{voice_id}"},
    /*  6 */ {"POST /v1/voices/add", "create voice"},
    /*  7 */ {"GET /v1/voices/settings/default", "read setting/voices"},
    /*  8 */ {"GET /v1/voices/{voice_id}/settings", "read voice/{voice_id}"},
    /*  9 */ {"POST /v1/voices/{voice_id}/settings/edit", "edit voice/{voice_id}"},
    /* 10 */ {"POST /v1/text-to-speech/{voice_id}", "use voice/{voice_id}"},
    /* 11 */ {"POST /v1/text-to-speech/{voice_id}/stream", "use voice/{voice_id}"},
    /* 12 */ {"GET /v1/projects/{project}/chapters/{chapter}", "read chapter/{chapter}"},
    /* 13 */ {"DELETE /v1/projects/{project}/chapters/{chapter}", "delete chapter/{chapter}"},
    /* 14 */ {"POST /v1/projects/{project}/convert", "convert project/{project}"},
    /* 15 */ {"* /v1/admin", "edit setting"},
    /* 16 */ {"* /v1/admin/{page}", "edit setting/{page}"},
    /* 17 */ {"GET /v1/admin/health", "ping profile"},
    /* 18 */ {"GET /v1/files", "list file"},
    /* 19 */ {"GET /v1/files/", "list file"},
    /* 20 */ {"GET /v1/files/{name}", "read file/{name}"},
    /* 21 */ {"GET /", "ping profile"},
    /* 22 */ {"GET /v1/models:list", "list model"},
    /* 23 */ {"GET /v1/{anything}", "ping profile"},
    /* 24 */ {"GET /a/{x}/c", "read left/{x}"},
    /* 25 */ {"GET /a/b/{y}", "read right/{y}"},
    /* 26 */ {"GET /a/b/d/{z}", "read deep/{z}"},
    /* 27 */ {"GET /a/{x}/{y}/{z}", "read deepest/{z}"},
    /* 28 */ {"* /any/{thing}", "use thing/{thing}"},
    /* 29 */ {"POST /any/{thing}", "edit thing/{thing}"},
    /* 30 */ {"GET /tilde~/dash-/under_/dot.", "read odd/constant/id"},
};
enum { WRITTEN = sizeof(written) / sizeof(*written) };

/* Instead of a rule's number. */
enum { NONE = 0, METHOD = -1, REFUSED = -2 };

struct spelling {
    const char *method;
    const char *target;
    int rule;
    const char *expected; /* the resource's id; of what is refused, part of why */
};

static const struct spelling spellings[] = {
    /* as they are meant */
    {"GET", "/v1/voices", 1, ""},
    {"POST", "/v1/voices", 2, ""},
    {"GET", "/v1/voices/rachel", 3, "rachel"},
    {"PATCH", "/v1/voices/rachel", 4, "rachel"},
    {"DELETE", "/v1/voices/rachel", 5, "rachel"},
    {"POST", "/v1/voices/add", 6, ""},
    {"GET", "/v1/voices/settings/default", 7, "voices"},
    {"GET", "/v1/voices/rachel/settings", 8, "rachel"},
    {"POST", "/v1/voices/rachel/settings/edit", 9, "rachel"},
    {"POST", "/v1/text-to-speech/rachel", 10, "rachel"},
    {"POST", "/v1/text-to-speech/rachel/stream", 11, "rachel"},
    {"GET", "/v1/projects/p1/chapters/c1", 12, "c1"},
    {"DELETE", "/v1/projects/p1/chapters/c1", 13, "c1"},
    {"POST", "/v1/projects/p1/convert", 14, "p1"},
    {"GET", "/v1/admin", 15, ""},
    {"PUT", "/v1/admin/users", 16, "users"},
    {"GET", "/v1/admin/health", 17, ""},
    {"GET", "/v1/files", 18, ""},
    {"GET", "/v1/files/", 19, ""},
    {"GET", "/v1/files/readme.txt", 20, "readme.txt"},
    {"GET", "/", 21, ""},
    {"GET", "/v1/models:list", 22, ""},
    {"GET", "/v1/ping", 23, ""},
    {"GET", "/tilde~/dash-/under_/dot.", 30, "constant/id"},

    /* the query chooses nothing */
    {"GET", "/v1/voices?", 1, ""},
    {"GET", "/v1/voices?page=2&size=10", 1, ""},
    {"GET", "/v1/voices?next=/v1/admin", 1, ""},
    {"GET", "/v1/voices?x=../../admin", 1, ""},
    {"GET", "/v1/voices?a=%2F%2e%2e%00", 1, ""},
    {"GET", "/v1/voices/rachel?voice_id=other", 3, "rachel"},
    {"GET", "/v1/admin?/health", 15, ""},
    {"GET", "/?", 21, ""},
    {"GET", "/v1/voices??", 1, ""},
    {"GET", "/v1/voices?x=\xc3\xa9", 1, ""},
    {"GET", "/v1/voices?x=a b", REFUSED, "query"},
    {"GET", "/v1/voices?x=a\tb", REFUSED, "query"},
    {"GET", "/v1/voices?x\r\nx-api-key: stolen", REFUSED, "query"},
    {"GET", "/v1/voices?x=\x7f", REFUSED, "query"},
    {"GET", "/v1/voices?x#/v1/admin", REFUSED, "fragment"},

    /* methods */
    {"PUT", "/v1/voices", METHOD, NULL},
    {"HEAD", "/v1/voices", METHOD, NULL},
    {"OPTIONS", "/v1/voices/rachel", METHOD, NULL},
    {"POST", "/v1/voices/rachel", METHOD, NULL},
    {"get", "/v1/voices", METHOD, NULL},
    {"Get", "/v1/voices", METHOD, NULL},
    {"POST", "/v1/ping", METHOD, NULL},
    {"GET", "/v1/text-to-speech/rachel", METHOD, NULL},
    {"POST", "/v1/files", METHOD, NULL},
    {"DELETE", "/v1/admin", 15, ""},
    {"PROPFIND", "/v1/admin", 15, ""},
    {"get", "/v1/admin", 15, ""},
    {"POST", "/v1/admin/health", 16, "health"},
    {"HEAD", "/v1/admin/health", 16, "health"},
    {"GET", "/any/one", 28, "one"},
    {"POST", "/any/one", 29, "one"},
    {"post", "/any/one", 28, "one"},
    {"*", "/any/one", 28, "one"},
    {"*", "/v1/voices", METHOD, NULL},
    {"", "/v1/admin", REFUSED, "method"},
    {"GET ", "/v1/admin", REFUSED, "method"},
    {" GET", "/v1/admin", REFUSED, "method"},
    {"GE\tT", "/v1/admin", REFUSED, "method"},
    {"G\xc3\x89T", "/v1/admin", REFUSED, "method"},
    {"GET/", "/v1/admin", REFUSED, "method"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", "/v1/admin", REFUSED, "method"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", "/v1/admin", 15, ""},

    /* who wins where several fit */
    {"GET", "/v1/voices/add", 3, "add"},
    {"DELETE", "/v1/voices/add", 5, "add"},
    {"GET", "/v1/voices/settings", 3, "settings"},
    {"GET", "/v1/voices/settings/settings", 8, "settings"},
    {"POST", "/v1/voices/settings/settings/edit", 9, "settings"},
    {"GET", "/v1/voices/default/settings", 8, "default"},
    {"GET", "/a/b/c", 25, "c"},
    {"GET", "/a/x/c", 24, "x"},
    {"GET", "/a/b/d", 25, "d"},
    {"GET", "/a/x/d", NONE, NULL},
    {"GET", "/a/b/d/e", 26, "e"},
    {"GET", "/a/b/c/e", 27, "e"},
    {"GET", "/a/x/d/e", 27, "e"},
    {"GET", "/a/b/d/e/f", NONE, NULL},
    {"GET", "/v1/files/files", 20, "files"},

    /* slashes */
    {"GET", "/v1/voices/", NONE, NULL},
    {"GET", "/v1/admin/", NONE, NULL},
    {"GET", "/v1/ping/", NONE, NULL},
    {"GET", "/v1/", NONE, NULL},
    {"GET", "/v1", NONE, NULL},
    {"GET", "/v1/files/readme.txt/", NONE, NULL},
    {"GET", "/v1/admin/health/", NONE, NULL},
    {"GET", "//", REFUSED, "empty"},
    {"GET", "//v1/voices", REFUSED, "empty"},
    {"GET", "/v1//voices", REFUSED, "empty"},
    {"GET", "/v1/voices//", REFUSED, "empty"},
    {"GET", "/v1/admin//health", REFUSED, "empty"},
    {"GET", "///", REFUSED, "empty"},
    {"GET", "/v1/voices//rachel", REFUSED, "empty"},
    {"GET", "/v1/%2Fadmin", REFUSED, "encoded slash"},
    {"GET", "/v1/admin%2Fhealth", REFUSED, "encoded slash"},
    {"GET", "/v1/admin%2fhealth", REFUSED, "encoded slash"},
    {"GET", "%2Fv1/admin", REFUSED, "not a path"},
    {"GET", "/v1/voices/a%2Fb", REFUSED, "encoded slash"},
    {"GET", "/v1\\admin", REFUSED, "backslash"},
    {"GET", "/v1/ping\\..\\admin", REFUSED, "backslash"},
    {"GET", "\\v1\\admin", REFUSED, "not a path"},
    {"GET", "/v1%5Cadmin", REFUSED, "encoded backslash"},
    {"GET", "/v1/ping%5c..%5cadmin", REFUSED, "encoded backslash"},
    {"GET", "/v1/%c0%afadmin", REFUSED, "UTF-8"},
    {"GET", "/v1/%e0%80%afadmin", REFUSED, "UTF-8"},
    {"GET", "/v1/%c1%9cadmin", REFUSED, "UTF-8"},

    /* dots */
    {"GET", "/.", REFUSED, "\"..\""},
    {"GET", "/..", REFUSED, "\"..\""},
    {"GET", "/v1/.", REFUSED, "\"..\""},
    {"GET", "/v1/./admin", REFUSED, "\"..\""},
    {"GET", "/v1/ping/../admin", REFUSED, "\"..\""},
    {"GET", "/v1/../v1/admin", REFUSED, "\"..\""},
    {"GET", "/v1/%2e", REFUSED, "\"..\""},
    {"GET", "/v1/%2E%2E/v1/admin", REFUSED, "\"..\""},
    {"GET", "/v1/.%2e/v1/admin", REFUSED, "\"..\""},
    {"GET", "/v1/%2e./v1/admin", REFUSED, "\"..\""},
    {"GET", "/v1/ping/%2e%2e/admin", REFUSED, "\"..\""},
    {"GET", "/v1/%252e%252e/admin", REFUSED, "%25"},
    {"GET", "/v1/..;/admin", REFUSED, "';'"},
    {"GET", "/v1/..%3b/admin", REFUSED, "%3B"},
    {"GET", "/v1/...", 23, ""},
    {"GET", "/v1/files/..readme", 20, "..readme"},
    {"GET", "/v1/files/readme..", 20, "readme.."},
    {"GET", "/v1/files/...", 20, "..."},
    {"GET", "/v1/%e0%80%ae", REFUSED, "UTF-8"},
    {"GET", "/v1/%c0%ae%c0%ae/admin", REFUSED, "UTF-8"},

    /* percent-encoding of what needs none */
    {"GET", "/v1/%76oices", 1, ""},
    {"GET", "/%76%31/%76%6f%69%63%65%73", 1, ""},
    {"GET", "/%561/voices", REFUSED, "case"},
    {"GET", "/v1/adm%69n", 15, ""},
    {"GET", "/v1/%61%64%6D%69%6e", 15, ""},
    {"GET", "/v1/admin/%68ealth", 17, ""},
    {"GET", "/tilde%7E/dash%2D/under%5F/dot%2E", 30, "constant/id"},
    {"GET", "/v1/voices/r%61chel", 3, "rachel"},
    {"GET", "/v1/voices/%73ettings", 3, "settings"},
    {"GET", "/v1/voices/%73ettings/default", 7, "voices"},
    {"POST", "/v1/voices/%61dd", 6, ""},

    /* percent-encoding that is no good, or that hides something */
    {"GET", "/v1/%", REFUSED, "hexadecimal"},
    {"GET", "/v1/%6", REFUSED, "hexadecimal"},
    {"GET", "/v1/%6/admin", REFUSED, "hexadecimal"},
    {"GET", "/v1/%zz", REFUSED, "hexadecimal"},
    {"GET", "/v1/%6g", REFUSED, "hexadecimal"},
    {"GET", "/v1/% 61dmin", REFUSED, "hexadecimal"},
    {"GET", "/v1/%u0061dmin", REFUSED, "hexadecimal"},
    {"GET", "/v1/%%61dmin", REFUSED, "hexadecimal"},
    {"GET", "/v1/adm%2569n", REFUSED, "%25"},
    {"GET", "/v1/%2561dmin", REFUSED, "%25"},
    {"GET", "/v1/admin%00", REFUSED, "control"},
    {"GET", "/v1/%00admin", REFUSED, "control"},
    {"GET", "/v1/admin%00.txt", REFUSED, "control"},
    {"GET", "/v1/admin%0d%0a", REFUSED, "control"},
    {"GET", "/v1/admin%09", REFUSED, "control"},
    {"GET", "/v1/voices/a%7fb", REFUSED, "control"},
    {"GET", "/v1/voices/a%c2%85b", REFUSED, "control"},
    {"GET", "/v1/admin%3Fx", REFUSED, "'?' or '#'"},
    {"GET", "/v1/admin%23x", REFUSED, "'?' or '#'"},
    {"GET", "/v1/admin%3Bx=1", REFUSED, "%3B"},
    {"GET", "/v1/admin;x=1", REFUSED, "parameters"},
    {"GET", "/v1;x/admin", REFUSED, "parameters"},
    {"GET", "/v1/voices/rachel;jsessionid=1", REFUSED, "parameters"},
    {"GET", "/v1/admin#x", REFUSED, "fragment"},
    {"GET", "/#/v1/admin", REFUSED, "fragment"},

    /* raw bytes that are none of a path's */
    {"GET", "/v1/ad min", REFUSED, "percent-encoded"},
    {"GET", "/v1/admin ", REFUSED, "percent-encoded"},
    {"GET", "/v1/\"admin\"", REFUSED, "percent-encoded"},
    {"GET", "/v1/<admin>", REFUSED, "percent-encoded"},
    {"GET", "/v1/{anything}", REFUSED, "percent-encoded"},
    {"GET", "/v1/a|b", REFUSED, "percent-encoded"},
    {"GET", "/v1/a^b", REFUSED, "percent-encoded"},
    {"GET", "/v1/a`b", REFUSED, "percent-encoded"},
    {"GET", "/v1/[a]", REFUSED, "percent-encoded"},
    {"GET", "/v1/\xc3\xa9", REFUSED, "percent-encoded"},
    {"GET", "/v1/\xff", REFUSED, "percent-encoded"},
    {"GET", "/v1/admin\n", REFUSED, "control"},
    {"GET", "/v1/admin\r\nx: y", REFUSED, "control"},
    {"GET", "/v1/\x01", REFUSED, "control"},
    {"GET", "/v1/\x7f", REFUSED, "control"},

    /* case */
    {"GET", "/V1/voices", REFUSED, "case"},
    {"GET", "/v1/Voices", REFUSED, "case"},
    {"GET", "/v1/ADMIN", REFUSED, "case"},
    {"GET", "/v1/Admin", REFUSED, "case"},
    {"GET", "/v1/admi%4E", REFUSED, "case"},
    {"GET", "/v1/admin/HEALTH", REFUSED, "case"},
    {"GET", "/v1/Models:list", REFUSED, "case"},
    {"POST", "/v1/voices/ADD", REFUSED, "case"},
    {"GET", "/v1/voices/Settings/default", REFUSED, "case"},
    {"GET", "/v1/voices/Rachel", 3, "Rachel"},
    {"GET", "/v1/files/ADMIN", 20, "ADMIN"},
    {"GET", "/v1/%e2%84%aaelvin", 23, ""},

    /* reserved characters, raw and encoded */
    {"GET", "/v1/models%3Alist", REFUSED, "look like"},
    {"GET", "/v1/models%3alist", REFUSED, "look like"},
    {"GET", "/v1/Models%3Alist", REFUSED, "look like"},
    {"GET", "/v1/models:other", 23, ""},
    {"GET", "/v1/models%3Aother", 23, ""},
    {"GET", "/v1/voices/a:b@c", 3, "a:b@c"},
    {"GET", "/v1/voices/a%3Ab%40c", 3, "a:b@c"},
    {"GET", "/v1/voices/a,b=c&d!$'()*", 3, "a,b=c&d!$'()*"},
    {"GET", "/v1/voices/a+b", REFUSED, "%2B"},
    {"GET", "/v1/voices/a%2Bb", 3, "a+b"},
    {"GET", "/v1/projects/a+b/chapters/c", REFUSED, "%2B"},
    {"GET", "/v1/a+b", REFUSED, "%2B"},
    {"GET", "/v1/unknown+path/x", NONE, NULL},

    /* ids in other letters */
    {"GET", "/v1/voices/%C3%A9t%C3%A9", 3, "\xc3\xa9t\xc3\xa9"},
    {"GET", "/v1/voices/%e3%83%ab%e3%83%8d", 3, "\xe3\x83\xab\xe3\x83\x8d"},
    {"GET", "/v1/voices/%f0%9f%8e%99", 3, "\xf0\x9f\x8e\x99"},
    {"GET", "/v1/voices/a%20b", 3, "a b"},
    {"GET", "/v1/voices/%7Bx%7D", 3, "{x}"},
    {"GET", "/v1/voices/%22", 3, "\""},
    {"GET", "/v1/voices/%ff", REFUSED, "UTF-8"},
    {"GET", "/v1/voices/%c3", REFUSED, "UTF-8"},
    {"GET", "/v1/voices/%c3/%a9", REFUSED, "UTF-8"},
    {"GET", "/v1/voices/%ed%a0%80", REFUSED, "UTF-8"},
    {"GET", "/v1/voices/%f4%90%80%80", REFUSED, "UTF-8"},
    {"GET", "/v1/voices/%f8%88%80%80%80", REFUSED, "UTF-8"},

    /* other forms of a target */
    {"GET", "", REFUSED, "not a path"},
    {"OPTIONS", "*", REFUSED, "not a path"},
    {"GET", "v1/admin", REFUSED, "not a path"},
    {"GET", "?x", REFUSED, "not a path"},
    {"GET", "http://api.example/v1/admin", REFUSED, "not a path"},
    {"GET", "http:/v1/admin", REFUSED, "not a path"},
    {"GET", "//api.example/v1/admin", REFUSED, "empty"},
    {"CONNECT", "api.example:443", REFUSED, "not a path"},
    {"GET", " /v1/admin", REFUSED, "not a path"},
    {"GET", "/http://api.example/v1/admin", REFUSED, "empty"},

    /* nothing there */
    {"GET", "/v2/voices", NONE, NULL},
    {"GET", "/voices", NONE, NULL},
    {"GET", "/v1/voices/rachel/other", NONE, NULL},
    {"GET", "/v1/voices/rachel/settings/more", NONE, NULL},
    {"GET", "/v1/ping/more", NONE, NULL},
    {"POST", "/v1/text-to-speech", METHOD, NULL},
    {"POST", "/v1/text-to-speech/rachel/stream/x", NONE, NULL},
    {"POST", "/v1/text-to-speec", METHOD, NULL},
    {"GET", "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4", NONE, NULL},
};
enum { SPELLINGS = sizeof(spellings) / sizeof(*spellings) };
_Static_assert(WRITTEN == 30 && SPELLINGS >= 150, "the table is as large as was promised");

/* ---- the table ---- */

static int rule_of(const struct sp_route_match *match) {
    static const int rules[] = {
        [SP_ROUTE_UNKNOWN] = NONE, [SP_ROUTE_OTHER_METHOD] = METHOD, [SP_ROUTE_REFUSED] = REFUSED};
    return match->outcome == SP_ROUTE_FOUND ? (int)match->index + 1 : rules[match->outcome];
}

static void check_spelling(const struct sp_routes *compiled, const struct sp_route *routes,
                           const struct spelling *spelling) {
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    struct sp_route_match match = match_request(compiled, str(spelling->method), str(spelling->target), scratch);
    int rule = rule_of(&match);
    if (rule != spelling->rule)
        fail_msg("%s %s reached rule %d (%s), not %d", spelling->method, spelling->target, rule, match.why,
                 spelling->rule);
    assert_ptr_equal(match.route, rule > 0 ? &routes[rule - 1] : NULL);
    if (rule > 0 && !sp_str_equal(match.id, str(spelling->expected)))
        fail_msg("%s %s reached id %.*s", spelling->method, spelling->target, SP_STR_ARG(match.id));
    if (rule == REFUSED && strstr(match.why, spelling->expected) == NULL)
        fail_msg("%s %s is refused because %s", spelling->method, spelling->target, match.why);
    if (rule <= 0)
        assert_int_equal(match.id.size, 0);
}

static void every_spelling_reaches_its_rule(void **state) {
    struct sp_arena arena;
    struct sp_route routes[WRITTEN];
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < WRITTEN; i++)
        read_route(written[i].path, written[i].target, i + 1, &routes[i]);
    const struct sp_routes *compiled = compile(routes, WRITTEN, &arena);
    for (size_t i = 0; i < SPELLINGS; i++)
        check_spelling(compiled, routes, &spellings[i]);
    sp_arena_fini(&arena);
}

/* The order in which routes are written changes nothing. */
static void the_order_of_routes_means_nothing(void **state) {
    struct sp_arena arena;
    struct sp_route routes[WRITTEN];
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < WRITTEN; i++)
        read_route(written[i].path, written[i].target, i + 1, &routes[WRITTEN - 1 - i]);
    const struct sp_routes *compiled = compile(routes, WRITTEN, &arena);
    for (size_t i = 0; i < SPELLINGS; i++) {
        struct sp_route_match match =
            match_request(compiled, str(spellings[i].method), str(spellings[i].target), scratch);
        int rule = rule_of(&match);
        assert_int_equal(rule > 0 ? WRITTEN + 1 - rule : rule, spellings[i].rule);
    }
    sp_arena_fini(&arena);
}

/* No rule of the table can be left out without a spelling that shows it. */
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

static void a_raw_nul_is_refused_wherever_it_stands(void **state) {
    static const char method[] = "GET", path[] = "/v1/admin/health?x=1";
    struct sp_arena arena;
    struct sp_route route;
    (void)state;
    new_arena(&arena);
    read_route("* /v1/admin/health", "edit setting", 1, &route);
    const struct sp_routes *compiled = compile(&route, 1, &arena);
    for (size_t i = 0; i < sizeof(path) - 1; i++) {
        char target[sizeof(path)], scratch[SP_ROUTE_SCRATCH_BYTES];
        memcpy(target, path, sizeof(path));
        target[i] = '\0';
        struct sp_route_match match =
            match_request(compiled, str(method), (struct sp_str){target, sizeof(path) - 1}, scratch);
        assert_int_equal(match.outcome, SP_ROUTE_REFUSED);
    }
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    struct sp_route_match match = match_request(compiled, (struct sp_str){"G\0T", 3}, str(path), scratch);
    assert_int_equal(match.outcome, SP_ROUTE_REFUSED);
    sp_arena_fini(&arena);
}

/* Targets end where their size says, whatever stands behind: every beginning of every spelling is
 * read as if it were alone. */
static void nothing_is_read_behind_a_targets_end(void **state) {
    struct sp_arena arena;
    struct sp_route routes[WRITTEN];
    char scratch[SP_ROUTE_SCRATCH_BYTES], other[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < WRITTEN; i++)
        read_route(written[i].path, written[i].target, i + 1, &routes[i]);
    const struct sp_routes *compiled = compile(routes, WRITTEN, &arena);
    for (size_t i = 0; i < SPELLINGS; i++) {
        struct sp_str method = str(spellings[i].method), target = str(spellings[i].target);
        for (size_t size = 0; size <= target.size; size++) {
            char *alone = malloc(size + 1);
            assert_non_null(alone);
            memcpy(alone + 1, target.data, size);
            struct sp_route_match a = match_request(compiled, method, (struct sp_str){target.data, size}, scratch);
            struct sp_route_match b = match_request(compiled, method, (struct sp_str){alone + 1, size}, other);
            assert_int_equal(rule_of(&a), rule_of(&b));
            assert_string_equal(a.why, b.why);
            assert_true(sp_str_equal(a.id, b.id));
            free(alone);
        }
    }
    sp_arena_fini(&arena);
}

static void says_when_memory_ends(void **state) {
    struct sp_route routes[WRITTEN];
    (void)state;
    for (size_t i = 0; i < WRITTEN; i++)
        read_route(written[i].path, written[i].target, i + 1, &routes[i]);
    for (size_t budget = 64; budget < 2800; budget += 50) {
        struct sp_arena arena;
        const struct sp_routes *compiled = NULL;
        assert_int_equal(sp_arena_init(&arena, 64, budget), SP_OK);
        assert_int_equal(sp_routes_compile(routes, WRITTEN, &arena, &compiled, NULL), SP_ERR_MEMORY);
        assert_null(compiled);
        sp_arena_fini(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_reaches_its_rule),
        cmocka_unit_test(the_order_of_routes_means_nothing),
        cmocka_unit_test(every_rule_is_reached_by_some_spelling),
        cmocka_unit_test(a_raw_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(nothing_is_read_behind_a_targets_end),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL) > 0 ? 1 : 0;
}
