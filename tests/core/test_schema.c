#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/permission_set.h"
#include "core/route_match.h"
#include "core/schema.h"

enum { FIRST_BLOCK_BYTES = 16 * 1024, BUDGET_BYTES = 16 << 20 };

#define ENTIRE                                                                                                         \
    "version: 1\n"                                                                                                     \
    "permissions:\n"                                                                                                   \
    "  text_to_speech: Turn text into speech\n"                                                                        \
    "  voices_write: Change voices\n"                                                                                  \
    "types:\n"                                                                                                         \
    "  voice:\n"                                                                                                       \
    "    description: A voice\n"                                                                                       \
    "    actions:\n"                                                                                                   \
    "      use: {permission: text_to_speech, role: viewer}\n"                                                          \
    "      share: {permission: voices_write, role: admin}\n"                                                           \
    "      preview: {}\n"                                                                                              \
    "  history_item:\n"                                                                                                \
    "    ids: workspace\n"                                                                                             \
    "    actions:\n"                                                                                                   \
    "      read:\n"                                                                                                    \
    "        role: commenter\n"

/* An action with a role, and a route to it without an id. */
#define ROLE_ROUTE                                                                                                     \
    "version: 1\ntypes: {voice: {actions: {look: {}, edit: {role: editor}}}}\nroutes:\n  PUT /v1/v: edit voice\n"

#define ROUTES(lines) "version: 1\ntypes: {voice: {actions: {look: {}}}}\nroutes:\n  " lines "\n"

struct refused {
    const char *name;
    const char *yaml;
    const char *error;
};

