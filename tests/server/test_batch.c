/* Batches, as far as they need no store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/batch.h"

/* There is no view here: an item that were answered would be seen. */
static void no_item_is_answered_for_a_client_that_has_gone(void **state) {
    static atomic_bool over = true;
    const struct sp_asking asking = {.transport = SP_TRANSPORT_STREAM, .stream_over = &over};
    Sallyport__V1__CheckResponse result = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    Sallyport__V1__CheckResponse *results[] = {&result};
    Sallyport__V1__CheckBatchResponse response = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT;
    struct sp_question question = {0};
    struct sp_error error = {0};
    (void)state;
    response.results = results;
    response.n_results = 1;
    assert_int_equal(sp_batch_answer(NULL, &asking, NULL, &question, NULL, &response, &error), SP_ERR_CANCELLED);
    assert_int_equal(result.reason, SALLYPORT__V1__REASON__REASON_UNSPECIFIED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_item_is_answered_for_a_client_that_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
