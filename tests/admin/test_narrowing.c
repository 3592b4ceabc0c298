/* Which changes go ahead of others and may be made when room runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/method_row.h"
#include "admin/methods.h"
#include "wire/json_read.h"
#include "wire/json_text.h"

struct row {
    const char *method;
    const char *request; /* JSON with ' for " */
    enum sp_admin_narrowing expected;
};

static const struct row rows[] = {
    {"CreateWorkspace", "{}", SP_ADMIN_WIDENS},
    {"CreateUser", "{}", SP_ADMIN_WIDENS},
    {"AddGroupMembers", "{}", SP_ADMIN_WIDENS},
    {"ShareResource", "{}", SP_ADMIN_WIDENS},
    {"EnableApiKey", "{}", SP_ADMIN_WIDENS},
    {"RotateApiKey", "{}", SP_ADMIN_WIDENS},
    {"PutSchema", "{}", SP_ADMIN_WIDENS},
    {"DisableApiKey", "{}", SP_ADMIN_DISABLES_KEY},
    {"DisableSelf", "{}", SP_ADMIN_DISABLES_KEY},
    {"DeleteApiKey", "{}", SP_ADMIN_DISABLES_KEY},
    {"DeleteWorkspace", "{}", SP_ADMIN_NARROWS},
    {"DeletePrincipal", "{}", SP_ADMIN_NARROWS},
    {"DeleteGroup", "{}", SP_ADMIN_NARROWS},
    {"DeleteResource", "{}", SP_ADMIN_NARROWS},
    {"RemoveGroupMembers", "{}", SP_ADMIN_NARROWS},
    {"UnshareResource", "{}", SP_ADMIN_NARROWS},
    {"UpdateApiKey", "{}", SP_ADMIN_MAY_NARROW},
    {"UpdateWorkspace", "{'workspace':{'disabled':true},'updateMask':['disabled']}", SP_ADMIN_NARROWS},
    {"UpdateWorkspace", "{'workspace':{'disabled':false},'updateMask':['disabled']}", SP_ADMIN_WIDENS},
    {"UpdateWorkspace", "{'workspace':{'disabled':true},'updateMask':['disabled','name']}", SP_ADMIN_WIDENS},
    {"UpdateWorkspace", "{'workspace':{'disabled':true}}", SP_ADMIN_WIDENS},
    {"UpdateWorkspace", "{'updateMask':['disabled']}", SP_ADMIN_WIDENS},
    {"UpdatePrincipal", "{'principal':{'disabled':true},'updateMask':['disabled']}", SP_ADMIN_NARROWS},
    {"UpdatePrincipal", "{'principal':{'role':'WORKSPACE_ROLE_MEMBER'},'updateMask':['role']}", SP_ADMIN_NARROWS},
    {"UpdatePrincipal", "{'principal':{'role':'WORKSPACE_ROLE_MEMBER'},'updateMask':['role','disabled']}",
     SP_ADMIN_WIDENS},
    {"UpdatePrincipal", "{'principal':{'role':'WORKSPACE_ROLE_ADMIN'},'updateMask':['role']}", SP_ADMIN_WIDENS},
    {"UpdatePrincipal", "{'principal':{'disabled':true}}", SP_ADMIN_WIDENS},
    {"UpdatePrincipal", "{'updateMask':['disabled']}", SP_ADMIN_WIDENS},
    {"UpdateShares", "{'updates':[{},{}]}", SP_ADMIN_NARROWS},
    {"UpdateShares", "{'updates':[{},{'role':'ROLE_VIEWER'}]}", SP_ADMIN_WIDENS},
    {"UpdateShares", "{}", SP_ADMIN_WIDENS},
    {"ApplyPolicy", "{'edits':[{'unshare':{}},{'deleteGroup':'g'},{'removeMember':{}}]}", SP_ADMIN_MAY_NARROW},
    {"ApplyPolicy", "{'edits':[{'unshare':{}},{'share':{}}]}", SP_ADMIN_WIDENS},
    {"ApplyPolicy", "{'edits':[{'deletePrincipal':'p'},{}]}", SP_ADMIN_WIDENS},
    {"ApplyPolicy", "{}", SP_ADMIN_WIDENS},
};

static void only_what_takes_access_away_narrows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_arena arena;
        struct sp_error error = {0};
        ProtobufCMessage *request = NULL;
        char json[256];
        const struct sp_admin_method *method = sp_admin_method_find(rows[i].method);
        assert_non_null(method);
        snprintf(json, sizeof(json), "%s", rows[i].request);
        for (char *at = json; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
        json_t *parsed = NULL;
        assert_int_equal(sp_json_parse(sp_str_from(json), &parsed, &error), SP_OK);
        if (sp_json_to_message(method->request, parsed, &arena, &request, &error) != SP_OK)
            fail_msg("%s %s: %s", rows[i].method, json, error.message);
        enum sp_admin_narrowing is = method->narrowing == NULL ? SP_ADMIN_WIDENS : method->narrowing(request);
        if (is != rows[i].expected)
            fail_msg("%s %s: %d, not %d", rows[i].method, json, (int)is, (int)rows[i].expected);
        json_decref(parsed);
        sp_arena_fini(&arena);
    }
}

static void no_method_that_only_reads_is_said_to_narrow(void **state) {
    (void)state;
    for (size_t i = 0; sp_admin_method_at(i) != NULL; i++) {
        const struct sp_admin_method *method = sp_admin_method_at(i);
        assert_true(method->type == SP_ADMIN_MUTATION || method->narrowing == NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_takes_access_away_narrows),
        cmocka_unit_test(no_method_that_only_reads_is_said_to_narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