static const struct refused refused_texts[] = {
    {"refuses_no_text", "", "line 1, column 1: the schema is empty; begin with \"version: 1\""},
    {"refuses_a_comment_alone", "# nothing\n", "line 2, column 1: the schema is empty; begin with \"version: 1\""},
    {"refuses_an_entry_that_hides_in_a_comment", "version: 1\ntypes: # none\xe2\x80\xa8  voice: {actions: {a: {}}}\n",
     "line 2, column 14: U+2028 ends a line here but not in other YAML parsers; remove it, or write \"\\L\" in "
     "double "
     "quotes"},
    {"refuses_a_list_for_the_whole", "- version: 1\n", "line 1, column 1: a list is not allowed here"},
    {"refuses_text_for_the_whole", "version\n", "line 1, column 1: a schema is a mapping; begin with \"version: 1\""},
    {"refuses_a_missing_version", "types: {}\n", "line 1, column 1: version is missing; add \"version: 1\""},
    {"refuses_another_version", "version: 3\n", "line 1, column 10: version must be 1 or 2"},
    {"refuses_an_unknown_key_on_top", "version: 1\nroles: {}\n",
     "line 2, column 1: unknown key; expected version, permissions, types or routes"},
    {"refuses_a_key_on_top_twice", "version: 1\ntypes: {}\ntypes: {}\n",
     "line 3, column 1: types is given twice; remove one"},
    {"refuses_an_unknown_key_of_a_type", "version: 1\ntypes:\n  voice:\n    owner: x\n",
     "line 4, column 5: unknown key; expected ids, register, description or actions"},
    {"refuses_a_key_of_a_type_twice", "version: 1\ntypes:\n  voice:\n    ids: global\n    ids: workspace\n",
     "line 5, column 5: ids is given twice; remove one"},
    {"refuses_an_unknown_key_of_an_action", "version: 1\ntypes:\n  voice:\n    actions:\n      use: {roles: viewer}\n",
     "line 5, column 13: unknown key; expected permission or role"},
    {"refuses_a_key_of_an_action_twice", "version: 1\ntypes: {voice: {actions: {use: {role: viewer, role: admin}}}}\n",
     "line 2, column 47: role is given twice; remove one"},
    {"refuses_a_permission_twice", "version: 1\npermissions:\n  a: x\n  b: x\n  a: y\n",
     "line 5, column 3: a is given twice; remove one"},
    {"refuses_a_type_twice", "version: 1\ntypes:\n  v: {actions: {a: {}}}\n  v: {actions: {b: {}}}\n",
     "line 4, column 3: v is given twice; remove one"},
    {"refuses_an_action_twice", "version: 1\ntypes:\n  v:\n    actions:\n      a: {}\n      b: {}\n      a: {}\n",
     "line 7, column 7: a is given twice; remove one"},
    {"refuses_a_type_without_actions", "version: 1\ntypes:\n  voice: {ids: global}\n",
     "line 3, column 3: voice has no actions; add one or remove the type"},
    {"refuses_a_permission_that_is_not_listed",
     "version: 1\ntypes:\n  v:\n    actions:\n      a: {permission: no_such}\n",
     "line 5, column 23: no_such is not a permission; add it to permissions or correct the name"},
    {"refuses_another_who_registers", "version: 1\ntypes: {v: {register: nobody, actions: {use: {}}}}\n",
     "line 2, column 23: register must be operator, permitted or admin"},
    {"refuses_other_ids", "version: 1\ntypes: {v: {ids: local}}\n",
     "line 2, column 18: ids must be global or workspace"},
    {"refuses_an_action_that_is_text", "version: 1\ntypes: {v: {actions: {a: viewer}}}\n",
     "line 2, column 26: an action is a mapping, such as {permission: name, role: viewer} or {}"},
    {"refuses_an_action_that_is_empty_text", "version: 1\ntypes:\n  v:\n    actions:\n      a:\n",
     "line 5, column 9: an action is a mapping, such as {permission: name, role: viewer} or {}"},
    {"refuses_a_mapping_for_a_description", "version: 1\npermissions: {a: {b: c}}\n",
     "line 2, column 18: expected text here, not a mapping"},
    {"refuses_a_mapping_for_a_key", "version: 1\n? {a: b}\n: c\n", "line 2, column 3: a key must be text"},
    {"refuses_a_list_for_a_key", "version: 1\n? [a]\n: c\n", "line 2, column 3: a list is not allowed here"},
    {"refuses_a_list_of_actions", "version: 1\ntypes: {v: {actions: [use]}}\n",
     "line 2, column 22: a list is not allowed here"},
    {"refuses_deep_nesting_at_its_first_level", "version: 1\ntypes: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
     "line 2, column 8: a list is not allowed here"},
    {"refuses_an_alias", "version: 1\npermissions: {a: *x}\n",
     "line 2, column 18: aliases are not allowed; write the value out"},
    {"refuses_an_anchor_on_text", "version: 1\npermissions: {a: &x y}\n",
     "line 2, column 18: anchors are not allowed; write the value out"},
    {"refuses_an_anchor_on_a_mapping", "version: 1\ntypes: &x {}\n",
     "line 2, column 8: anchors are not allowed; write the value out"},
    {"refuses_a_tag_on_text", "version: !!str 1\n", "line 1, column 10: tags are not allowed; remove the tag"},
    {"refuses_a_tag_on_a_mapping", "version: 1\ntypes: !!map {}\n",
     "line 2, column 8: tags are not allowed; remove the tag"},
    {"refuses_a_merge_key", "version: 1\ntypes:\n  <<: {v: {}}\n",
     "line 3, column 3: type: character 1 is not allowed; use a lower-case letter, then lower-case letters, digits and "
     "_"},
    {"refuses_a_directive", "%YAML 1.1\n---\nversion: 1\n",
     "line 1, column 1: directives are not allowed; remove the directive"},
    {"refuses_several_documents", "version: 1\n---\nversion: 1\n",
     "line 2, column 1: several documents are not allowed; keep one"},
    {"refuses_a_tab_for_indentation", "version: 1\ntypes:\n\tv: {}\n",
     "line 3, column 1: found character that cannot start any token"},
    {"refuses_a_mapping_that_does_not_end", "version: 1\ntypes: {v: {\n", NULL},
    {"refuses_bytes_that_are_not_utf8", "version: 1\npermissions: {a: \xff}\n", NULL},
    {"refuses_control_characters", "version: 1\npermissions:\n  a: \x01\n", NULL},
    {"refuses_an_escaped_nul_in_a_name", "version: 1\npermissions: {\"a\\0\": b}\n", NULL},
    {"refuses_an_escaped_nul_in_a_description", "version: 1\npermissions: {a: \"b\\0c\"}\n",
     "line 2, column 18: the description contains control characters or a line break; remove them"},
    {"refuses_a_line_break_in_a_description", "version: 1\npermissions:\n  a: |\n    one\n    two\n",
     "line 3, column 6: the description contains control characters or a line break; remove them"},
    {"refuses_capitals_in_a_name", "version: 1\npermissions: {Speech: x}\n", NULL},
    {"refuses_an_empty_permission_of_an_action", "version: 1\ntypes: {v: {actions: {a: {permission: }}}}\n", NULL},
    {"refuses_a_route_without_a_method", ROUTES("/v1/voices: look voice"),
     "line 4, column 3: a route must be a method and a path, such as GET /v1/voices/{voice_id}"},
    {"refuses_a_route_without_a_resource", ROUTES("GET /v1/voices: look"),
     "line 4, column 19: a route's target must be an action and a resource, such as \"use voice/{voice_id}\""},
    {"refuses_a_route_that_is_a_mapping", ROUTES("GET /v1/voices: {action: look}"),
     "line 4, column 19: expected text here, not a mapping"},
    {"refuses_routes_that_are_text", "version: 1\nroutes: GET /a\n",
     "line 2, column 9: routes are a mapping, such as GET /v1/voices/{voice_id}: read voice/{voice_id}"},
    {"refuses_a_list_of_routes", "version: 1\nroutes:\n  - GET /a: look voice\n",
     "line 3, column 3: a list is not allowed here"},
    {"refuses_a_newer_form_of_routes_in_version_1", ROUTES("GET /v1/{id}:stop: look voice"),
     "line 4, column 3: hosts, suffixes behind captures, {name...}, '-' in names of captures, and ids of several "
     "captures require \"version: 2\" at the top, which earlier releases do not read"},
    {"refuses_a_host_in_version_1",
     "routes:\n  GET a.b/c: look voice\ntypes: {voice: {actions: {look: {}}}}\nversion: 1\n",
     "line 2, column 3: hosts, suffixes behind captures, {name...}, '-' in names of captures, and ids of several "
     "captures require \"version: 2\" at the top, which earlier releases do not read"},
    {"refuses_a_route_to_a_type_that_is_not_there", ROUTES("GET /v1/voices: look vioce"),
     "line 4, column 19: there is no type vioce; add it to types or correct the name"},
    {"refuses_a_route_to_an_action_that_is_not_there", ROUTES("GET /v1/voices: see voice"),
     "line 4, column 19: type voice has no action see; add it or correct the name"},
    {"refuses_the_first_of_two_bad_routes", ROUTES("GET /b: see voice\n  GET /a: look vioce"),
     "line 4, column 11: type voice has no action see; add it or correct the name"},
    {"refuses_a_route_without_an_id_to_an_action_that_needs_a_role", ROLE_ROUTE,
     "line 4, column 14: edit of voice needs the role editor on a resource, and the route names none, so it can never "
     "allow; write voice/{segment} or voice/ID, or choose an action without a role"},
    {"refuses_an_id_that_is_not_captured", ROUTES("GET /v1/{x}: look voice/{y}"),
     "line 4, column 16: the path does not capture {y}"},
    {"refuses_a_route_twice", ROUTES("GET /a: look voice\n  POST /a: look voice\n  GET /a: look voice"),
     "line 6, column 3: GET /a has the same method and the same shape as line 4: GET /a"},
    {"refuses_two_routes_of_one_shape", ROUTES("GET /a/{x}: look voice\n  GET /a/{y}: look voice"),
     "line 5, column 3: GET /a/{y} has the same method and the same shape as line 4: GET /a/{x}"},
    {"refuses_routes_that_differ_in_case", ROUTES("GET /a: look voice\n  GET /A/b: look voice"),
     "line 5, column 3: GET /A/b has a segment that differs only in case from that of line 4: GET /a"},
    {"refuses_a_star_without_quotes", ROUTES("* /a: look voice"),
     "line 4, column 3: text that begins with '*' must be quoted"},
    {"refuses_an_unknown_role", "version: 1\ntypes: {v: {actions: {a: {role: owner}}}}\n",
     "line 2, column 33: role: must be one of viewer, commenter, editor, admin"},
    {"refuses_the_role_none", "version: 1\ntypes: {v: {actions: {a: {role: none}}}}\n", NULL},
};

