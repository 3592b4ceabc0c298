/* The client against a real etcd. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/watch.h"
#include "support/certificates.h"
#include "support/etcd.h"
#include "support/port.h"

struct fixture {
    char folder[64];
    struct etcd etcd;
    struct sp_etcd *client;
    struct sp_arena arena;
};

static struct sp_bytes bytes(const char *text) {
    return (struct sp_bytes){(const uint8_t *)text, strlen(text)};
}

static int begin(void **state) {
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    folder_make(fixture.folder);
    etcd_make(&fixture.etcd, fixture.folder, "one");
    etcd_start(&fixture.etcd);
    fixture.client = etcd_client(&fixture.etcd);
    assert_int_equal(sp_arena_init(&fixture.arena, 4096, 64 << 20), SP_OK);
    *state = &fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    sp_etcd_close(fixture->client);
    etcd_end(&fixture->etcd, SIGKILL);
    folder_remove(fixture->folder);
    sp_arena_fini(&fixture->arena);
    return 0;
}

static struct sp_etcd_outcome commit(struct fixture *fixture, const struct sp_etcd_txn *txn) {
    struct sp_etcd_outcome outcome;
    struct sp_error error = {0};
    if (sp_etcd_commit(fixture->client, txn, &fixture->arena, &outcome, &error) != SP_OK)
        fail_msg("%s", error.message);
    return outcome;
}

static uint64_t put(struct fixture *fixture, const char *key, struct sp_bytes value) {
    const struct sp_etcd_operation operation = {.what = SP_ETCD_PUT, .key = bytes(key), .value = value};
    const struct sp_etcd_txn txn = {.operations = &operation, .operation_count = 1};
    struct sp_etcd_outcome outcome = commit(fixture, &txn);
    assert_true(outcome.made);
    return outcome.header.revision;
}

static struct sp_etcd_page get(struct fixture *fixture, const char *key, const char *until, uint64_t limit,
                               uint64_t revision) {
    struct sp_etcd_page page;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = bytes(key), .end = bytes(until), .limit = limit, .revision = revision};
    if (sp_etcd_get(fixture->client, &range, &fixture->arena, &page, &error) != SP_OK)
        fail_msg("%s", error.message);
    return page;
}

static void assert_bytes(struct sp_bytes got, const char *expected) {
    assert_int_equal(got.size, strlen(expected));
    assert_memory_equal(got.data, expected, got.size);
}

/* ---- ranges and transactions ---- */

static void reads_in_pages_at_one_revision(void **state) {
    struct fixture *fixture = *state;
    (void)put(fixture, "page/a", bytes("1"));
    (void)put(fixture, "page/b", bytes("2"));
    uint64_t revision = put(fixture, "page/c", bytes("3"));
    struct sp_etcd_page page = get(fixture, "page/", "page0", 2, 0);
    assert_int_equal(page.count, 2);
    assert_true(page.more);
    assert_int_equal(page.header.revision, revision);
    assert_bytes(page.kvs[0].key, "page/a");
    assert_bytes(page.kvs[1].value, "2");
    (void)put(fixture, "page/c", bytes("changed"));
    page = get(fixture, "page/c", "page0", 2, revision);
    assert_int_equal(page.count, 1);
    assert_false(page.more);
    assert_bytes(page.kvs[0].value, "3");
    assert_int_equal(page.kvs[0].mod_revision, revision);
}

