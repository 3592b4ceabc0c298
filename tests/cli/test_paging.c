/* Lists in pages, against pages that are written down here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/paging.h"
#include "texts.h"

struct script {
    const char *const *replies; /* one for each call */
    size_t calls;
    enum sp_status fails_with; /* of the call after the last reply */
    char asked[512];           /* the requests, one after the other */
    uint64_t so_far;
    size_t taken;
    enum sp_status take_fails_with;
};

static enum sp_status fetch_scripted(void *context, const json_t *request, json_t **ret_reply, struct sp_error *error) {
    struct script *script = context;
    char *text = write_json(request);
    size_t used = strlen(script->asked);
    (void)snprintf(script->asked + used, sizeof(script->asked) - used, "%s", text);
    free(text);
    const char *reply = script->replies[script->calls++];
    if (reply == NULL)
        return sp_error_set(error, script->fails_with, "as scripted");
    *ret_reply = parse_json(reply);
    return SP_OK;
}

static enum sp_status take_scripted(void *context, json_t *rows, uint64_t so_far, struct sp_error *error) {
    struct script *script = context;
    script->taken += json_array_size(rows);
    script->so_far = so_far;
    return script->take_fails_with == SP_OK ? SP_OK : sp_error_set(error, script->take_fails_with, "full");
}

static enum sp_status read_script(struct script *script, uint64_t limit) {
    const struct cli_pages pages = {
        .list = "rows", .limit = limit, .fetch = fetch_scripted, .take = take_scripted, .context = script};
    struct sp_error error = {0};
    json_t *request = parse_json("{'workspace': 'w'}");
    enum sp_status status = sp_cli_read_pages(&pages, request, &error);
    assert_int_equal(error.status, status);
    json_decref(request);
    return status;
}

static void pages_follow_each_other_by_their_token(void **state) {
    (void)state;
    static const char *const replies[] = {"{'rows': [1, 2], 'nextPageToken': 'a'}",
                                          "{'rows': [], 'nextPageToken': 'b'}", "{'rows': [3], 'nextPageToken': ''}",
                                          NULL};
    struct script script = {.replies = replies};
    assert_int_equal(read_script(&script, 0), SP_OK);
    assert_int_equal(script.calls, 3);
    assert_int_equal(script.taken, 3);
    assert_int_equal(script.so_far, 3);
    assert_string_equal(script.asked, "{'pageSize':1000,'workspace':'w'}"
                                      "{'pageSize':1000,'pageToken':'a','workspace':'w'}"
                                      "{'pageSize':1000,'pageToken':'b','workspace':'w'}");
}

static void a_reply_without_a_token_or_rows_is_the_last(void **state) {
    (void)state;
    static const char *const replies[] = {"{}", NULL};
    struct script script = {.replies = replies};
    assert_int_equal(read_script(&script, 0), SP_OK);
    assert_int_equal(script.calls, 1);
    assert_int_equal(script.taken, 0);
}

static void a_limit_asks_for_no_more_than_it_needs(void **state) {
    (void)state;
    static const char *const replies[] = {"{'rows': [1, 2], 'nextPageToken': 'a'}",
                                          "{'rows': [3], 'nextPageToken': 'b'}", NULL};
    struct script script = {.replies = replies};
    assert_int_equal(read_script(&script, 3), SP_OK);
    assert_int_equal(script.calls, 2);
    assert_string_equal(script.asked, "{'pageSize':3,'workspace':'w'}{'pageSize':1,'pageToken':'a','workspace':'w'}");
}

static void a_page_is_at_most_a_thousand_rows(void **state) {
    (void)state;
    static const char *const replies[] = {"{'rows': []}", NULL};
    struct script script = {.replies = replies};
    assert_int_equal(read_script(&script, 1001), SP_OK);
    assert_string_equal(script.asked, "{'pageSize':1000,'workspace':'w'}");
}

static void more_rows_than_asked_for_do_not_make_the_limit_wrap(void **state) {
    (void)state;
    static const char *const replies[] = {"{'rows': [1, 2, 3], 'nextPageToken': 'a'}", NULL};
    struct script script = {.replies = replies, .fails_with = SP_ERR_INTERNAL};
    assert_int_equal(read_script(&script, 2), SP_OK);
    assert_int_equal(script.calls, 1);
}

static void the_first_failure_ends_the_list(void **state) {
    (void)state;
    static const char *const replies[] = {"{'rows': [1], 'nextPageToken': 'a'}", NULL};
    struct script script = {.replies = replies, .fails_with = SP_ERR_PERMISSION};
    assert_int_equal(read_script(&script, 0), SP_ERR_PERMISSION);
    assert_int_equal(script.taken, 1);
    script = (struct script){.replies = replies, .take_fails_with = SP_ERR_MEMORY};
    assert_int_equal(read_script(&script, 0), SP_ERR_MEMORY);
    assert_int_equal(script.calls, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_each_other_by_their_token),
        cmocka_unit_test(a_reply_without_a_token_or_rows_is_the_last),
        cmocka_unit_test(a_limit_asks_for_no_more_than_it_needs),
        cmocka_unit_test(a_page_is_at_most_a_thousand_rows),
        cmocka_unit_test(more_rows_than_asked_for_do_not_make_the_limit_wrap),
        cmocka_unit_test(the_first_failure_ends_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