static struct sp_str str(const char *text) {
    return sp_str_from(text);
}

static struct sp_route_match match_request(const struct sp_schema *schema, const char *method, const char *target,
                                           char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    const struct sp_route_request request = {.method = str(method), .target = str(target)};
    return sp_routes_match(schema->matcher, &request, scratch);
}

static void new_arena(struct sp_arena *arena) {
    assert_int_equal(sp_arena_init(arena, FIRST_BLOCK_BYTES, BUDGET_BYTES), SP_OK);
}

static struct sp_schema parse(struct sp_str yaml, struct sp_arena *arena) {
    struct sp_schema schema = {0};
    struct sp_error error = {0};
    if (sp_schema_parse(yaml, arena, &schema, &error) != SP_OK)
        fail_msg("%s", error.message);
    return schema;
}

static void refuses(void **state) {
    const struct refused *vector = *state;
    struct sp_arena arena;
    struct sp_schema schema = {.type_count = 77};
    struct sp_error error = {0};
    new_arena(&arena);
    assert_int_equal(sp_schema_parse(str(vector->yaml), &arena, &schema, &error), SP_ERR_INVALID);
    if (vector->error != NULL)
        assert_string_equal(error.message, vector->error);
    assert_int_equal(strncmp(error.message, "line ", 5), 0);
    assert_non_null(strstr(error.message, ", column "));
    assert_int_equal(schema.type_count, 77);
    sp_arena_fini(&arena);
}

