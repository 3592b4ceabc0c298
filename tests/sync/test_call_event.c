/* Which calls leave an event: the table has a row for every method, in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin.h"
#include "sync/call_event.h"

static void every_method_of_the_admin_api_has_its_row(void **state) {
    const struct sp_admin_method *method;
    (void)state;
    for (size_t i = 0; (method = sp_admin_method_at(i)) != NULL; i++)
        if (strcmp(sp_sync_event_row(method)->method, sp_admin_method_name(method)) != 0)
            fail_msg("%s has the row of %s in sync/call_event.c", sp_admin_method_name(method),
                     sp_sync_event_row(method)->method);
}

static void reads_are_reads_and_mutations_are_none(void **state) {
    const struct sp_admin_method *method;
    (void)state;
    for (size_t i = 0; (method = sp_admin_method_at(i)) != NULL; i++) {
        const struct sp_sync_event_row *row = sp_sync_event_row(method);
        bool reads = row->class_uid == SP_EVENT_API_ACTIVITY && row->activity == SP_EVENT_API_READ;
        if (sp_admin_method_type(method) != SP_ADMIN_STREAM && reads != (sp_admin_method_type(method) == SP_ADMIN_READ))
            fail_msg("%s", sp_admin_method_name(method));
    }
}

/* Each method whose reply has keys in it, by name. */
static void whatever_tells_about_keys_is_marked(void **state) {
    static const char *const names[] = {"GetApiKey", "ListApiKeys", "FindKey", "GetKeyUsage", "ExplainKey", "Backup"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_true(sp_sync_event_row(sp_admin_method_find(names[i]))->reads_keys);
    assert_false(sp_sync_event_row(sp_admin_method_find("GetWorkspace"))->reads_keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_of_the_admin_api_has_its_row),
        cmocka_unit_test(reads_are_reads_and_mutations_are_none),
        cmocka_unit_test(whatever_tells_about_keys_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