static void makes_a_change_only_where_nothing_else_was_changed(void **state) {
    struct fixture *fixture = *state;
    uint64_t revision = put(fixture, "guard", bytes("1"));
    const struct sp_etcd_compare compare = {.key = bytes("guard"), .what = SP_ETCD_MOD_IS, .revision = revision};
    const struct sp_etcd_operation operations[] = {
        {.what = SP_ETCD_PUT, .key = bytes("guard"), .value = bytes("2")},
        {.what = SP_ETCD_PUT, .key = bytes("guarded"), .value = bytes("x")},
        {.what = SP_ETCD_DELETE, .key = bytes("page/"), .end = bytes("page0")},
    };
    const struct sp_etcd_txn txn = {.compares = &compare,
                                    .compare_count = 1,
                                    .operations = operations,
                                    .operation_count = 3,
                                    .otherwise = bytes("guard")};
    struct sp_etcd_outcome outcome = commit(fixture, &txn);
    assert_true(outcome.made);
    assert_false(outcome.repeated);
    struct sp_etcd_outcome again = commit(fixture, &txn);
    assert_false(again.made);
    assert_true(again.found);
    assert_bytes(again.otherwise.value, "2");
    assert_int_equal(again.otherwise.mod_revision, outcome.header.revision);
    assert_int_equal(get(fixture, "page/", "page0", 0, 0).count, 0);
}

static void makes_a_key_only_once(void **state) {
    struct fixture *fixture = *state;
    const struct sp_etcd_compare nobody = {.key = bytes("once"), .what = SP_ETCD_CREATE_IS, .revision = 0};
    const struct sp_etcd_operation operation = {.what = SP_ETCD_PUT, .key = bytes("once"), .value = bytes("x")};
    const struct sp_etcd_txn txn = {
        .compares = &nobody, .compare_count = 1, .operations = &operation, .operation_count = 1};
    assert_true(commit(fixture, &txn).made);
    assert_false(commit(fixture, &txn).made);
}

static void says_that_a_revision_was_compacted_away(void **state) {
    struct fixture *fixture = *state;
    uint64_t revision = put(fixture, "old", bytes("1"));
    (void)put(fixture, "old", bytes("2"));
    (void)etcd_compact(&fixture->etcd);
    struct sp_etcd_page page;
    struct sp_etcd_watch *watch = NULL;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = bytes("old"), .revision = revision};
    assert_int_equal(sp_etcd_get(fixture->client, &range, &fixture->arena, &page, &error), SP_ERR_OUT_OF_RANGE);
    enum sp_status status =
        sp_etcd_watch_open(fixture->client, bytes("old"), (struct sp_bytes){0}, revision, &watch, &error);
    if (status == SP_OK) {
        struct sp_etcd_events events;
        status = sp_etcd_watch_next(watch, 5000, &fixture->arena, &events, &error);
    }
    assert_int_equal(status, SP_ERR_OUT_OF_RANGE);
    sp_etcd_watch_close(watch);
}

/* ---- watches ---- */

static void tells_what_happened_since_in_order_and_whole(void **state) {
    struct fixture *fixture = *state;
    struct sp_etcd_watch *watch = NULL;
    struct sp_error error = {0};
    struct sp_etcd_events events;
    uint64_t first = put(fixture, "w/a", bytes("1"));
    const struct sp_etcd_operation operations[] = {
        {.what = SP_ETCD_PUT, .key = bytes("w/b"), .value = bytes("2")},
        {.what = SP_ETCD_DELETE, .key = bytes("w/a")},
    };
    const struct sp_etcd_txn txn = {.operations = operations, .operation_count = 2};
    uint64_t second = commit(fixture, &txn).header.revision;
    assert_int_equal(sp_etcd_watch_open(fixture->client, bytes("w/"), bytes("w0"), first, &watch, &error), SP_OK);
    size_t seen = 0;
    while (seen < 3) {
        assert_int_equal(sp_etcd_watch_next(watch, 10000, &fixture->arena, &events, &error), SP_OK);
        for (size_t i = 0; i < events.count; i++, seen++) {
            const struct sp_etcd_event *event = &events.events[i];
            assert_int_equal(event->kv.mod_revision, seen == 0 ? first : second);
            assert_int_equal(event->deleted, event->kv.key.data[2] == 'a' && seen > 0);
        }
    }
    assert_int_equal(sp_etcd_watch_next(watch, 10, &fixture->arena, &events, &error), SP_ERR_DEADLINE);
    (void)put(fixture, "w/c", bytes("3"));
    assert_int_equal(sp_etcd_watch_next(watch, 10000, &fixture->arena, &events, &error), SP_OK);
    assert_int_equal(events.count, 1);
    assert_bytes(events.events[0].kv.value, "3");
    sp_etcd_watch_close(watch);
}