static void reads_types_actions_and_permissions(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(str(ENTIRE), &arena);
    assert_int_equal(schema.type_count, 2);
    assert_int_equal(schema.permission_count, 2 + 4);

    const struct sp_schema_type *voice = sp_schema_find_type(&schema, str("voice"));
    assert_non_null(voice);
    assert_false(voice->workspace_scoped);
    assert_true(sp_str_equal(voice->description, str("A voice")));
    assert_int_equal(voice->action_count, 3);
    const struct sp_schema_action *use = sp_schema_find_action(voice, str("use"));
    assert_non_null(use);
    assert_true(use->needs_permission);
    assert_true(sp_str_equal(schema.permissions[use->permission].name, str("text_to_speech")));
    assert_int_equal(use->role, SP_ROLE_VIEWER);
    assert_int_equal(sp_schema_find_action(voice, str("share"))->role, SP_ROLE_ADMIN);
    assert_false(sp_schema_find_action(voice, str("preview"))->needs_permission);
    assert_int_equal(sp_schema_find_action(voice, str("preview"))->role, SP_ROLE_NONE);

    const struct sp_schema_type *item = sp_schema_find_type(&schema, str("history_item"));
    assert_true(item->workspace_scoped);
    assert_false(sp_schema_find_action(item, str("read"))->needs_permission);
    assert_int_equal(sp_schema_find_action(item, str("read"))->role, SP_ROLE_COMMENTER);
    sp_arena_fini(&arena);
}

static void finds_nothing_under_other_names(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(str(ENTIRE), &arena);
    static const char *const names[] = {"", "voic", "voices", "use", "zzz", "a"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_null(sp_schema_find_type(&schema, str(names[i])));
        assert_null(sp_schema_find_permission(&schema, str(names[i])));
    }
    assert_null(sp_schema_find_action(sp_schema_find_type(&schema, str("voice")), str("read")));
    sp_arena_fini(&arena);
}

static void adds_the_permissions_that_are_built_in(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(str("version: 1\n"), &arena);
    assert_int_equal(schema.permission_count, 4);
    assert_int_equal(schema.type_count, 0);
    for (size_t i = 0; i < 4; i++) {
        const struct sp_schema_permission *builtin = &sp_schema_builtin_permissions[i];
        assert_true(builtin->name.size == strlen(builtin->name.data));
        assert_true(builtin->description.size == strlen(builtin->description.data));
        assert_ptr_equal(sp_schema_find_permission(&schema, builtin->name), &schema.permissions[i]);
    }
    sp_arena_fini(&arena);
}

