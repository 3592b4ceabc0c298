/* Damage of a data file's first pages, which LMDB itself trusts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/store.h"
#include "store/records/snapshot.h"
#include "store/recovery/backup.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "support/process.h"
#include "support/store_world.h"

enum {
    COMMITS = 12,
    PAGE_BYTES = 4096,
    /* Offsets in a meta page. */
    AT_FLAGS = 10,
    AT_MAGIC = 16,
    AT_VERSION = 20,
    AT_PAGE_BYTES = 40,
    AT_TRANSACTION = 144,
};

struct file {
    char path[96];
    uint8_t *bytes;
    size_t size;
};

static void read_data_file(const struct world *world, struct file *file) {
    struct stat about;
    (void)snprintf(file->path, sizeof(file->path), "%s/data.mdb", world->path);
    FILE *in = fopen(file->path, "re");
    assert_non_null(in);
    assert_int_equal(fstat(fileno(in), &about), 0);
    file->size = (size_t)about.st_size;
    file->bytes = malloc(file->size);
    assert_non_null(file->bytes);
    assert_int_equal(fread(file->bytes, 1, file->size, in), file->size);
    assert_int_equal(fclose(in), 0);
}

static void write_data_file(const struct file *file) {
    FILE *out = fopen(file->path, "re+");
    assert_non_null(out);
    assert_int_equal(fwrite(file->bytes, 1, file->size, out), file->size);
    assert_int_equal(fclose(out), 0);
}

static enum sp_status open_read(const struct world *world, struct sp_revision *ret_revision, struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_store_open(world->path, &options, &store, error);
    if (status != SP_OK)
        return status;
    assert_int_equal(sp_snapshot_open(store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_store_close(store);
    return status;
}

/* `commits` changes, closed, and in memory. */
static struct sp_revision make_closed_world(struct world *world, int commits, struct file *file) {
    struct sp_revision revision = {0};
    world_init(world);
    for (int i = 1; i <= commits; i++) {
        world_begin(world);
        world_put_workspace(world, (uint64_t)i, false);
        revision = world_commit(world);
    }
    sp_store_close(world->store);
    world->store = NULL;
    read_data_file(world, file);
    return revision;
}

static void end_closed_world(struct world *world, struct file *file) {
    free(file->bytes);
    world_fini(world);
}

static void expect_refused_or_same(const struct world *world, struct sp_revision wanted, size_t place) {
    struct sp_revision got = {0};
    struct sp_error error = {0};
    enum sp_status status = open_read(world, &got, &error);
    if (status == SP_ERR_CORRUPT)
        return;
    if (status != SP_OK || got.number != wanted.number)
        fail_msg("bit %zu: status %d, revision %llu, not %llu", place, (int)status, (unsigned long long)got.number,
                 (unsigned long long)wanted.number);
}

/* Which of the two pages is the newer depends on the number of commits, and what a flip makes of
 * the id depends on its bits: four stores that follow each other see all of it. */
static void no_flipped_bit_of_a_transaction_id_brings_back_an_earlier_state(void **state) {
    (void)state;
    for (int commits = COMMITS; commits < COMMITS + 4; commits++) {
        struct world world;
        struct file file;
        struct sp_revision revision = make_closed_world(&world, commits, &file);
        for (size_t bit = 0; bit < 128; bit++) {
            uint8_t *byte = &file.bytes[bit / 64 * PAGE_BYTES + AT_TRANSACTION + bit % 64 / 8];
            uint8_t mask = (uint8_t)(1U << (bit % 8));
            *byte ^= mask;
            write_data_file(&file);
            expect_refused_or_same(&world, revision, bit);
            *byte ^= mask;
        }
        write_data_file(&file);
        expect_refused_or_same(&world, revision, 128);
        end_closed_world(&world, &file);
    }
}

static void a_damaged_first_page_is_refused_by_its_name(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t bits;
        const char *message;
    } flips[] = {
        {AT_FLAGS, 0x08, "not those of an LMDB file"},
        {AT_MAGIC, 0x01, "not those of an LMDB file"},
        {AT_VERSION, 0x02, "not those of an LMDB file"},
        {AT_PAGE_BYTES, 0x01, "page size"},
        {AT_PAGE_BYTES + 1, 0x10, "page size"},
        {AT_PAGE_BYTES + 2, 0x01, "page size"},
        {PAGE_BYTES + AT_MAGIC, 0x80, "not those of an LMDB file"},
        {PAGE_BYTES + AT_PAGE_BYTES + 1, 0x30, "disagree about the page size"},
    };
    struct world world;
    struct file file;
    make_closed_world(&world, COMMITS, &file);
    for (size_t i = 0; i < sizeof(flips) / sizeof(*flips); i++) {
        struct sp_error error = {0};
        struct sp_revision revision;
        file.bytes[flips[i].at] ^= flips[i].bits;
        write_data_file(&file);
        assert_int_equal(open_read(&world, &revision, &error), SP_ERR_CORRUPT);
        if (strstr(error.message, flips[i].message) == NULL)
            fail_msg("flip %zu: \"%s\" does not hold \"%s\"", i, error.message, flips[i].message);
        file.bytes[flips[i].at] ^= flips[i].bits;
    }
    end_closed_world(&world, &file);
}

/* Whatever the first bytes of a file in the store's place are. */
static void expect_named(const uint8_t *bytes, size_t size, const char *says) {
    struct world world;
    struct file file;
    struct sp_error error = {0};
    struct sp_revision revision;
    make_closed_world(&world, COMMITS, &file);
    memcpy(file.bytes, bytes, size);
    write_data_file(&file);
    assert_int_equal(open_read(&world, &revision, &error), SP_ERR_PRECONDITION);
    if (strstr(error.message, says) == NULL || strstr(error.message, "damaged") != NULL)
        fail_msg("%s", error.message);
    end_closed_world(&world, &file);
}

static void a_file_of_lmdb_1_is_named_as_such(void **state) {
    enum { NEW_AT_VERSION = 28 };
    const char *source = getenv("SP_SOURCE_DIR");
    char path[512];
    uint8_t bytes[2 * PAGE_BYTES];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/tests/store/lmdb1/data.mdb", source != NULL ? source : ".");
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), in), sizeof(bytes));
    assert_int_equal(fclose(in), 0);
    expect_named(bytes, sizeof(bytes),
                 "was written by LMDB 1.0 (data format 3), and Sallyport reads the format of LMDB 0.9");
    bytes[NEW_AT_VERSION] = bytes[PAGE_BYTES + NEW_AT_VERSION] =
        2; /* as lmdb-js and other development versions write */
    expect_named(bytes, sizeof(bytes), "was written by a version of LMDB newer than 0.9 (data format 2)");
}

