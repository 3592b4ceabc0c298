/* Scratch copies of stores: both states of a change, and stores that follow etcd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/schema.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "store/records/edit.h"
#include "store/records/followed_source.h"
#include "store/records/write.h"
#include "support/process.h"
#include "trial/scratch.h"

static char folder[64], store_path[96];

static void make_store(void) {
    const struct sp_store_create_options create = {
        .schema_yaml = sp_schema_default_yaml(), .key_prefix = SP_STR_LITERAL("sp_"), .now_s = 1};
    struct sp_error error = {0};
    folder_make(folder);
    snprintf(store_path, sizeof(store_path), "%s/store", folder);
    if (sp_store_create(store_path, &create, &error) != SP_OK)
        fail_msg("%s", error.message);
}

/* As replica/fill.h leaves it. */
static void follow_etcd(void) {
    struct sp_store *store = NULL;
    struct sp_write *write = NULL;
    assert_int_equal(sp_store_open(store_path, &(struct sp_store_options){.mode = SP_STORE_WRITE}, &store, NULL),
                     SP_OK);
    assert_int_equal(sp_write_begin(store, &write, NULL), SP_OK);
    assert_int_equal(sp_write_meta(write, "source", sp_bytes_of_str(SP_STR_LITERAL("etcd://a"))), SP_OK);
    assert_int_equal(sp_write_commit(write, NULL), SP_OK);
    sp_store_close(store);
}

static enum sp_status create_workspace(struct sp_trial_scratch *scratch, struct sp_arena *arena,
                                       struct sp_error *error) {
    static char id[] = "acme", admin[] = "ann";
    Sallyport__V1__CreateWorkspaceRequest request = SALLYPORT__V1__CREATE_WORKSPACE_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    request.id = request.name = id;
    request.seats = 3;
    request.admin_id = request.admin_name = admin;
    return sp_trial_scratch_call(scratch, NULL, "CreateWorkspace", &request.base, arena, &reply, error);
}

static uint64_t revision_of(struct sp_trial_scratch *scratch, enum sp_trial_state state) {
    struct sp_revision revision = {0};
    assert_int_equal(sp_view_revision(sp_trial_scratch_view(scratch, state), &revision), SP_OK);
    return revision.number;
}

static void change_and_compare(void) {
    struct sp_trial_scratch *scratch = NULL;
    struct sp_error error = {0};
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 65536, 64 << 20), SP_OK);
    if (sp_trial_scratch_open(store_path, NULL, &scratch, &error) != SP_OK ||
        create_workspace(scratch, &arena, &error) != SP_OK || sp_trial_scratch_finish(scratch, &error) != SP_OK)
        fail_msg("%s", error.message);
    uint64_t before = revision_of(scratch, SP_TRIAL_BEFORE);
    assert_int_equal(before, sp_trial_scratch_revision(scratch).number);
    assert_int_equal(revision_of(scratch, SP_TRIAL_AFTER), before + 2); /* its operator, and the workspace */
    assert_int_equal(folder_count(folder, "sallyport-trial-"), 0);
    sp_trial_scratch_close(scratch);
    sp_arena_fini(&arena);

    if (sp_trial_scratch_open(store_path, NULL, &scratch, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_trial_scratch_revision(scratch).number, before); /* nothing happened to the original */
    sp_trial_scratch_close(scratch);
}

static void has_the_states_before_and_after_a_change(void **state) {
    (void)state;
    make_store();
    setenv("TMPDIR", folder, 1);
    change_and_compare();
    folder_remove(folder);
}

static void changes_a_copy_of_a_store_that_follows_etcd(void **state) {
    (void)state;
    make_store();
    setenv("TMPDIR", folder, 1);
    follow_etcd();
    change_and_compare();
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_states_before_and_after_a_change),
        cmocka_unit_test(changes_a_copy_of_a_store_that_follows_etcd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