/* 3 MB in one revision each: more than etcd puts into one message. */
static void joins_what_etcd_cut_into_fragments(void **state) {
    struct fixture *fixture = *state;
    enum { VALUE_BYTES = 1 << 20, PUTS = 6 };
    struct sp_etcd_watch *watch = NULL;
    struct sp_error error = {0};
    struct sp_etcd_events events;
    char *large = calloc(1, VALUE_BYTES + 1);
    assert_non_null(large);
    memset(large, 'x', VALUE_BYTES);
    uint64_t first = put(fixture, "f/0", bytes(large));
    for (char i = '1'; i < '0' + PUTS; i++) {
        char key[] = {'f', '/', i, '\0'};
        sp_arena_reset(&fixture->arena);
        (void)put(fixture, key, bytes(large));
    }
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_etcd_watch_open(fixture->client, bytes("f/"), bytes("f0"), first, &watch, &error), SP_OK);
    for (size_t seen = 0; seen < PUTS; seen += events.count) {
        assert_int_equal(sp_etcd_watch_next(watch, 10000, &fixture->arena, &events, &error), SP_OK);
        for (size_t i = 0; i < events.count; i++)
            assert_int_equal(events.events[i].kv.value.size, VALUE_BYTES);
    }
    sp_etcd_watch_close(watch);
    free(large);
}

/* ---- endpoints ---- */

static void goes_on_to_the_endpoint_that_answers(void **state) {
    struct fixture *fixture = *state;
    char list[128];
    struct sp_etcd *client = NULL;
    struct sp_error error = {0};
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = bytes("x")};
    snprintf(list, sizeof(list), "127.0.0.1:%d,127.0.0.1:%d,%s", free_port(), free_port(), fixture->etcd.target);
    const struct sp_etcd_options options = {.endpoints = sp_str_from(list)};
    assert_int_equal(sp_etcd_open(&options, &client, &error), SP_OK);
    if (sp_etcd_get(client, &range, &fixture->arena, &page, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(sp_etcd_endpoint(client), fixture->etcd.target);
    sp_etcd_close(client);
}

static void says_so_where_none_answers_and_finds_it_when_it_is_back(void **state) {
    struct fixture *fixture = *state;
    struct sp_etcd_page page;
    struct sp_etcd_outcome outcome;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = bytes("kept")};
    const struct sp_etcd_operation operation = {.what = SP_ETCD_PUT, .key = bytes("kept"), .value = bytes("no")};
    const struct sp_etcd_txn txn = {.operations = &operation, .operation_count = 1};
    (void)put(fixture, "kept", bytes("yes"));
    etcd_end(&fixture->etcd, SIGKILL);
    assert_int_equal(sp_etcd_get(fixture->client, &range, &fixture->arena, &page, &error), SP_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, fixture->etcd.target));
    assert_int_equal(sp_etcd_commit(fixture->client, &txn, &fixture->arena, &outcome, &error), SP_ERR_UNAVAILABLE);
    etcd_start(&fixture->etcd);
    enum sp_status status = SP_ERR_UNAVAILABLE;
    for (int i = 0; i < 100 && status == SP_ERR_UNAVAILABLE; i++)
        status = sp_etcd_get(fixture->client, &range, &fixture->arena, &page, &error);
    assert_int_equal(status, SP_OK);
    assert_bytes(page.kvs[0].value, "yes");
}

static void *start_etcd_later(void *etcd) {
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL);
    etcd_start(etcd);
    return NULL;
}

