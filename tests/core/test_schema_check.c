/* All that is wrong with a schema's text, at once, and what looks as if it were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/schema.h"

enum { FIRST_BLOCK_BYTES = 16 * 1024, BUDGET_BYTES = 64 << 20, TEXT_BYTES = 16 * 1024 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void new_arena(struct sp_arena *arena) {
    assert_int_equal(sp_arena_init(arena, FIRST_BLOCK_BYTES, BUDGET_BYTES), SP_OK);
}

/* "L:C what", a line each; a warning begins with '?'. */
static void describe(const struct sp_schema_findings *findings, char text[static TEXT_BYTES]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < findings->count && i < SP_SCHEMA_FINDINGS_MAX; i++) {
        const struct sp_schema_finding *finding = &findings->items[i];
        used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%s%zu:%zu %s\n", finding->warning ? "?" : "",
                                 finding->line, finding->column, finding->what);
    }
}

struct row {
    const char *name, *yaml, *findings;
};

#define TYPES "types:\n  voice: {actions: {look: {}, edit: {role: editor}}}\n"

static const struct row rows[] = {
    {"nothing", "version: 1\n" TYPES, ""},
    {"values",
     "version: 3\n"
     "permissions: {a: {}, B: x, c: \"x\\ty\"}\n"
     "types:\n"
     "  voice:\n"
     "    ids: none\n"
     "    register: [x]\n"
     "    colour: {red: [1, 2]}\n"
     "    actions:\n"
     "      use: {permission: d, role: king, colour: red}\n"
     "      Look: {}\n"
     "      sing: x\n"
     "  setting: {}\n"
     "roles: [a]\n",
     "1:10 version must be 1 or 2\n"
     "2:18 expected text here, not a mapping\n"
     "2:22 permission: character 1 is not allowed; use a lower-case letter, then lower-case letters, digits and _\n"
     "2:31 the description contains control characters or a line break; remove them\n"
     "5:10 ids must be global or workspace\n"
     "6:15 expected text here, not a list\n"
     "7:5 unknown key; expected ids, register, description or actions\n"
     "9:25 d is not a permission; add it to permissions or correct the name\n"
     "9:34 role: must be one of viewer, commenter, editor, admin\n"
     "9:40 unknown key; expected permission or role\n"
     "10:7 action\n"
     "11:13 an action is a mapping, such as {permission: name, role: viewer} or {}\n"
     "12:3 setting has no actions; add one or remove the type\n"
     "13:1 unknown key; expected version, permissions, types or routes\n"},
    {"no version, and names given twice",
     "permissions:\n  a: x\n  a: y\n  a: z\ntypes:\n  v: {actions: {x: {}, x: {}}}\n  v: {actions: {x: {}}}\n",
     "1:1 version is missing; add \"version: 1\"\n"
     "3:3 a is given twice; remove one\n"
     "4:3 a is given twice; remove one\n"
     "6:24 x is given twice; remove one\n"
     "7:3 v is given twice; remove one\n"},
    {"routes",
     "version: 2\n" TYPES "routes:\n"
     "  /v1/voices: look voice\n"
     "  GET /a//b: look voice\n"
     "  GET /a/{id}: look\n"
     "  GET /b: look voice/{id}\n"
     "  GET /c: look vioce\n"
     "  GET /d: sing voice\n"
     "  GET /e: edit voice\n"
     "  GET /f: [look]\n"
     "  GET /g/{x}: look voice/{x}\n"
     "  GET /g/{y}: look voice/{y}\n"
     "  GET /g/{z}: look voice/{z}\n"
     "  GET /G: look voice\n"
     "  GET /h/{x}: look voice/{x}\n"
     "  GET /h/{x}/: edit voice/{x}\n",
     "5:3 a route must be a method and a path, such as GET /v1/voices/{voice_id}\n"
     "6:3 the path has an empty segment; remove one '/'\n"
     "7:16 a route's target must be an action and a resource, such as \"use voice/{voice_id}\"\n"
     "8:11 the path does not capture {id}\n"
     "9:11 there is no type vioce; add it to types or correct the name\n"
     "10:11 type voice has no action sing; add it or correct the name\n"
     "11:11 edit of voice needs the role editor on a resource, and the route names none, so it can never allow; write "
     "voice/{segment} or voice/ID, or choose an action without a role\n"
     "12:11 expected text here, not a list\n"
     "14:3 GET /g/{y} has the same method and the same shape as line 13: GET /g/{x}\n"
     "15:3 GET /g/{z} has the same method and the same shape as line 13: GET /g/{x}\n"
     "16:3 GET /G has a segment that differs only in case from that of line 13: GET /g/{x}\n"
     "18:3 GET /h/{x}/ leads elsewhere, but matches a path that differs only by a trailing slash from one of line 17: "
     "GET /h/{x}\n"},
    {"newer forms",
     "version: 1\n" TYPES "routes:\n  GET /a/{id}:x: look voice\n  GET a.b/c: look voice\n  GET /d: look voice\n",
     "5:3 hosts, suffixes behind captures, {name...}, '-' in names of captures, and ids of several captures require "
     "\"version: 2\" at the top, which earlier releases do not read\n"
     "6:3 hosts, suffixes behind captures, {name...}, '-' in names of captures, and ids of several captures require "
     "\"version: 2\" at the top, which earlier releases do not read\n"},
    {"literals that look like captures",
     "version: 1\n" TYPES "routes:\n  GET /a/:id: look voice\n  GET /b/*: look voice\n  GET /c: look vioce\n",
     "?5:3 \":id\" matches only itself; a capture is written {name}\n"
     "?6:3 \"*\" matches only itself; {name} takes any segment, and {name...} the rest of the path\n"
     "7:11 there is no type vioce; add it to types or correct the name\n"},
    {"no YAML from some line on", "version: 1\nroles: x\ntypes: {\n", NULL},
    {"nothing at all", "", "1:1 the schema is empty; begin with \"version: 1\"\n"},
    {"no mapping", "version\n", "1:1 a schema is a mapping; begin with \"version: 1\"\n"},
};

