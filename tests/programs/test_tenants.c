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

/* ---- a full map ---- */

/* Shares of a workspace's own voice with its users, each under a long name, until the store refuses
 * more. */
static void fill_store(struct caller *admin, const char *workspace) {
    char name[129];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 100000; i++) {
        enum sp_status status =
            caller_callf(admin, "Admin/CreateGroup", "{'workspace':'%s','id':'g%d','name':'%s'}", workspace, i, name);
        if (status == SP_ERR_EXHAUSTED && strstr(admin->error.message, "full") != NULL)
            return;
        if (status != SP_OK)
            fail_msg("%s", admin->error.message);
    }
    fail_msg("the store never filled");
}

/* What only takes access away still works for everybody, whatever the noisy tenant does. */
static void assert_keys_can_be_disabled(struct programs *programs, struct caller *quiet, const char *id,
                                        const char *key) {
    int64_t began_ms = sp_clock_monotonic_ms();
    caller_ok(quiet, "Admin/DisableApiKey", "{'workspace':'quiet','id':'%s','reason':'leaked'}", id);
    print_message("disabled a key in %lld ms\n", (long long)(sp_clock_monotonic_ms() - began_ms));
    assert_string_equal(check_reason(&programs->checker, key, "voice", "v", "preview"), "KEY_DISABLED");
}

static void make_leaked_key(struct caller *quiet, int i, char ret_key[static PROGRAMS_KEY_BYTES]) {
    caller_ok(quiet, "Admin/CreateApiKey",
              "{'workspace':'quiet','id':'leaked%d','principal':'quiet-admin','name':'K','permissions':{'all':true}}",
              i);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(quiet, "secret"));
}

static void a_full_map_leaves_room_to_take_access_away(void **state) {
    (void)state;
    enum { KEYS = 5, ROUNDS = 400 };
    static struct programs programs;
    char noisy_key[PROGRAMS_KEY_BYTES], quiet_key[PROGRAMS_KEY_BYTES], leaked[KEYS][PROGRAMS_KEY_BYTES];
    struct caller noisy, quiet;
    size_t refused = 0;
    programs_start(&programs, "2M");
    operator_ok(&programs, "Admin/CreateWorkspace",
                "{'id':'noisy','name':'N','seats':10,'quotas':{'groups':1000000},'adminId':'noisy-admin'}");
    snprintf(noisy_key, sizeof(noisy_key), "%s", caller_text(&programs.operator_caller, "secret"));
    operator_ok(&programs, "Admin/CreateWorkspace", "{'id':'quiet','name':'Q','seats':10,'adminId':'quiet-admin'}");
    snprintf(quiet_key, sizeof(quiet_key), "%s", caller_text(&programs.operator_caller, "secret"));
    assert_true(caller_open(&noisy, programs.sync_target, noisy_key));
    assert_true(caller_open(&quiet, programs.sync_target, quiet_key));
    for (int i = 0; i < KEYS; i++)
        make_leaked_key(&quiet, i, leaked[i]);
    fill_store(&noisy, "noisy");
    assert_keys_can_be_disabled(&programs, &quiet, "leaked0", leaked[0]);
    /* The noisy tenant uses the reserve as fast as it can. */
    for (int i = 0; i < ROUNDS; i++)
        refused += caller_callf(&noisy, "Admin/DeleteGroup", "{'requestId':'r%d','workspace':'noisy','id':'none'}",
                                i) == SP_ERR_EXHAUSTED;
    for (int i = 0; i < ROUNDS && refused == 0; i++) {
        enum sp_status status = caller_callf(&noisy, "Admin/DeleteGroup", "{'workspace':'noisy','id':'g%d'}", i);
        refused += status == SP_ERR_EXHAUSTED;
    }
    print_message("refused %zu\n", refused);
    assert_keys_can_be_disabled(&programs, &quiet, "leaked1", leaked[1]);
    caller_ok(&quiet, "Admin/DeleteApiKey", "{'workspace':'quiet','id':'leaked2'}");
    assert_string_equal(check_reason(&programs.checker, leaked[2], "voice", "v", "preview"), "KEY_UNKNOWN");
    /* So does shrinking one. */
    caller_ok(&quiet, "Admin/UpdateApiKey",
              "{'workspace':'quiet','id':'leaked3','permissions':{'names':['text_to_speech']},"
              "'updateMask':['permissions']}");
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace':{'id':'noisy','disabled':true},'updateMask':['disabled']}");
    caller_close(&noisy);
    caller_close(&quiet);
    programs_stop(&programs);
}