static void lets_a_built_in_permission_be_described(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(str("version: 1\npermissions:\n  workspace_read: Mine\n"), &arena);
    assert_int_equal(schema.permission_count, 4);
    assert_true(sp_str_equal(sp_schema_find_permission(&schema, str("workspace_read"))->description, str("Mine")));
    sp_arena_fini(&arena);
}

static void reads_routes_in_the_order_of_the_file(void **state) {
    static const char yaml[] = ROUTES("POST /v1/text-to-speech/{voice_id}: look voice/{voice_id}\n"
                                      "  \"* /v1/a:b\": look voice/a constant\n"
                                      "  GET /: look voice # the root");
    struct sp_arena arena;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    struct sp_schema schema = parse(str(yaml), &arena);
    assert_int_equal(schema.route_count, 3);
    assert_true(sp_str_equal(schema.routes[0].method, str("POST")));
    assert_true(sp_str_equal(schema.routes[0].path, str("/v1/text-to-speech/{voice_id}")));
    assert_true(sp_str_equal(schema.routes[0].id, str("{voice_id}")));
    assert_int_equal(schema.routes[0].line, 4);
    assert_int_equal(schema.routes[0].column, 3);
    assert_true(sp_str_equal(schema.routes[1].id, str("a constant")));
    assert_int_equal(schema.routes[2].id_kind, SP_ROUTE_ID_NONE);
    assert_ptr_equal(sp_schema_find_route(&schema, str("*"), str("/v1/a:b")), &schema.routes[1]);
    assert_ptr_equal(sp_schema_find_route(&schema, str("GET"), str("/")), &schema.routes[2]);
    assert_null(sp_schema_find_route(&schema, str("POST"), str("/")));
    assert_null(sp_schema_find_route(&schema, str("GET"), str("/v1/a:b")));
    struct sp_route_match match = match_request(&schema, "POST", "/v1/text-to-speech/rachel?x", scratch);
    assert_ptr_equal(match.route, &schema.routes[0]);
    assert_true(sp_str_equal(match.id, str("rachel")));
    sp_arena_fini(&arena);
}

static void an_action_that_needs_a_role_takes_a_route_with_an_id(void **state) {
    struct sp_arena arena;
    (void)state;
    new_arena(&arena);
    struct sp_schema schema =
        parse(str("version: 1\ntypes: {voice: {actions: {look: {}, edit: {role: editor}}}}\nroutes:\n"
                  "  PUT /v1/v/{id}: edit voice/{id}\n  PUT /v1/default: edit voice/rachel\n  GET /v1/v: look voice\n"),
              &arena);
    assert_int_equal(schema.route_count, 3);
    sp_arena_fini(&arena);
}

/* An upgrade must not turn every route of a store into "damaged". */
static void a_stored_schema_keeps_a_route_that_can_never_allow(void **state) {
    struct sp_arena arena;
    struct sp_schema schema = {0};
    struct sp_error error = {0};
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    assert_int_equal(sp_schema_parse(str(ROLE_ROUTE), &arena, &schema, &error), SP_ERR_INVALID);
    assert_int_equal(sp_schema_parse_stored(str(ROLE_ROUTE), &arena, &schema, &error), SP_OK);
    struct sp_route_match match = match_request(&schema, "PUT", "/v1/v", scratch);
    assert_int_equal(match.outcome, SP_ROUTE_FOUND);
    assert_int_equal(match.id.size, 0);
    sp_arena_fini(&arena);
}

static void a_schema_without_routes_matches_nothing(void **state) {
    struct sp_arena arena;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    (void)state;
    new_arena(&arena);
    struct sp_schema schema = parse(str(ENTIRE), &arena);
    assert_int_equal(schema.route_count, 0);
    assert_null(sp_schema_find_route(&schema, str("GET"), str("/")));
    assert_int_equal(match_request(&schema, "GET", "/", scratch).outcome, SP_ROUTE_UNKNOWN);
    sp_arena_fini(&arena);
}

