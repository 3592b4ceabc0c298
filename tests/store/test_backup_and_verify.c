/* Backup while the store is written to, and what verify and reindex say of a damaged store. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/databases.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/lmdb/view.h"
#include "store/records/edit.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/backup.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "support/store_world.h"

static struct world world;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_fini(&world);
    return 0;
}

static struct sp_revision put_users(uint64_t from, uint64_t count) {
    world_begin(&world);
    for (uint64_t i = from; i < from + count; i++)
        world_put_user(&world, 1, i, false, false);
    return world_commit(&world);
}

/* ---- backup ---- */

/* A folder with a backup's data.mdb in it, inside the world's. */
struct copy {
    struct world world;
    int fd;
};

static void open_copy(struct copy *copy) {
    char name[96];
    *copy = (struct copy){.fd = -1};
    snprintf(copy->world.path, sizeof(copy->world.path), "%.48s/copy", world.path);
    assert_int_equal(mkdir(copy->world.path, 0700), 0);
    snprintf(name, sizeof(name), "%s/data.mdb", copy->world.path);
    copy->fd = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    assert_true(copy->fd >= 0);
}

static void remove_copy(struct copy *copy) {
    char name[96];
    sp_store_close(copy->world.store);
    snprintf(name, sizeof(name), "%s/data.mdb", copy->world.path);
    unlink(name);
    snprintf(name, sizeof(name), "%s/lock.mdb", copy->world.path);
    unlink(name);
    rmdir(copy->world.path);
}