/* Lines that say more than is written here may go on behind a name. */
static void compare_lines(const struct row *row, const char *text) {
    const char *expected = row->findings;
    while (*expected != '\0' || *text != '\0') {
        size_t size = strcspn(expected, "\n"), got = strcspn(text, "\n");
        if (size == 0 || got < size || strncmp(expected, text, size) != 0)
            fail_msg("%s: \"%.*s\" instead of \"%.*s\"", row->name, (int)got, text, (int)size, expected);
        expected += size + 1;
        text += got + 1;
    }
}

static void finds_all_errors_at_once(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_arena arena;
        struct sp_schema schema = {.route_count = 7}, parsed;
        struct sp_schema_findings findings;
        struct sp_error error = {0};
        char text[TEXT_BYTES];
        new_arena(&arena);
        enum sp_status status = sp_schema_check(sp_str_from(rows[i].yaml), &arena, &findings, &schema);
        describe(&findings, text);
        if (rows[i].findings != NULL)
            compare_lines(&rows[i], text);
        assert_int_equal(status, findings.error_count == 0 ? SP_OK : SP_ERR_INVALID);
        assert_int_equal(sp_schema_parse(sp_str_from(rows[i].yaml), &arena, &parsed, &error), status);
        if (status != SP_OK)
            assert_int_equal(schema.route_count, 7);
        sp_arena_fini(&arena);
    }
}

static void what_is_no_yaml_ends_the_list(void **state) {
    struct sp_arena arena;
    struct sp_schema schema;
    struct sp_schema_findings findings;
    (void)state;
    new_arena(&arena);
    assert_int_equal(
        sp_schema_check(sp_str_from("version: 1\nroles: x\nroutes: &a {}\nmore: x\n"), &arena, &findings, &schema),
        SP_ERR_INVALID);
    assert_int_equal(findings.count, 2);
    assert_int_equal(findings.items[0].line, 2);
    assert_int_equal(findings.items[1].line, 3);
    assert_string_equal(findings.items[1].what, "anchors are not allowed; write the value out");
    sp_arena_fini(&arena);
}

static void warnings_alone_are_no_error(void **state) {
    struct sp_arena arena;
    struct sp_schema schema = {0};
    struct sp_schema_findings findings;
    (void)state;
    new_arena(&arena);
    assert_int_equal(sp_schema_check(sp_str_from("version: 1\n" TYPES "routes: {GET /a/:id: look voice}\n"), &arena,
                                     &findings, &schema),
                     SP_OK);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.error_count, 0);
    assert_int_equal(schema.route_count, 1);
    sp_arena_fini(&arena);
}

/* 150 conflicts, of which a hundred are kept. */
static void further_errors_are_counted(void **state) {
    struct sp_arena arena;
    struct sp_schema schema;
    struct sp_schema_findings findings;
    char text[TEXT_BYTES];
    size_t used = (size_t)snprintf(text, sizeof(text), "version: 1\n" TYPES "routes:\n");
    (void)state;
    new_arena(&arena);
    for (size_t i = 0; i < 150; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "  GET /a/%zu: look vioce\n", i);
    assert_int_equal(sp_schema_check((struct sp_str){text, used}, &arena, &findings, &schema), SP_ERR_INVALID);
    assert_int_equal(findings.count, 150);
    assert_int_equal(findings.error_count, 150);
    assert_int_equal(findings.items[99].line, 5 + 99);
    sp_arena_fini(&arena);
}

static void says_when_memory_ends(void **state) {
    (void)state;
    for (size_t budget = 64; budget < 6000; budget += 64) {
        struct sp_arena arena;
        struct sp_schema schema;
        struct sp_schema_findings findings;
        assert_int_equal(sp_arena_init(&arena, 64, budget), SP_OK);
        enum sp_status status = sp_schema_check(sp_str_from(rows[3].yaml), &arena, &findings, &schema);
        assert_true(status == SP_ERR_MEMORY || status == SP_ERR_INVALID);
        sp_arena_fini(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_errors_at_once),    cmocka_unit_test(what_is_no_yaml_ends_the_list),
        cmocka_unit_test(warnings_alone_are_no_error), cmocka_unit_test(further_errors_are_counted),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests_name("schema_check", tests, NULL, NULL) > 0 ? 1 : 0;
}
