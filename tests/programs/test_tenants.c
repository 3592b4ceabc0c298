/* What one tenant does must not be at the others' expense: over the real programs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/lmdb/store.h"
#include "store/records/write.h"
#include "support/programs.h"

enum { SOON_MS = 5000 }; /* of ten seconds that a call may take */

/* ---- a writer that is busy ---- */

/* This process holds the write lock of the store, and the writer waits for it. */
struct stall {
    struct sp_store *store;
    struct sp_write *write;
};

static void begin_stall(struct stall *stall, const char *folder) {
    const struct sp_store_options options = {.mode = SP_STORE_WRITE};
    struct sp_error error = {0};
    if (sp_store_open(folder, &options, &stall->store, &error) != SP_OK ||
        sp_write_begin(stall->store, &stall->write, &error) != SP_OK)
        fail_msg("%s", error.message);
}

static void end_stall(struct stall *stall) {
    sp_write_abort(stall->write);
    sp_store_close(stall->store);
}

struct pending {
    struct caller caller;
    pthread_t thread;
    enum sp_status status;
};

static void *create_user(void *user) {
    struct pending *pending = user;
    pending->status = caller_call(&pending->caller, "Admin/CreateUser", "{'workspace':'acme','id':'late','name':'L'}");
    return NULL;
}

static void a_change_without_a_key_is_refused_before_it_is_queued(void **state) {
    (void)state;
    static struct programs programs;
    char key[PROGRAMS_KEY_BYTES];
    struct stall stall;
    struct caller nobody;
    struct pending pending;
    programs_start(&programs, NULL);
    programs_workspace(&programs, "acme", key);
    assert_true(caller_open(&pending.caller, programs.sync_target, key));
    assert_true(caller_open(&nobody, programs.sync_target, ""));
    begin_stall(&stall, programs.store);
    assert_int_equal(pthread_create(&pending.thread, NULL, create_user, &pending), 0);
    int64_t began_ms = sp_clock_monotonic_ms();
    assert_int_equal(caller_call(&nobody, "Admin/CreateUser", "{'workspace':'acme','id':'x','name':'X'}"),
                     SP_ERR_UNAUTHENTICATED);
    assert_int_equal(caller_call(&nobody, "Admin/DisableSelf", "{}"), SP_ERR_UNAUTHENTICATED);
    assert_true(sp_clock_monotonic_ms() - began_ms < SOON_MS);
    end_stall(&stall);
    pthread_join(pending.thread, NULL);
    assert_int_equal(pending.status, SP_OK);
    caller_close(&pending.caller);
    caller_close(&nobody);
    programs_stop(&programs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_without_a_key_is_refused_before_it_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
