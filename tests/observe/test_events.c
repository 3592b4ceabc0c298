/* Events as they come out of the funnel, read as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "observe/event_limits.h"
#include "observe/events.h"
#include "observe/ring_log.h"
#include "support/process.h"

struct scene {
    char folder[64];
    char path[96];
    struct sp_events *events;
};

static struct scene scene;

static int set_up(void **state) {
    struct sp_error error = {0};
    (void)state;
    folder_make(scene.folder);
    snprintf(scene.path, sizeof(scene.path), "%s/events", scene.folder);
    return sp_events_open(scene.path, "test", &scene.events, &error) == SP_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sp_events_close(scene.events);
    folder_remove(scene.folder);
    return 0;
}

/* Ends the log and returns line `i`, or NULL. The caller drops it. */
static json_t *read_line(size_t i) {
    json_error_t error;
    sp_events_close(scene.events);
    scene.events = NULL;
    char *text = process_read(scene.path);
    char *line = text;
    for (; i > 0 && line != NULL; i--)
        line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1;
    json_t *event = NULL;
    if (line != NULL && *line != '\0') {
        line[strcspn(line, "\n")] = '\0';
        event = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (event == NULL)
            fail_msg("%s: %s", error.text, line);
    }
    free(text);
    return event;
}

/* The value at a path such as "actor.user.uid", as text. */
static void assert_at(json_t *event, const char *path, const char *wanted) {
    char copy[64], found[256] = "(none)";
    snprintf(copy, sizeof(copy), "%s", path);
    json_t *at = event;
    for (char *part = strtok(copy, "."); part != NULL; part = strtok(NULL, "."))
        at = json_object_get(at, part);
    if (json_is_integer(at))
        snprintf(found, sizeof(found), "%lld", (long long)json_integer_value(at));
    else if (json_is_string(at))
        snprintf(found, sizeof(found), "%s", json_string_value(at));
    if (strcmp(found, wanted) != 0)
        fail_msg("%s is %s and not %s", path, found, wanted);
}

static const struct sp_event refused = {
    .class_uid = SP_EVENT_AUTHENTICATION,
    .activity = SP_EVENT_LOGON,
    .status = SP_ERR_UNAUTHENTICATED,
    .status_detail = "KEY_UNKNOWN",
    .service = "sallyport.v1.Admin",
    .operation = "CreateUser",
    .address = {"203.0.113.7", 11},
};

static void a_failed_authentication_has_the_names_and_numbers_of_ocsf(void **state) {
    (void)state;
    sp_events_put(scene.events, &refused);
    json_t *event = read_line(0);
    assert_at(event, "metadata.version", "1.3.0");
    assert_at(event, "metadata.product.name", "test");
    assert_at(event, "category_uid", "3");
    assert_at(event, "class_uid", "3002");
    assert_at(event, "class_name", "Authentication");
    assert_at(event, "activity_id", "1");
    assert_at(event, "activity_name", "Logon");
    assert_at(event, "type_uid", "300201");
    assert_at(event, "severity_id", "3");
    assert_at(event, "status_id", "2");
    assert_at(event, "status", "Failure");
    assert_at(event, "status_code", "UNAUTHENTICATED");
    assert_at(event, "status_detail", "KEY_UNKNOWN");
    assert_at(event, "count", "1");
    assert_at(event, "user.type", "unknown");
    assert_at(event, "user.type_id", "0");
    assert_at(event, "src_endpoint.ip", "203.0.113.7");
    assert_at(event, "service.name", "sallyport.v1.Admin");
    assert_at(event, "api.operation", "CreateUser");
    assert_at(event, "api.response.code", "16");
    assert_true(json_integer_value(json_object_get(event, "time")) > 1700000000000);
    json_decref(event);
}

static void an_account_change_names_actor_account_and_revision(void **state) {
    const struct sp_event event = {
        .class_uid = SP_EVENT_ACCOUNT_CHANGE,
        .activity = SP_EVENT_ACCOUNT_CREATE,
        .service = "sallyport.v1.Admin",
        .operation = "CreateUser",
        .actor = SP_EVENT_OPERATOR,
        .actor_id = SP_STR_LITERAL("alice"),
        .workspace = SP_STR_LITERAL("acme"),
        .target_kind = SP_STR_LITERAL("principal"),
        .target_id = SP_STR_LITERAL("usr_1"),
        .epoch = 2,
        .revision = 7,
    };
    (void)state;
    sp_events_put(scene.events, &event);
    json_t *line = read_line(0);
    assert_at(line, "type_uid", "300101");
    assert_at(line, "severity_id", "1");
    assert_at(line, "status_id", "1");
    assert_at(line, "status_code", "(none)");
    assert_at(line, "actor.user.uid", "alice");
    assert_at(line, "actor.user.type_id", "2");
    assert_at(line, "user.uid", "usr_1");
    assert_at(line, "user.domain", "acme");
    assert_at(line, "api.response.code", "0");
    assert_at(line, "unmapped.workspace", "acme");
    assert_at(line, "unmapped.epoch", "2");
    assert_at(line, "unmapped.revision", "7");
    json_decref(line);
}