static void assert_copy_is(struct copy *copy, struct sp_revision expected) {
    struct sp_error error;
    struct sp_revision revision;
    struct sp_snapshot *snapshot;
    close(copy->fd);
    world_reopen(&copy->world, &(struct sp_store_options){.mode = SP_STORE_READ});
    assert_int_equal(sp_store_verify(copy->world.store, NULL, NULL, NULL, &error), SP_OK);
    assert_int_equal(sp_snapshot_open(copy->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_int_equal(revision.epoch, expected.epoch);
    assert_int_equal(revision.number, expected.number);
    remove_copy(copy);
}

static void a_backup_is_a_whole_store_at_the_revision_that_is_said(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_revision revision;
    struct copy copy;
    put_users(1, 3000);
    open_copy(&copy);
    assert_int_equal(sp_store_backup(world.store, copy.fd, &revision, &error), SP_OK);
    assert_int_equal(revision.number, 2);
    put_users(5000, 10);
    assert_copy_is(&copy, revision);
}

static atomic_bool enough;

static void *write_on(void *context) {
    (void)context;
    for (uint64_t i = 0; !atomic_load(&enough); i++)
        put_users(10000 + i, 1);
    return NULL;
}

static void a_backup_beside_a_busy_writer_knows_its_revision(void **state) {
    (void)state;
    put_users(1, 5000);
    atomic_store(&enough, false);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
    for (int i = 0; i < 5; i++) {
        struct sp_error error = {.status = SP_OK};
        struct sp_revision revision;
        struct copy copy;
        open_copy(&copy);
        enum sp_status status = sp_store_backup(world.store, copy.fd, &revision, &error);
        if (status == SP_OK) {
            assert_copy_is(&copy, revision);
            continue;
        }
        /* A writer without any pause may win every race: that is said, and nothing was written. */
        assert_int_equal(status, SP_ERR_UNAVAILABLE);
        assert_int_equal(lseek(copy.fd, 0, SEEK_END), 0);
        close(copy.fd);
        remove_copy(&copy);
    }
    atomic_store(&enough, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
}

static void a_backup_that_cannot_be_written_says_so(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_revision revision;
    int ends[2];
    put_users(1, 3000);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    assert_int_equal(sp_store_backup(world.store, ends[1], &revision, &error), SP_ERR_IO);
    close(ends[1]);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(sp_store_backup(world.store, full, &revision, &error), SP_ERR_EXHAUSTED);
    close(full);
    put_users(5000, 1);
}

/* ---- verify and reindex ---- */

struct findings {
    size_t count;
    char first[512];
};

static void note_finding(void *context, const char *finding) {
    struct findings *findings = context;
    if (findings->count++ == 0)
        snprintf(findings->first, sizeof(findings->first), "%s", finding);
}

static struct findings verify(enum sp_status expected) {
    struct sp_error error = {.status = SP_OK};
    struct findings findings = {0};
    assert_int_equal(sp_store_verify(world.store, note_finding, NULL, &findings, &error), expected);
    return findings;
}

static void damage(enum sp_database database, struct sp_bytes key, const struct sp_bytes *value) {
    struct sp_error error;
    struct sp_write *write;
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    if (value == NULL)
        assert_int_equal(sp_write_remove(write, database, key, NULL), SP_OK);
    else
        assert_int_equal(sp_write_put(write, database, key, *value, 0), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

static void mend(void) {
    struct sp_error error;
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    assert_int_equal(verify(SP_OK).count, 0);
}

static void fill_some(void) {
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_put_user(&world, 1, 7, true, false);
    world_put_key(&world, 1, &(struct world_key){.number = 7, .principal = 7, .all = true});
    world_put_resource(&world, 1, true, "v");
    world_commit(&world);
}

static void verify_names_what_is_missing_and_reindex_mends_it(void **state) {
    (void)state;
    uint64_t workspace = 1;
    fill_some();
    damage(SP_DB_WORKSPACE, sp_number_key(&workspace), NULL);
    struct findings findings = verify(SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 2);
    assert_string_equal(findings.first, "workspace w1: its record in the workspace index is missing or different");
    mend();
}

static void verify_finds_what_is_there_for_no_reason(void **state) {
    (void)state;
    uint64_t workspace = 99;
    uint8_t record[16] = {0};
    struct sp_bytes value = {record, sizeof(record)};
    fill_some();
    sp_store_be64(record + 8, sp_seal(SP_SEAL_WORKSPACE, sp_number_key(&workspace), (struct sp_bytes){record, 8}));
    damage(SP_DB_WORKSPACE, sp_number_key(&workspace), &value);
    struct findings findings = verify(SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.first, "the workspace index has 2 records, but the entities require 1");
    mend();
}

static void verify_names_wrong_and_damaged_counts(void **state) {
    (void)state;
    uint8_t key[9] = {[7] = 1, [8] = SP_COUNT_KEYS};
    uint8_t five[8] = {[7] = 5};
    const struct sp_bytes wrong = {five, sizeof(five)}, damaged = {five, 3};
    fill_some();
    damage(SP_DB_COUNT, (struct sp_bytes){key, sizeof(key)}, &wrong);
    struct findings findings = verify(SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.first, "the count of keys in workspace number 1 is 5; there are 1");
    damage(SP_DB_COUNT, (struct sp_bytes){key, sizeof(key)}, &damaged);
    findings = verify(SP_ERR_CORRUPT);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.first, "the count of keys in workspace number 1 is damaged; there are 1");
    mend();
}

static void verify_names_a_damaged_entity_and_reindex_refuses_it(void **state) {
    (void)state;
    static const uint8_t key[] = {SP_KIND_PRINCIPAL, 'w', '1', 0, 'p', '7'};
    static const uint8_t garbage[] = {0xff, 0xff, 0xff};
    struct sp_bytes value = {garbage, sizeof(garbage)};
    struct sp_error error;
    fill_some();
    damage(SP_DB_ENTITY, (struct sp_bytes){key, sizeof(key)}, &value);
    struct findings findings = verify(SP_ERR_CORRUPT);
    assert_non_null(strstr(findings.first, "principal w1/p7: its stored entity is damaged"));
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "principal w1/p7"));
}

static uint64_t progress_calls;

static void count_progress(void *context, const char *phase, uint64_t done, uint64_t total) {
    (void)context;
    assert_non_null(phase);
    assert_true(done <= total);
    progress_calls++;
}

static void long_work_tells_its_progress(void **state) {
    (void)state;
    struct sp_error error;
    progress_calls = 0;
    put_users(1, 9000);
    assert_int_equal(sp_store_verify(world.store, NULL, count_progress, NULL, &error), SP_OK);
    assert_true(progress_calls >= 4);
    progress_calls = 0;
    assert_int_equal(sp_store_reindex(world.store, count_progress, NULL, &error), SP_OK);
    assert_true(progress_calls >= 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_backup_is_a_whole_store_at_the_revision_that_is_said),
        CASE(a_backup_beside_a_busy_writer_knows_its_revision),
        CASE(a_backup_that_cannot_be_written_says_so),
        CASE(verify_names_what_is_missing_and_reindex_mends_it),
        CASE(verify_finds_what_is_there_for_no_reason),
        CASE(verify_names_wrong_and_damaged_counts),
        CASE(verify_names_a_damaged_entity_and_reindex_refuses_it),
        CASE(long_work_tells_its_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
