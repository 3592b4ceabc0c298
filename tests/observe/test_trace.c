/* traceparent, after W3C Trace Context level 1, section 3.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const struct {
    const char *text;
    bool valid, sampled;
} rows[] = {
    {"00-" TRACE "-" SPAN "-01", true, true},
    {"00-" TRACE "-" SPAN "-00", true, false},
    {"00-" TRACE "-" SPAN "-ff", true, true},
    {"00-" TRACE "-" SPAN "-02", true, false},
    {"01-" TRACE "-" SPAN "-01", true, true},
    {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", true, true},
    {"cc-" TRACE "-" SPAN "-01.what", false, false},
    {"00-" TRACE "-" SPAN "-01-more", false, false},
    {"00-" TRACE "-" SPAN "-01-", false, false},
    {"ff-" TRACE "-" SPAN "-01", false, false},
    {"", false, false},
    {"00", false, false},
    {"00-" TRACE "-" SPAN "-0", false, false},
    {"00-" TRACE "-" SPAN "-1", false, false},
    {"00-" TRACE "-" SPAN "-001", false, false},
    {"00-" TRACE "-" SPAN "-0g", false, false},
    {"00-" TRACE "-" SPAN "-0A", false, false},
    {"0g-" TRACE "-" SPAN "-01", false, false},
    {" 00-" TRACE "-" SPAN "-01", false, false},
    {"00-" TRACE "-" SPAN "-01 ", false, false},
    {"00-00000000000000000000000000000000-" SPAN "-01", false, false},
    {"00-" TRACE "-0000000000000000-01", false, false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, false},
    {"00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-01", false, false},
    {"00-4bf92f3577b34da6a3ce929d0e0e473x-" SPAN "-01", false, false},
    {"00-" TRACE "-00f067aa0ba902bx-01", false, false},
    {"00_" TRACE "-" SPAN "-01", false, false},
    {"00-" TRACE "_" SPAN "-01", false, false},
    {"00-" TRACE "-" SPAN "_01", false, false},
};

static void takes_what_the_standard_allows_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_trace trace;
        memset(&trace, '!', sizeof(trace));
        bool valid = sp_trace_parse(sp_str_from(rows[i].text), &trace);
        if (valid != rows[i].valid)
            fail_msg("%s", rows[i].text);
        assert_memory_equal(trace.trace_id, valid ? TRACE : "!!!!", valid ? SP_TRACE_ID_BYTES : 4);
        assert_memory_equal(trace.span_id, valid ? SPAN : "!!!!", valid ? SP_SPAN_ID_BYTES : 4);
        if (valid)
            assert_int_equal(trace.sampled, rows[i].sampled);
    }
}

/* The bytes behind a text that is too short are not looked at: the sanitizer watches the end of the
 * memory. */
static void reads_no_byte_behind_the_text(void **state) {
    static const char whole[] = "01-" TRACE "-" SPAN "-01-x";
    (void)state;
    for (size_t size = 0; size < sizeof(whole); size++) {
        struct sp_trace trace;
        char *copy = malloc(size + (size == 0));
        memcpy(copy, whole, size);
        assert_int_equal(sp_trace_parse((struct sp_str){copy, size}, &trace), size == 55 || size > 55);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_standard_allows_and_nothing_else),
        cmocka_unit_test(reads_no_byte_behind_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