static void waits_for_an_endpoint_while_it_is_patient(void **state) {
    struct fixture *fixture = *state;
    char list[128];
    struct sp_etcd *client = NULL;
    struct sp_error error = {0};
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = bytes("patient")};
    (void)put(fixture, "patient", bytes("yes"));
    etcd_end(&fixture->etcd, SIGKILL);
    snprintf(list, sizeof(list), "127.0.0.1:%d,%s", free_port(), fixture->etcd.target);
    const struct sp_etcd_options options = {.endpoints = sp_str_from(list), .patience_ms = 60 * 1000};
    assert_int_equal(sp_etcd_open(&options, &client, &error), SP_OK);
    pthread_t starter;
    assert_int_equal(pthread_create(&starter, NULL, start_etcd_later, &fixture->etcd), 0);
    enum sp_status status = sp_etcd_get(client, &range, &fixture->arena, &page, &error);
    assert_int_equal(pthread_join(starter, NULL), 0);
    if (status != SP_OK)
        fail_msg("%s", error.message);
    assert_bytes(page.kvs[0].value, "yes");
    sp_etcd_close(client);
}

static void refuses_what_is_no_endpoint(void **state) {
    static const char *const wrong[] = {"", ",", "host", "a:1,", "a:1,,b:2", "http://a:1"};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct sp_etcd *client = NULL;
        struct sp_error error = {0};
        const struct sp_etcd_options options = {.endpoints = sp_str_from(wrong[i])};
        assert_int_equal(sp_etcd_open(&options, &client, &error), SP_ERR_INVALID);
    }
}

/* ---- TLS ---- */

static void speaks_tls_and_shows_its_certificate(void **state) {
    const struct fixture *fixture = *state;
    struct certificate_authority *authority = authority_make("etcd"), *other = authority_make("other");
    char files[6][96];
    static const char *const names[6] = {"ca", "cert", "key", "client-cert", "client-key", "other-ca"};
    struct etcd etcd;
    struct sp_etcd *client = NULL;
    struct sp_etcd_page page;
    struct sp_arena arena;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = bytes("x")};
    for (size_t i = 0; i < 6; i++)
        snprintf(files[i], sizeof(files[i]), "%s/%s.pem", fixture->folder, names[i]);
    authority_write(authority, files[0]);
    authority_write(other, files[5]);
    authority_sign(authority, "IP:127.0.0.1", 1, files[1], files[2]);
    authority_sign(authority, "DNS:sync", 1, files[3], files[4]);
    etcd_make(&etcd, fixture->folder, "tls");
    etcd.ca = files[0];
    etcd.cert = files[1];
    etcd.key = files[2];
    etcd.client_cert = files[3];
    etcd.client_key = files[4];
    etcd_start(&etcd); /* which asks it, and so is the proof */
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    const struct {
        const char *ca, *cert, *key;
    } wrong[] = {{NULL, NULL, NULL}, {files[5], files[3], files[4]}, {files[0], NULL, NULL}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        const struct sp_etcd_options options = {.endpoints = sp_str_from(etcd.target),
                                                .ca_file = wrong[i].ca,
                                                .cert_file = wrong[i].cert,
                                                .key_file = wrong[i].key};
        assert_int_equal(sp_etcd_open(&options, &client, &error), SP_OK);
        assert_int_equal(sp_etcd_get(client, &range, &arena, &page, &error), SP_ERR_UNAVAILABLE);
        sp_etcd_close(client);
    }
    sp_arena_fini(&arena);
    etcd_end(&etcd, SIGKILL);
    authority_free(authority);
    authority_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_pages_at_one_revision),
        cmocka_unit_test(makes_a_change_only_where_nothing_else_was_changed),
        cmocka_unit_test(makes_a_key_only_once),
        cmocka_unit_test(says_that_a_revision_was_compacted_away),
        cmocka_unit_test(tells_what_happened_since_in_order_and_whole),
        cmocka_unit_test(joins_what_etcd_cut_into_fragments),
        cmocka_unit_test(goes_on_to_the_endpoint_that_answers),
        cmocka_unit_test(refuses_what_is_no_endpoint),
        cmocka_unit_test(says_so_where_none_answers_and_finds_it_when_it_is_back),
        cmocka_unit_test(waits_for_an_endpoint_while_it_is_patient),
        cmocka_unit_test(speaks_tls_and_shows_its_certificate),
    };
    if (!etcd_is_here())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, begin, end);
}
