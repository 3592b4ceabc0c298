/* Reports from outside: what is refused, and how their clocks are believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/records/snapshot.h"
#include "store/usage/usage.h"
#include "support/process.h"
#include "support/store_world.h"
#include "sync/usage_report.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/wire.h"

enum { NOW = 1700000000 };

static struct sp_arena arena;

static const Sallyport__V1__ReportUsageRequest *read_json(const char *request) {
    char text[1024];
    json_t *json = NULL;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    snprintf(text, sizeof(text), "%s", request);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    if (sp_json_parse(sp_str_from(text), &json, &error) != SP_OK ||
        sp_json_to_message(&sallyport__v1__report_usage_request__descriptor, json, &arena, &message, &error) != SP_OK)
        fail_msg("%s: %s", request, error.message);
    json_decref(json);
    return (const Sallyport__V1__ReportUsageRequest *)message;
}

static void a_report_that_cannot_be_is_refused_by_its_field(void **state) {
    (void)state;
    static const struct {
        const char *request;
        const char *message; /* NULL: it is fine */
    } cases[] = {
        {"{'server': 'a', 'sequence': 1}", NULL},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k'}]}", NULL},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k', 'usedAt': 5, 'usedIp': "
         "'ywBxBw=='}]}",
         NULL},
        {"{'sequence': 1}", "server: "},
        {"{'server': '@admin', 'sequence': 1}", "server: "},
        {"{'server': 'a b', 'sequence': 1}", "server: "},
        {"{'server': 'a'}", "sequence: "},
        {"{'server': 'a', 'sequence': 1, 'until': -1}", "until: "},
        {"{'server': 'a', 'sequence': 1, 'until': 9223372036854775807}", "until: "},
        {"{'server': 'a', 'sequence': 1, 'lostUntil': -1}", "lost_until: "},
        {"{'server': 'a', 'sequence': 1, 'sentAtMs': -1}", "sent_at_ms: "},
        {"{'server': 'a', 'sequence': 1, 'sentAtMs': 9223372036854775807}", "sent_at_ms: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'keyId': 'k'}]}", "uses[0].workspace: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w'}]}", "uses[0].key_id: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k'}, {'workspace': 'w', 'keyId': "
         "'k/k'}]}",
         "uses[1].key_id: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k', 'usedAt': -5}]}",
         "uses[0].used_at: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k', 'rejectedAt': "
         "9223372036854775807}]}",
         "uses[0].rejected_at: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k', 'usedIp': 'ywBx'}]}",
         "uses[0].used_ip: "},
        {"{'server': 'a', 'sequence': 1, 'uses': [{'workspace': 'w', 'keyId': 'k', 'rejectedIp': 'ywBxBwE='}]}",
         "uses[0].rejected_ip: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_error error = {0};
        sp_arena_reset(&arena);
        enum sp_status status = sp_usage_report_check(read_json(cases[i].request), &error);
        assert_int_equal(status, cases[i].message == NULL ? SP_OK : SP_ERR_INVALID);
        if (cases[i].message != NULL && strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s: %s", cases[i].request, error.message);
    }
}

static void more_uses_than_one_report_may_have_are_refused(void **state) {
    (void)state;
    struct sp_error error = {0};
    Sallyport__V1__ReportUsageRequest request = *read_json("{'server': 'a', 'sequence': 1}");
    request.n_uses = SP_USAGE_MAX_USES + 1;
    assert_int_equal(sp_usage_report_check(&request, &error), SP_ERR_INVALID);
    assert_int_equal(strncmp(error.message, "uses: 10001 are too many", 24), 0);
}

/* ---- applied ---- */

static enum sp_status take_source(void *context, const struct sp_usage_source *source) {
    struct sp_usage_source *taken = context;
    *taken = *source;
    return SP_OK;
}