static void holds_25000_routes(void **state) {
    (void)state;
    for (size_t routes = 25000; routes <= 25001; routes++) {
        struct sp_arena arena;
        struct sp_schema schema = {0};
        struct sp_error error = {0};
        size_t size = 1 << 20, used = 0;
        char *text = malloc(size);
        assert_non_null(text);
        used += (size_t)snprintf(text, size, "version: 2\ntypes: {voice: {actions: {look: {}}}}\nroutes:\n");
        for (size_t i = 0; i < routes; i++)
            used += (size_t)snprintf(text + used, size - used, "  GET /{id}:v%zu: look voice/{id}\n", i);
        new_arena(&arena);
        enum sp_status status = sp_schema_parse((struct sp_str){text, used}, &arena, &schema, &error);
        assert_int_equal(status, routes == 25000 ? SP_OK : SP_ERR_INVALID);
        assert_int_equal(schema.route_count, routes == 25000 ? 25000 : 0);
        if (status != SP_OK)
            assert_string_equal(error.message, "line 25004, column 3: more than 25,000 routes; remove some");
        sp_arena_fini(&arena);
        free(text);
    }
}

static void sorts_what_it_finds(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema =
        parse(str("version: 1\ntypes: {b: {actions: {z: {}, a: {}}}, ab: {actions: {x: {}}}, a: {actions: {x: {}}}}"),
              &arena);
    assert_true(sp_str_equal(schema.types[0].name, str("a")));
    assert_true(sp_str_equal(schema.types[1].name, str("ab")));
    assert_true(sp_str_equal(schema.types[2].name, str("b")));
    assert_true(sp_str_equal(schema.types[2].actions[0].name, str("a")));
    assert_true(sp_str_equal(schema.types[2].actions[1].name, str("z")));
    sp_arena_fini(&arena);
}

/* A schema with so many of each, in a buffer that the caller frees. */
static char *large_schema(size_t permissions, size_t types, size_t actions) {
    size_t size = 2 << 20, used = 0;
    char *text = malloc(size);
    assert_non_null(text);
    used += (size_t)snprintf(text, size, "version: 1\npermissions:\n  zz: x\n");
    for (size_t i = 0; i < permissions; i++)
        used += (size_t)snprintf(text + used, size - used, "  p%zu: x\n", i);
    used += (size_t)snprintf(text + used, size - used, "types:\n  zz: {actions: {a: {}}}\n");
    for (size_t i = 0; i < types; i++) {
        used += (size_t)snprintf(text + used, size - used, "  t%zu:\n    actions:\n", i);
        for (size_t j = 0; j < actions; j++)
            used += (size_t)snprintf(text + used, size - used, "      a%zu: {}\n", j);
    }
    return text;
}

struct limit {
    size_t permissions, types, actions;
    const char *error; /* its end; NULL: accepted */
};

static void holds_its_limits(void **state) {
    (void)state;
    static const struct limit limits[] = {
        {251, 1, 1, NULL},
        {252, 1, 1, "more than 256 permissions, with the four that are built in"},
        {300, 1, 1, "more than 256 permissions, with the four that are built in"},
        {0, 999, 1, NULL},
        {0, 1000, 1, "more than 1,000 types; remove some"},
        {0, 9, 1111, NULL},
        {0, 10, 1001, "more than 10,000 actions; remove some"},
        {0, 90, 1001, "longer than 1 MiB"},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct sp_arena arena;
        struct sp_schema schema = {0};
        struct sp_error error = {0};
        char *text = large_schema(limits[i].permissions, limits[i].types, limits[i].actions);
        new_arena(&arena);
        enum sp_status status = sp_schema_parse(str(text), &arena, &schema, &error);
        assert_int_equal(status, limits[i].error == NULL ? SP_OK : SP_ERR_INVALID);
        if (limits[i].error != NULL)
            assert_string_equal(strstr(error.message, ": ") + 2, limits[i].error);
        else
            assert_int_equal(schema.type_count, limits[i].types + 1);
        sp_arena_fini(&arena);
        free(text);
    }
}