/* Disables its own keys one after the other, waiting as it is told to, until its share of the
 * reserve is used up; returns how many that were. */
static int disable_own_keys(struct caller *noisy, int keys) {
    for (int i = 0; i < keys; i++) {
        enum sp_status status = SP_ERR_EXHAUSTED;
        for (int tries = 0; tries < 100 && status == SP_ERR_EXHAUSTED; tries++) {
            status = caller_callf(noisy, "Admin/DisableApiKey", "{'workspace':'noisy','id':'own%d'}", i);
            if (status == SP_ERR_EXHAUSTED &&
                strstr(noisy->error.message, "your workspace's share of the reserve") != NULL)
                return i;
            if (status == SP_ERR_EXHAUSTED)
                sp_clock_sleep_ms(50);
        }
        if (status != SP_OK)
            fail_msg("%s", noisy->error.message);
    }
    return keys;
}

/* Real changes, each of which may use the reserve, for as long as there is something to disable. */
static void a_tenant_with_many_keys_leaves_the_reserve_to_others(void **state) {
    (void)state;
    enum { KEYS = 900 };
    static struct programs programs;
    char noisy_key[PROGRAMS_KEY_BYTES], quiet_key[PROGRAMS_KEY_BYTES], leaked[PROGRAMS_KEY_BYTES];
    struct caller noisy, quiet;
    programs_start(&programs, "2M");
    operator_ok(&programs, "Admin/CreateWorkspace",
                "{'id':'noisy','name':'N','seats':10,'quotas':{'groups':1000000},'adminId':'noisy-admin'}");
    snprintf(noisy_key, sizeof(noisy_key), "%s", caller_text(&programs.operator_caller, "secret"));
    operator_ok(&programs, "Admin/CreateWorkspace", "{'id':'quiet','name':'Q','seats':10,'adminId':'quiet-admin'}");
    snprintf(quiet_key, sizeof(quiet_key), "%s", caller_text(&programs.operator_caller, "secret"));
    assert_true(caller_open(&noisy, programs.sync_target, noisy_key));
    assert_true(caller_open(&quiet, programs.sync_target, quiet_key));
    make_leaked_key(&quiet, 0, leaked);
    for (int i = 0; i < KEYS; i++)
        caller_ok(&noisy, "Admin/CreateApiKey",
                  "{'workspace':'noisy','id':'own%d','principal':'noisy-admin','name':'K','permissions':{'all':true}}",
                  i);
    fill_store(&noisy, "noisy");
    /* What is refused takes nothing of its share. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(caller_callf(&noisy, "Admin/CreateGroup", "{'workspace':'noisy','id':'more','name':'M'}"),
                         SP_ERR_EXHAUSTED);
    int used = disable_own_keys(&noisy, KEYS);
    print_message("disabled %d\n", used);
    assert_in_range(used, 1, KEYS - 1);
    assert_keys_can_be_disabled(&programs, &quiet, "leaked0", leaked);
    operator_ok(&programs, "Admin/DisableApiKey", "{'workspace':'noisy','id':'own%d','reason':'leaked'}", KEYS - 1);
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace':{'id':'noisy','disabled':true},'updateMask':['disabled']}");
    caller_close(&noisy);
    caller_close(&quiet);
    programs_stop(&programs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_without_a_key_is_refused_before_it_is_queued),
        cmocka_unit_test(a_full_map_leaves_room_to_take_access_away),
        cmocka_unit_test(a_tenant_with_many_keys_leaves_the_reserve_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
