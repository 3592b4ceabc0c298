/* The dashboard, the alerts and their documentation against the pages of real programs: each must
 * watch metrics that exist. Every metric is in docs/reference/metrics.md, which
 * tests/check_reference.sh checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <yaml.h>

#include "support/http_client.h"
#include "support/programs.h"

enum { NAMES_MAX = 200, NAME_BYTES = 96 };

struct names {
    char names[NAMES_MAX][NAME_BYTES];
    size_t count;
};

static bool has(const struct names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return true;
    return false;
}

static void add(struct names *names, const char *name, size_t size) {
    char copy[NAME_BYTES];
    assert_true(size > 0 && size < sizeof(copy) && names->count < NAMES_MAX);
    snprintf(copy, sizeof(copy), "%.*s", (int)size, name);
    if (!has(names, copy))
        memcpy(names->names[names->count++], copy, sizeof(copy));
}

/* ---- what there is ---- */

static void add_families(struct names *names, const char *page) {
    for (const char *line = page; (line = strstr(line, "# TYPE ")) != NULL;) {
        line += strlen("# TYPE ");
        size_t size = strcspn(line, " ");
        add(names, line, size);
        if (strncmp(line + size, " histogram\n", 11) == 0) {
            static const char *const parts[] = {"_bucket", "_sum", "_count"};
            for (size_t i = 0; i < 3; i++) {
                char part[NAME_BYTES];
                int part_size = snprintf(part, sizeof(part), "%.*s%s", (int)size, line, parts[i]);
                add(names, part, (size_t)part_size);
            }
        }
    }
}

static void ask_programs(struct names *server, struct names *sync) {
    struct programs programs;
    struct http_reply reply;
    programs_start(&programs, NULL);
    http_get(process_port_of(&programs.server, "listening for metrics on "), "/metrics", &reply);
    add_families(server, reply.body);
    http_reply_fini(&reply);
    http_get(process_port_of(&programs.sync, "listening for metrics on "), "/metrics", &reply);
    add_families(sync, reply.body);
    http_reply_fini(&reply);
    programs_stop(&programs);
    assert_true(server->count > 20 && sync->count > 20);
}

/* ---- what is named ---- */

static char *read_source(const char *path) {
    char whole[512];
    const char *source = getenv("SP_SOURCE_DIR");
    snprintf(whole, sizeof(whole), "%s/%s", source == NULL ? "." : source, path);
    return process_read(whole);
}

static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Words of a text that begin so. */
static void add_words(struct names *names, const char *text, const char *beginning) {
    for (const char *at = text; (at = strstr(at, beginning)) != NULL; at++) {
        size_t size = 0;
        while (in_word(at[size]))
            size++;
        if ((at == text || !in_word(at[-1])) && at[size] != '*')
            add(names, at, size);
    }
}

static void assert_all_known(const char *where, const struct names *named, const struct names *server,
                             const struct names *sync) {
    assert_true(named->count > 0);
    for (size_t i = 0; i < named->count; i++)
        if (!has(server, named->names[i]) && !has(sync, named->names[i]))
            fail_msg("%s names %s, which no program has", where, named->names[i]);
}

static void the_dashboard_is_json_and_shows_numbers_that_there_are(void **state) {
    struct names server = {0}, sync = {0}, named = {0};
    json_error_t error;
    (void)state;
    char *text = read_source("deploy/observability/dashboard.json");
    json_t *dashboard = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (dashboard == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    size_t targets = 0, i, j;
    json_t *panel, *target;
    json_array_foreach(json_object_get(dashboard, "panels"), i, panel) {
        assert_true(json_string_length(json_object_get(panel, "title")) > 0);
        json_array_foreach(json_object_get(panel, "targets"), j, target) {
            add_words(&named, json_string_value(json_object_get(target, "expr")), "sallyport_");
            add_words(&named, json_string_value(json_object_get(target, "expr")), "process_");
            targets++;
        }
    }
    assert_true(targets > 20);
    json_decref(dashboard);
    free(text);
    ask_programs(&server, &sync);
    assert_all_known("the dashboard", &named, &server, &sync);
}

/* Events of a YAML file, to its end. */
static void assert_is_yaml(const char *text) {
    yaml_parser_t parser;
    yaml_event_t event;
    bool ended = false;
    assert_int_equal(yaml_parser_initialize(&parser), 1);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    while (!ended) {
        if (yaml_parser_parse(&parser, &event) != 1)
            fail_msg("line %zu: %s", parser.problem_mark.line + 1, parser.problem);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void alerts_are_yaml_and_watch_numbers_that_there_are(void **state) {
    struct names server = {0}, sync = {0}, named = {0};
    (void)state;
    char *text = read_source("deploy/observability/alerts.yaml");
    assert_is_yaml(text);
    add_words(&named, text, "sallyport_");
    add_words(&named, text, "process_");
    assert_int_equal(occurrences(text, "- alert: "), occurrences(text, "summary: "));
    assert_int_equal(occurrences(text, "- alert: "), occurrences(text, "severity: "));
    assert_int_equal(occurrences(text, "("), occurrences(text, ")"));
    free(text);
    ask_programs(&server, &sync);
    assert_all_known("an alert", &named, &server, &sync);
}

static void the_documentation_names_every_alert_and_only_metrics_that_exist(void **state) {
    struct names server = {0}, sync = {0}, named = {0}, alerts = {0}, told = {0};
    (void)state;
    char *docs = read_source("docs/observability.md"), *rules = read_source("deploy/observability/alerts.yaml");
    ask_programs(&server, &sync);
    add_words(&named, docs, "sallyport_");
    add_words(&named, docs, "process_");
    assert_all_known("docs/observability.md", &named, &server, &sync);
    add_words(&alerts, rules, "Sallyport");
    add_words(&told, docs, "Sallyport");
    assert_true(alerts.count > 10);
    for (size_t i = 0; i < alerts.count; i++)
        if (strcmp(alerts.names[i], "Sallyport") != 0 && !has(&told, alerts.names[i]))
            fail_msg("docs/observability.md does not name the alert %s", alerts.names[i]);
    for (size_t i = 0; i < told.count; i++)
        if (!has(&alerts, told.names[i]) && strcmp(told.names[i], "Sallyport") != 0)
            fail_msg("docs/observability.md names the alert %s, which does not exist", told.names[i]);
    free(docs);
    free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dashboard_is_json_and_shows_numbers_that_there_are),
        cmocka_unit_test(alerts_are_yaml_and_watch_numbers_that_there_are),
        cmocka_unit_test(the_documentation_names_every_alert_and_only_metrics_that_exist),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
