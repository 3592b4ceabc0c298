/* Changes of the audit trail as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/change_text.h"
#include "texts.h"

static void assert_texts(const char *json, const char *who, const char *things) {
    json_t *change = parse_json(json);
    sp_cli_add_change_texts(change);
    assert_string_equal(json_string_value(json_object_get(change, "who")), who);
    assert_string_equal(json_string_value(json_object_get(change, "things")), things);
    json_decref(change);
}

static void operators_are_named_as_such_and_principals_by_their_id(void **state) {
    (void)state;
    assert_texts("{'actor': {'kind': 'ACTOR_OPERATOR', 'id': 'admin'}}", "operator:admin", "");
    assert_texts("{'actor': {'kind': 'ACTOR_OFFLINE', 'id': 'root'}}", "offline:root", "");
    assert_texts("{'actor': {'kind': 'ACTOR_PRINCIPAL', 'id': 'boss'}}", "boss", "");
    assert_texts("{'actor': {'id': 'boss'}}", "boss", "");
    assert_texts("{'actor': {'kind': 'ACTOR_OPERATOR'}}", "operator:", "");
    assert_texts("{}", "", "");
}

static void things_name_what_was_made_and_what_was_deleted(void **state) {
    (void)state;
    assert_texts("{'entities': [{'kind': 'ENTITY_API_KEY', 'id': 'k1'},"
                 " {'kind': 'ENTITY_GRANT', 'id': 'voice/rachel/studio', 'deleted': true},"
                 " {'kind': 'ENTITY_SCHEMA', 'id': ''}]}",
                 "", "api-key k1, -grant voice/rachel/studio, schema");
}

static void more_than_eight_things_are_counted(void **state) {
    (void)state;
    json_t *change = json_pack("{s:[]}", "entities"), *entities = json_object_get(change, "entities");
    for (int i = 0; i < 8; i++)
        assert_int_equal(json_array_append_new(entities, json_pack("{s:s, s:s}", "kind", "ENTITY_USER", "id", "u")), 0);
    sp_cli_add_change_texts(change);
    assert_null(strstr(json_string_value(json_object_get(change, "things")), "more"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(json_array_append_new(entities, json_pack("{s:s, s:s}", "kind", "ENTITY_USER", "id", "u")), 0);
    sp_cli_add_change_texts(change);
    assert_string_equal(json_string_value(json_object_get(change, "things")),
                        "user u, user u, user u, user u, user u, user u, user u, user u and 3 more");
    json_decref(change);
}

static void a_change_that_comes_alone_is_one_line(void **state) {
    (void)state;
    struct printed printed;
    json_t *change = parse_json("{'revision': {'epoch': '1', 'number': '7'}, 'time': '86400', 'method': 'CreateGroup',"
                                " 'actor': {'kind': 'ACTOR_PRINCIPAL', 'id': 'bo\\u001bss'},"
                                " 'entities': [{'kind': 'ENTITY_GROUP', 'id': 'studio'}]}");
    sp_cli_add_change_texts(change);
    begin_print(&printed);
    sp_cli_print_change(change, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, "1:7  1970-01-02 00:00:00Z  bo\xef\xbf\xbdss  CreateGroup  group studio\n");
    free(text);
    json_decref(change);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_are_named_as_such_and_principals_by_their_id),
        cmocka_unit_test(things_name_what_was_made_and_what_was_deleted),
        cmocka_unit_test(more_than_eight_things_are_counted),
        cmocka_unit_test(a_change_that_comes_alone_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
