#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

static void *answer_itself(void *context) {
    return context;
}

static void starts_a_thread_that_is_joined(void **state) {
    struct sp_error error = {0};
    pthread_t thread;
    void *answer = NULL;
    int number = 7;
    (void)state;
    assert_int_equal(sp_thread_start(&thread, answer_itself, &number, &error, "a thread"), SP_OK);
    assert_int_equal(pthread_join(thread, &answer), 0);
    assert_ptr_equal(answer, &number);
    assert_string_equal(error.message, "");
}

/* No address space has room for its stack. */
static void says_what_could_not_be_started_and_why(void **state) {
    const size_t too_large = (size_t)1 << 47;
    struct sp_error error = {0};
    pthread_t thread;
    pthread_attr_t before, huge;
    (void)state;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&huge), 0);
    assert_int_equal(pthread_attr_setstacksize(&huge, too_large), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    enum sp_status status = sp_thread_start(&thread, answer_itself, NULL, &error, "worker %u", 3U);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    assert_int_equal(status, SP_ERR_IO);
    assert_string_equal(error.message, "cannot start worker 3: Resource temporarily unavailable");
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_a_thread_that_is_joined),
        cmocka_unit_test(says_what_could_not_be_started_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
