/* Lines of decision logs: what is read, and that both ways to read one agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trial/log_line.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char scratch[2][SP_TRIAL_LOG_LINE_BYTES];

/* "reason=ALLOWED key_id=k" … of what the tests look at. */
static void describe(const struct sp_trial_log_line *line, char *out, size_t room) {
    static const struct {
        const char *name;
        enum sp_trial_log_text text;
    } shown[] = {{"time", SP_TRIAL_LOG_TIME},      {"reason", SP_TRIAL_LOG_REASON}, {"key", SP_TRIAL_LOG_KEY_ID},
                 {"id", SP_TRIAL_LOG_RESOURCE_ID}, {"what", SP_TRIAL_LOG_WHAT},     {"route", SP_TRIAL_LOG_ROUTE},
                 {"ip", SP_TRIAL_LOG_IP}};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT(shown); i++)
        if (line->texts[shown[i].text].size > 0)
            used += (size_t)snprintf(out + used, room - used, "%s=%.*s ", shown[i].name,
                                     SP_STR_ARG(line->texts[shown[i].text]));
    if (line->workspaces > 0)
        (void)snprintf(out + used, room - used, "workspaces=%llu ", (unsigned long long)line->workspaces);
}

static const struct {
    const char *text, *read; /* NULL: no line of a log */
} lines[] = {
    {"{\"time\":\"t\",\"decision\":\"deny\",\"reason\":\"NOT_SHARED\",\"key_id\":\"k\",\"resource_id\":\"r\"}",
     "time=t reason=NOT_SHARED key=k id=r "},
    {"{\"log_workspaces\":3,\"latency_us\":12,\"log_what\":\"sample:10\",\"epoch\":1}", "what=sample:10 workspaces=3 "},
    {" { \"ip\" : \"::1\" , \"route\" : \"GET /a/{b}\" } \r", "route=GET /a/{b} ip=::1 "},
    {"{\"resource_id\":\"\\u00e9\\\"\\\\\"}", "id=é\"\\ "},
    {"{\"resource_id\":\"é\"}", "id=é "},
    {"{\"more\":{\"reason\":\"x\"},\"reason\":\"STALE\",\"list\":[1,2.5,-3,null,true]}", "reason=STALE "},
    {"{\"rea\\u0073on\":\"STALE\"}", "reason=STALE "},
    {"{\"reason\":\"STALE\",\"n\":18446744073709551615123}", NULL},
    {"{}", ""},
    {"{\"other\":0}", ""},
    {"{\"other\":01}", NULL},
    {"{\"reason\":1}", NULL},
    {"{\"reason\":null}", NULL},
    {"{\"log_workspaces\":\"3\"}", NULL},
    {"{\"log_workspaces\":-3}", NULL},
    {"{\"reason\":\"A\",\"reason\":\"B\"}", NULL},
    {"{\"reason\":\"A\",}", NULL},
    {"{\"reason\":\"A\"", NULL},
    {"{\"reason\":\"A\"} {}", NULL},
    {"{\"reason\":\"A", NULL},
    {"{\"reason\":\"a\tb\"}", NULL},
    {"{\"reason\":\"\xff\"}", NULL},
    {"[]", NULL},
    {"x", NULL},
    {" ", NULL},
};

static void reads_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct sp_trial_log_line line;
        char described[200];
        bool good = sp_trial_log_line_read(sp_str_from(lines[i].text), scratch[0], &line);
        if (good != (lines[i].read != NULL))
            fail_msg("%s: %s", lines[i].text, good ? "was read" : "was not read");
        if (!good)
            continue;
        describe(&line, described, sizeof(described));
        assert_string_equal(described, lines[i].read);
    }
}

static void assert_same(struct sp_str text) {
    struct sp_trial_log_line one, other;
    bool read = sp_trial_log_line_read(text, scratch[0], &one);
    bool read_json = sp_trial_log_line_read_json(text, scratch[1], &other);
    if (read_json && !read)
        fail_msg("%.*s: was not read", SP_STR_ARG(text));
    if (!read_json)
        return;
    assert_int_equal(one.workspaces, other.workspaces);
    for (size_t i = 0; i < SP_TRIAL_LOG_TEXTS; i++)
        assert_true(sp_str_equal(one.texts[i], other.texts[i]));
}

/* With bytes in the wrong place, too. */
static void both_ways_read_the_same(void **state) {
    static const char bytes[] = "{}[]\",:\\ 0u1eE-.tn\xc3\xa9\n";
    const char *given = getenv("SP_TEST_SEED");
    unsigned seed = given == NULL ? 20261130 : (unsigned)strtoul(given, NULL, 10);
    (void)state;
    print_message("seed %u\n", seed);
    for (size_t round = 0; round < 20000; round++) {
        char text[300];
        const char *from = lines[(unsigned)rand_r(&seed) % COUNT(lines)].text;
        size_t size = strlen(from);
        memcpy(text, from, size);
        for (int changes = rand_r(&seed) % 3; changes > 0 && size > 0; changes--)
            text[(unsigned)rand_r(&seed) % size] = bytes[(unsigned)rand_r(&seed) % (sizeof(bytes) - 1)];
        assert_same((struct sp_str){text, size});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(both_ways_read_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
