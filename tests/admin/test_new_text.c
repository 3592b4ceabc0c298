/* Keys that are pasted where a new id, name or reason belongs: lists and the audit trail would show
 * them for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/new_text.h"
#include "support/admin_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char key_text[] = "sk_f00d0123456789abcdef0123456789abcdef0123456789ab";

/* Voices must be registered before they are shared, notes need not be. */
static const char schema[] = "version: 1\npermissions: {voices_read: Read}\ntypes:\n  voice:\n    actions:\n"
                             "      use: {permission: voices_read}\n  note:\n    ids: workspace\n    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n";

/* The request with the key instead of KEY. */
static const char *put_key_text(struct admin_fixture *fixture, const char *request) {
    const char *at = strstr(request, "KEY");
    assert_non_null(at);
    return admin_format(fixture, "%.*s%s%s", (int)(at - request), request, key_text, at + 3);
}

static void nothing_is_named_by_a_key(void **state) {
    (void)state;
    static const struct {
        bool by_operator;
        const char *method, *request, *field;
    } rows[] = {
        {true, "CreateWorkspace", "{'id': 'KEY', 'name': 'n'}", "id"},
        {true, "CreateWorkspace", "{'id': 'w2', 'name': 'Key KEY'}", "name"},
        {true, "CreateWorkspace", "{'id': 'w2', 'name': 'n', 'adminId': 'KEY'}", "admin_id"},
        {true, "CreateWorkspace", "{'id': 'w2', 'name': 'n', 'adminName': 'KEY'}", "admin_name"},
        {true, "UpdateWorkspace", "{'workspace': {'id': 'w1', 'name': 'KEY'}, 'updateMask': ['name']}", "name"},
        {false, "CreateUser", "{'id': 'KEY', 'name': 'n'}", "id"},
        {false, "CreateUser", "{'id': 'mail|KEY', 'name': 'n'}", "id"},
        {false, "CreateUser", "{'name': 'KEY'}", "name"},
        {false, "CreateUser", "{'name': 'n', 'requestId': 'KEY'}", "request_id"},
        {false, "CreateServiceAccount", "{'id': 'KEY', 'name': 'n'}", "id"},
        {false, "CreateServiceAccount", "{'name': 'KEY'}", "name"},
        {false, "UpdatePrincipal", "{'principal': {'id': 'ann', 'name': 'KEY'}, 'updateMask': ['name']}", "name"},
        {false, "CreateGroup", "{'id': 'KEY', 'name': 'n'}", "id"},
        {false, "CreateGroup", "{'name': 'KEY'}", "name"},
        {false, "UpdateGroup", "{'id': 'team', 'name': 'KEY'}", "name"},
        {false, "CreateApiKey", "{'id': 'KEY', 'principal': 'ann', 'name': 'n', 'permissions': {'all': true}}", "id"},
        {false, "CreateApiKey", "{'principal': 'ann', 'name': 'KEY', 'permissions': {'all': true}}", "name"},
        {false, "UpdateApiKey", "{'id': 'k', 'name': 'KEY', 'updateMask': ['name']}", "name"},
        {false, "RotateApiKey", "{'id': 'k', 'newId': 'KEY'}", "new_id"},
        {false, "RotateApiKey", "{'id': 'k', 'name': 'KEY'}", "name"},
        {false, "DisableApiKey", "{'id': 'k', 'reason': 'leaked: KEY'}", "reason"},
        {true, "RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'KEY'}}", "resource.id"},
        {false, "ShareResource",
         "{'resource': {'type': 'note', 'id': 'KEY'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}",
         "resource.id"},
        {true, "PutSchema", "{'yaml': 'version: 1\\npermissions: {a: Like KEY}\\n'}", "yaml: line 2: something"},
        {false, "ApplyPolicy", "{'edits': [{'createPrincipal': {'id': 'KEY', 'kind': 'USER', 'name': 'n'}}]}", "id"},
    };
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, schema);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'team', 'name': 'Team'}");
    admin_ok(&fixture, admin, "CreateApiKey",
             "{'id': 'k', 'principal': 'ann', 'name': 'n', 'permissions': {'names': ['voices_read']}}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char words[64];
        snprintf(words, sizeof(words), "%s%slooks like an API key", rows[i].field,
                 strchr(rows[i].field, ' ') != NULL ? " " : ": ");
        admin_fails(&fixture, rows[i].by_operator ? fixture.operator_key : admin, rows[i].method,
                    put_key_text(&fixture, rows[i].request), SP_ERR_INVALID, words);
    }
    admin_fixture_close(&fixture);
}

/* So that a store of an earlier release can be tidied up. */
static void a_name_that_was_there_before_may_stay(void **state) {
    (void)state;
    struct sp_error error;
    assert_int_equal(sp_admin_check_new_name(key_text, key_text, "name", &error), SP_OK);
    assert_int_equal(sp_admin_check_new_name(key_text, "other", "name", &error), SP_ERR_INVALID);
    assert_int_equal(sp_admin_check_new_name(key_text, NULL, "name", &error), SP_ERR_INVALID);
    assert_null(strstr(error.message, "f00d"));
    assert_int_equal(sp_admin_check_new_name("Ann", NULL, "name", &error), SP_OK);
    assert_int_equal(sp_admin_check_new_name("", "", "name", &error), SP_ERR_INVALID);
}

static void a_field_is_called_as_in_the_request_at_hand(void **state) {
    (void)state;
    struct sp_error error;
    (void)sp_error_set(&error, SP_ERR_INVALID, "id: must not be empty");
    sp_admin_rename_field(&error, "name", "admin_name");
    assert_string_equal(error.message, "id: must not be empty");
    sp_admin_rename_field(&error, "id", "new_id");
    assert_string_equal(error.message, "new_id: must not be empty");
    (void)sp_error_set(&error, SP_ERR_EXISTS, "identity");
    sp_admin_rename_field(&error, "id", "new_id");
    assert_string_equal(error.message, "identity");
    memset(error.message, 'x', sizeof(error.message));
    memcpy(error.message, "id:", 3);
    error.message[sizeof(error.message) - 1] = '\0';
    sp_admin_rename_field(&error, "id", "admin_id");
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_named_by_a_key),
        cmocka_unit_test(a_name_that_was_there_before_may_stay),
        cmocka_unit_test(a_field_is_called_as_in_the_request_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