static void hostile_text_stays_within_its_member(void **state) {
    struct sp_event event = refused;
    (void)state;
    event.actor = SP_EVENT_PRINCIPAL;
    event.actor_id = SP_STR_LITERAL("a\"},\n{\"class_uid\":1");
    sp_events_put(scene.events, &event);
    json_t *line = read_line(0);
    assert_at(line, "class_uid", "3002");
    assert_at(line, "user.uid", "a\"},\n{\"class_uid\":1");
    json_decref(line);
}

static void what_one_source_causes_beyond_its_burst_is_suppressed_and_counted(void **state) {
    struct sp_events_stats stats;
    struct sp_event other = refused;
    (void)state;
    other.address = SP_STR_LITERAL("203.0.113.8");
    for (int i = 0; i < 1000; i++)
        sp_events_put(scene.events, &refused);
    sp_events_put(scene.events, &other);
    sp_events_read_stats(scene.events, &stats);
    assert_in_range(stats.suppressed, 1000 - SP_EVENT_LIMITS_BURST - 60, 1000 - SP_EVENT_LIMITS_BURST);
    assert_int_equal(stats.dropped, 0);
    json_t *line = read_line(1000 - stats.suppressed);
    assert_at(line, "src_endpoint.ip", "203.0.113.8");
    json_decref(line);
}

/* Whoever has a /64 of IPv6 has more addresses than anyone could count. */
static void a_network_counts_as_one_source(void **state) {
    static const uint8_t network[8] = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4};
    struct sp_events_stats stats;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char address[40];
        struct sp_event event = refused;
        snprintf(address, sizeof(address), "2001:db8:102:304::%x", i);
        event.address = sp_str_from(address);
        event.network = (struct sp_bytes){network, sizeof(network)};
        sp_events_put(scene.events, &event);
    }
    sp_events_read_stats(scene.events, &stats);
    assert_true(stats.suppressed > 900);
}

/* More strangers than there are places, and more principals of one workspace. */
static void neither_strangers_nor_a_tenant_take_others_events(void **state) {
    enum { MANY = 50000, TENANTS = 64 };
    struct sp_event operator_event = refused, tenant_event = refused, stranger = refused;
    char text[24];
    size_t quiet = 0;
    (void)state;
    tenant_event.actor = SP_EVENT_PRINCIPAL;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "10.%u.%u.1", i / 256, i % 256);
        stranger.address = sp_str_from(text);
        sp_events_put(scene.events, &stranger);
        tenant_event.actor_id = sp_str_from(text);
        tenant_event.actor_workspace = SP_STR_LITERAL("noisy");
        sp_events_put(scene.events, &tenant_event);
    }
    operator_event.actor = SP_EVENT_OPERATOR;
    operator_event.actor_id = SP_STR_LITERAL("the-operator");
    sp_events_put(scene.events, &operator_event);
    tenant_event.actor_id = SP_STR_LITERAL("quiet-admin");
    for (unsigned i = 0; i < TENANTS; i++) {
        snprintf(text, sizeof(text), "quiet%u", i);
        tenant_event.actor_workspace = sp_str_from(text);
        sp_events_put(scene.events, &tenant_event);
    }
    sp_events_close(scene.events);
    scene.events = NULL;
    char *lines = process_read(scene.path);
    assert_non_null(strstr(lines, "the-operator"));
    for (const char *at = lines; (at = strstr(at, "quiet-admin")) != NULL; at++)
        quiet++;
    assert_true(quiet >= TENANTS - TENANTS / 4); /* some share the noisy one's places */
    free(lines);
}

/* The longest that every text can be: they fit in a line together. */
static void the_longest_event_is_whole(void **state) {
    static char text[4 * 256];
    (void)state;
    memset(text, 1, sizeof(text)); /* six bytes each, once escaped */
    const struct sp_str id = {text, 64};
    const struct sp_event event = {
        .class_uid = SP_EVENT_API_ACTIVITY,
        .activity = SP_EVENT_OTHER,
        .status = SP_ERR_PERMISSION,
        .status_detail = "the caller lacks the role",
        .service = "envoy.service.auth.v3.Authorization",
        .operation = "CreateServiceAccount",
        .actor = SP_EVENT_PRINCIPAL,
        .actor_id = id,
        .actor_workspace = id,
        .key_id = id,
        .address = id,
        .workspace = id,
        .target_kind = SP_STR_LITERAL("principal"),
        .target_id = id,
        .request_id = id,
        .epoch = INT64_MAX,
        .revision = INT64_MAX,
    };
    sp_events_put(scene.events, &event);
    json_t *line = read_line(0);
    assert_non_null(line);
    assert_at(line, "activity_name", "Other");
    assert_at(line, "unmapped.revision", "9223372036854775807");
    json_decref(line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_failed_authentication_has_the_names_and_numbers_of_ocsf),
        TEST(an_account_change_names_actor_account_and_revision),
        TEST(hostile_text_stays_within_its_member),
        TEST(what_one_source_causes_beyond_its_burst_is_suppressed_and_counted),
        TEST(neither_strangers_nor_a_tenant_take_others_events),
        TEST(a_network_counts_as_one_source),
        TEST(the_longest_event_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