/* Applies one report to an empty record, and gives what it left. */
static void apply(struct world *world, const char *request, struct sp_usage_source *ret_source,
                  struct sp_key_use *ret_use, uint32_t *ret_unknown) {
    struct sp_usage_store *store = NULL;
    struct sp_usage_batch *batch = NULL;
    struct sp_usage_view *view = NULL;
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error = {0};
    char folder[64];
    Sallyport__V1__ReportUsageResponse reply = SALLYPORT__V1__REPORT_USAGE_RESPONSE__INIT;
    folder_make(folder);
    assert_int_equal(sp_usage_store_open(folder, NOW, &store, &error), SP_OK);
    assert_int_equal(sp_usage_batch_begin(store, &batch, &error), SP_OK);
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(
        sp_usage_report_apply(batch, sp_snapshot_view(snapshot), read_json(request), (int64_t)NOW * 1000 + 500, &reply),
        SP_OK);
    assert_int_equal(sp_usage_batch_commit(batch, &error), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_int_equal(sp_usage_view_begin(store, &view), SP_OK);
    assert_int_equal(sp_usage_view_sources(view, NULL, take_source, ret_source), SP_OK);
    assert_int_equal(sp_usage_view_key(view, SP_STR_LITERAL("w1"), SP_STR_LITERAL("k1"), ret_use), SP_OK);
    sp_usage_view_end(view);
    sp_usage_store_close(store);
    folder_remove(folder);
    *ret_unknown = reply.unknown_keys;
}

static void make_world(struct world *world) {
    world_init(world);
    world_begin(world);
    world_put_workspace(world, 1, false);
    world_put_user(world, 1, 1, true, false);
    world_put_key(world, 1, &(struct world_key){.number = 1, .principal = 1, .all = true});
    world_commit(world);
}

static void a_clock_that_is_ahead_is_not_believed_and_one_behind_is(void **state) {
    (void)state;
    /* In seconds behind NOW; the message arrives half a second after NOW. */
    static const struct {
        const char *says;
        long long sent_ms, until, lost, used;
        long long expect_until, expect_lost, expect_used;
    } cases[] = {
        {"in step", 100, -1, 0, -20, -1, 0, -20},
        {"on its way for long", -90000, -100, 0, -120, -100, 0, -120},
        {"a minute ahead, told at once", 60500, 59, 0, 58, -1, 0, 0},
        {"a minute ahead, told after ten seconds", 60500, 49, 0, 30, -11, 0, 0},
        {"a minute behind", -59500, -61, 0, -70, -61, 0, -70},
        {"what was lost in the future was lost now", 60500, 59, 58, 0, -1, 0, 0},
        {"what was lost stays where it is", 100, -1, -30, 0, -1, -30, 0},
    };
    struct world world;
    make_world(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char request[512];
        struct sp_usage_source source = {0};
        struct sp_key_use use = {0};
        uint32_t unknown = 0;
        print_message("%s\n", cases[i].says);
        snprintf(request, sizeof(request),
                 "{'server': 'a', 'instance': 7, 'sequence': 1, 'sentAtMs': %lld, 'until': %lld, 'lostUntil': %lld, "
                 "'uses': [{'workspace': 'w1', 'keyId': 'k1', 'usedAt': %lld, 'usedIp': 'ywBxBw=='}]}",
                 (long long)NOW * 1000 + cases[i].sent_ms, NOW + cases[i].until,
                 cases[i].lost == 0 ? 0 : NOW + cases[i].lost, NOW + cases[i].used);
        sp_arena_reset(&arena);
        apply(&world, request, &source, &use, &unknown);
        assert_int_equal(source.until_s - NOW, cases[i].expect_until);
        if (cases[i].lost != 0)
            assert_int_equal(source.lost_until_s - NOW, cases[i].expect_lost);
        else
            assert_int_equal(source.lost_until_s, 0);
        assert_int_equal(use.accepted.at_s - NOW, cases[i].expect_used);
        assert_true(use.accepted.has_ip && sp_ip_is_v4(&use.accepted.ip));
        assert_int_equal(unknown, 0);
    }
    world_fini(&world);
}

static void keys_that_do_not_exist_are_counted_and_left_out(void **state) {
    (void)state;
    struct world world;
    struct sp_usage_source source = {0};
    struct sp_key_use use = {0};
    uint32_t unknown = 0;
    make_world(&world);
    sp_arena_reset(&arena);
    apply(&world,
          "{'server': 'a', 'sequence': 1, 'until': 5, 'uses': [{'workspace': 'w1', 'keyId': 'nothing', 'usedAt': 5}, "
          "{'workspace': 'w2', 'keyId': 'k1', 'usedAt': 5}, {'workspace': 'w1', 'keyId': 'k1', 'rejectedAt': 6, "
          "'rejectedReason': 'IP_NOT_ALLOWED', 'rejectedIp': 'IAENuAAAAAAAAAAAAAAAAQ=='}]}",
          &source, &use, &unknown);
    assert_int_equal(unknown, 2);
    assert_int_equal(use.accepted.at_s, 0);
    assert_int_equal(use.rejected.at_s, 6);
    assert_int_equal(use.reason, SP_REASON_IP_NOT_ALLOWED);
    assert_false(sp_ip_is_v4(&use.rejected.ip));
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_that_cannot_be_is_refused_by_its_field),
        cmocka_unit_test(more_uses_than_one_report_may_have_are_refused),
        cmocka_unit_test(a_clock_that_is_ahead_is_not_believed_and_one_behind_is),
        cmocka_unit_test(keys_that_do_not_exist_are_counted_and_left_out),
    };
    if (sp_arena_init(&arena, 4096, 1 << 24) != SP_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_arena_fini(&arena);
    return failed != 0;
}
