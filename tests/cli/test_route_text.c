/* Routes of a schema as JSON and as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/route_text.h"
#include "core/route_match.h"
#include "texts.h"

static const char schema_text[] = "version: 1\n"
                                  "permissions:\n"
                                  "  tts: Speak\n"
                                  "types:\n"
                                  "  voice:\n"
                                  "    actions:\n"
                                  "      use: {permission: tts, role: viewer}\n"
                                  "      list: {}\n"
                                  "routes:\n"
                                  "  POST /v1/voices/{voice_id}/speak: use voice/{voice_id}\n"
                                  "  GET /v1/voices: list voice\n"
                                  "  GET /v1/default: use voice/rachel\n";

static struct sp_arena arena;
static struct sp_schema schema;

static int parse_schema(void **state) {
    (void)state;
    struct sp_error error = {0};
    if (sp_arena_init(&arena, 1 << 16, 1 << 24) != SP_OK)
        return -1;
    enum sp_status status =
        sp_schema_parse((struct sp_str){schema_text, sizeof(schema_text) - 1}, &arena, &schema, &error);
    if (status != SP_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    return status == SP_OK ? 0 : -1;
}

static int free_schema(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static const struct sp_route *find_route(const char *path) {
    for (size_t i = 0; i < schema.route_count; i++) {
        if (sp_str_equal(schema.routes[i].path, sp_str_from(path)))
            return &schema.routes[i];
    }
    fail_msg("no route %s", path);
    return NULL;
}

static void assert_json(json_t *json, const char *expected) {
    char *text = write_json(json);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void a_route_is_described_with_what_it_needs(void **state) {
    (void)state;
    const struct sp_route *speak = find_route("/v1/voices/{voice_id}/speak"), *list = find_route("/v1/voices");
    assert_json(sp_cli_describe_route(&schema, speak, sp_str_from("rachel")),
                "{'action':'use','line':10,'method':'POST','path':'/v1/voices/{voice_id}/speak','permission':'tts',"
                "'resource':{'id':'rachel','type':'voice'},'role':'viewer'}");
    assert_json(sp_cli_describe_route(&schema, list, (struct sp_str){0}),
                "{'action':'list','line':11,'method':'GET','path':'/v1/voices','permission':'',"
                "'resource':{'id':'','type':'voice'},'role':'none'}");
}

static void in_words_a_resource_is_one_text_and_no_permission_is_none(void **state) {
    (void)state;
    const struct sp_route *speak = find_route("/v1/voices/{voice_id}/speak"), *list = find_route("/v1/voices");
    assert_json(sp_cli_route_in_words(sp_cli_describe_route(&schema, speak, sp_str_from("rachel"))),
                "{'action':'use','line':10,'method':'POST','path':'/v1/voices/{voice_id}/speak','permission':'tts',"
                "'resource':'voice/rachel','role':'viewer'}");
    assert_json(sp_cli_route_in_words(sp_cli_describe_route(&schema, list, (struct sp_str){0})),
                "{'action':'list','line':11,'method':'GET','path':'/v1/voices','permission':'none',"
                "'resource':'voice','role':'none'}");
}

static void a_list_shows_captured_ids_in_braces_and_stops_at_its_limit(void **state) {
    (void)state;
    static const char *const ids[] = {"voice/{voice_id}", "voice", "voice/rachel"};
    json_t *rows = sp_cli_list_routes(&schema, 0, true), *all = sp_cli_list_routes(&schema, 0, false),
           *first = sp_cli_list_routes(&schema, 2, false);
    assert_int_equal(json_array_size(rows), 3);
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(rows, i), "resource")), ids[i]);
    assert_true(json_is_object(json_object_get(json_array_get(all, 0), "resource")));
    assert_int_equal(json_array_size(first), 2);
    json_decref(rows);
    json_decref(all);
    json_decref(first);
}

static void every_outcome_has_a_name(void **state) {
    (void)state;
    assert_string_equal(sp_cli_route_outcome_name(SP_ROUTE_FOUND), "FOUND");
    assert_string_equal(sp_cli_route_outcome_name(SP_ROUTE_REFUSED), "REFUSED");
    assert_string_equal(sp_cli_route_outcome_name(SP_ROUTE_OTHER_METHOD), "OTHER_METHOD");
    assert_string_equal(sp_cli_route_outcome_name(SP_ROUTE_UNKNOWN), "UNKNOWN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_described_with_what_it_needs),
        cmocka_unit_test(in_words_a_resource_is_one_text_and_no_permission_is_none),
        cmocka_unit_test(a_list_shows_captured_ids_in_braces_and_stops_at_its_limit),
        cmocka_unit_test(every_outcome_has_a_name),
    };
    return cmocka_run_group_tests(tests, parse_schema, free_schema) != 0;
}