static void a_library_of_lmdb_1_is_named_as_such(void **state) {
    static const struct {
        int major, minor, patch;
        const char *says;
    } rows[] = {
        {0, 9, 24, NULL},
        {0, 9, 36, NULL},
        {1, 0, 2, "the LMDB library is version 1.0.2, which has another file format: Sallyport needs LMDB 0.9"},
        {1, 1, 0, "version 1.1.0"},
        {0, 10, 0, "version 0.10.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_error error = {0};
        enum sp_status status = sp_lmdb_judge_library(rows[i].major, rows[i].minor, rows[i].patch, &error);
        assert_int_equal(status, rows[i].says == NULL ? SP_OK : SP_ERR_PRECONDITION);
        if (rows[i].says != NULL)
            assert_non_null(strstr(error.message, rows[i].says));
    }
    assert_int_equal(sp_lmdb_check_library(NULL), SP_OK); /* that of this build */
}

static void a_truncated_file_is_refused_before_a_page_is_read(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, PAGE_BYTES, PAGE_BYTES + 100, 2 * PAGE_BYTES, 3 * PAGE_BYTES};
    struct world world;
    struct file file;
    make_closed_world(&world, COMMITS, &file);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct sp_error error = {0};
        struct sp_revision revision;
        assert_int_equal(truncate(file.path, (off_t)sizes[i]), 0);
        assert_int_equal(open_read(&world, &revision, &error), SP_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "truncated"));
        write_data_file(&file);
    }
    end_closed_world(&world, &file);
}

/* Which state is kept is the operator's choice; after it the file is good again. */
static void what_is_left_can_be_kept_on_purpose(void **state) {
    (void)state;
    struct world world;
    struct file file;
    struct sp_error error = {0};
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .accept_altered = true};
    struct sp_revision before = make_closed_world(&world, COMMITS, &file), after;
    for (size_t page = 0; page < 2; page++)
        file.bytes[page * PAGE_BYTES + AT_TRANSACTION + 1] ^= 0x40;
    file.bytes[AT_TRANSACTION] ^= 0x20;
    write_data_file(&file);
    assert_int_equal(open_read(&world, &after, &error), SP_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "--accept-altered-state"));
    world_reopen(&world, &options);
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    world_reopen(&world, &(struct sp_store_options){.mode = SP_STORE_WRITE});
    assert_int_equal(sp_store_verify(world.store, NULL, NULL, NULL, &error), SP_OK);
    sp_store_close(world.store);
    world.store = NULL;
    assert_int_equal(open_read(&world, &after, &error), SP_OK);
    assert_in_range(after.number, before.number - 1, before.number);
    end_closed_world(&world, &file);
}

/* LMDB numbers the transactions of a compacted copy anew. */
static void a_backup_opens_as_a_store_and_goes_on(void **state) {
    (void)state;
    struct world world;
    struct file file;
    struct sp_error error = {0};
    struct sp_revision revision;
    const struct sp_store_options options = {.mode = SP_STORE_WRITE};
    world_init(&world);
    for (uint64_t i = 1; i <= COMMITS; i++) {
        world_begin(&world);
        world_put_workspace(&world, i, false);
        world_commit(&world);
    }
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/copy", world.path);
    FILE *copy = fopen(path, "we+");
    assert_non_null(copy);
    assert_int_equal(sp_store_backup(world.store, fileno(copy), &revision, &error), SP_OK);
    assert_int_equal(fclose(copy), 0);
    sp_store_close(world.store);
    world.store = NULL;
    read_data_file(&world, &file);
    assert_int_equal(rename(path, file.path), 0);
    world_reopen(&world, &options);
    assert_int_equal(sp_store_verify(world.store, NULL, NULL, NULL, &error), SP_OK);
    for (uint64_t i = COMMITS + 1; i <= COMMITS + 3; i++) {
        world_begin(&world);
        world_put_workspace(&world, i, false);
        world_commit(&world);
        world_reopen(&world, &options);
    }
    assert_int_equal(sp_store_verify(world.store, NULL, NULL, NULL, &error), SP_OK);
    end_closed_world(&world, &file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_bit_of_a_transaction_id_brings_back_an_earlier_state),
        cmocka_unit_test(a_damaged_first_page_is_refused_by_its_name),
        cmocka_unit_test(a_file_of_lmdb_1_is_named_as_such),
        cmocka_unit_test(a_library_of_lmdb_1_is_named_as_such),
        cmocka_unit_test(a_truncated_file_is_refused_before_a_page_is_read),
        cmocka_unit_test(what_is_left_can_be_kept_on_purpose),
        cmocka_unit_test(a_backup_opens_as_a_store_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