static void says_when_memory_ends(void **state) {
    (void)state;
    for (size_t budget = 64; budget < 1500; budget += 50) {
        struct sp_arena arena;
        struct sp_schema schema = {0};
        assert_int_equal(sp_arena_init(&arena, 64, budget), SP_OK);
        assert_int_equal(sp_schema_parse(str(ENTIRE), &arena, &schema, NULL), SP_ERR_MEMORY);
        sp_arena_fini(&arena);
    }
}

static void the_default_schema_is_well_formed(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(sp_schema_default_yaml(), &arena);
    assert_true(schema.permission_count >= 50);
    assert_true(schema.type_count >= 12);
    assert_true(schema.route_count >= 30);
    const struct sp_schema_type *voice = sp_schema_find_type(&schema, str("voice"));
    const struct sp_schema_action *use = sp_schema_find_action(voice, str("use"));
    assert_true(sp_str_equal(schema.permissions[use->permission].name, str("text_to_speech")));
    assert_int_equal(use->role, SP_ROLE_VIEWER);
    const struct sp_schema_type *speech = sp_schema_find_type(&schema, str("speech"));
    assert_int_equal(sp_schema_find_action(speech, str("create"))->role, SP_ROLE_NONE);
    assert_true(sp_schema_find_action(speech, str("create"))->needs_permission);
    sp_arena_fini(&arena);
}

static void every_share_of_the_default_schema_needs_an_admin(void **state) {
    (void)state;
    struct sp_arena arena;
    new_arena(&arena);
    struct sp_schema schema = parse(sp_schema_default_yaml(), &arena);
    for (size_t i = 0; i < schema.type_count; i++) {
        const struct sp_schema_action *share = sp_schema_find_action(&schema.types[i], str("share"));
        if (share != NULL)
            assert_int_equal(share->role, SP_ROLE_ADMIN);
    }
    sp_arena_fini(&arena);
}

static void every_permission_of_the_default_schema_is_used(void **state) {
    (void)state;
    struct sp_arena arena;
    bool used[SP_PERMISSIONS_MAX] = {false};
    new_arena(&arena);
    struct sp_schema schema = parse(sp_schema_default_yaml(), &arena);
    for (size_t i = 0; i < schema.type_count; i++)
        for (size_t j = 0; j < schema.types[i].action_count; j++)
            if (schema.types[i].actions[j].needs_permission)
                used[schema.types[i].actions[j].permission] = true;
    for (size_t i = 0; i < 4; i++)
        used[sp_schema_find_permission(&schema, sp_schema_builtin_permissions[i].name) - schema.permissions] = true;
    for (size_t i = 0; i < schema.permission_count; i++)
        if (!used[i])
            fail_msg("no action needs %.*s", SP_STR_ARG(schema.permissions[i].name));
    sp_arena_fini(&arena);
}

int main(void) {
    enum { REFUSED = sizeof(refused_texts) / sizeof(*refused_texts) };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(reads_types_actions_and_permissions),
        cmocka_unit_test(finds_nothing_under_other_names),
        cmocka_unit_test(adds_the_permissions_that_are_built_in),
        cmocka_unit_test(lets_a_built_in_permission_be_described),
        cmocka_unit_test(reads_routes_in_the_order_of_the_file),
        cmocka_unit_test(an_action_that_needs_a_role_takes_a_route_with_an_id),
        cmocka_unit_test(a_stored_schema_keeps_a_route_that_can_never_allow),
        cmocka_unit_test(a_schema_without_routes_matches_nothing),
        cmocka_unit_test(holds_25000_routes),
        cmocka_unit_test(sorts_what_it_finds),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(says_when_memory_ends),
        cmocka_unit_test(the_default_schema_is_well_formed),
        cmocka_unit_test(every_share_of_the_default_schema_needs_an_admin),
        cmocka_unit_test(every_permission_of_the_default_schema_is_used),
    };
    struct CMUnitTest tests[REFUSED + sizeof(others) / sizeof(*others)];
    for (size_t i = 0; i < REFUSED; i++) {
        union {
            const void *in;
            void *out;
        } vector = {.in = &refused_texts[i]};
        tests[i] =
            (struct CMUnitTest){.name = refused_texts[i].name, .test_func = refuses, .initial_state = vector.out};
    }
    memcpy(tests + REFUSED, others, sizeof(others));
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL) > 0 ? 1 : 0;
}
