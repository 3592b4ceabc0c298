/* Where a snapshot found records is never older than the last commit, and what lies there is
 * checked each time. One snapshot stays open over all changes, as a worker's does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/role.h"
#include "store/records/effective_role.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/places.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_raw.h"
#include "support/store_world.h"

static struct world world;
static struct sp_snapshot *snapshot;
static const struct world_grant voice_grant = {true, "v1", 'g', 12, SP_ROLE_EDITOR};

static int set_up(void **state) {
    const struct world_key key = {.number = 1, .principal = 11, .all = true};
    (void)state;
    world_init_with_map(&world, 64 << 20);
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_put_user(&world, 1, 11, false, false);
    world_put_group(&world, 1, 12);
    world_put_member(&world, 1, 12, 11);
    world_put_resource(&world, 1, true, "v1");
    world_put_grant(&world, 1, &voice_grant);
    world_put_key(&world, 1, &key);
    world_commit(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_snapshot_close(snapshot);
    world_fini(&world);
    return 0;
}

/* ---- what a decision looks up, at the newest commit ---- */

static enum sp_status find_digest(const uint8_t digest[static 32], struct sp_key *ret_key) {
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    enum sp_status status = sp_index_key(sp_snapshot_view(snapshot), digest, ret_key);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_status find_key(uint64_t number, struct sp_key *ret_key) {
    uint8_t digest[32];
    world_digest_of(number, digest);
    return find_digest(digest, ret_key);
}

static struct sp_principal_state principal_now(void) {
    struct sp_principal_state state;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_index_principal(sp_snapshot_view(snapshot), 11, &state), SP_OK);
    sp_snapshot_release(snapshot);
    return state;
}

static enum sp_status find_role(enum sp_role *ret_role) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_bytes key = world_resource_key(1, true, "v1", buffer);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    enum sp_status status = sp_index_effective_role(sp_snapshot_view(snapshot), key, 11, ret_role);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_role role_now(void) {
    enum sp_role role = SP_ROLE_NONE;
    assert_int_equal(find_role(&role), SP_OK);
    return role;
}

/* Twice: the second time from the places. */
static void look_up_everything(void) {
    for (int i = 0; i < 2; i++) {
        struct sp_key key;
        assert_int_equal(find_key(1, &key), SP_OK);
        assert_int_equal(key.principal_number, 11);
        assert_true(principal_now().found);
        assert_int_equal(role_now(), SP_ROLE_EDITOR);
    }
}

/* ---- commits ---- */

static void what_is_taken_away_is_gone_at_the_next_acquire(void **state) {
    struct sp_key key;
    (void)state;
    look_up_everything();
    world_begin(&world);
    world_put_user(&world, 1, 11, false, true);
    world_commit(&world);
    assert_true(principal_now().disabled);
    world_begin(&world);
    world_delete_member(&world, 1, 12, 11);
    world_commit(&world);
    assert_int_equal(role_now(), SP_ROLE_NONE);
    world_begin(&world);
    world_delete(&world, SP_KIND_KEY, 1, "k1");
    world_commit(&world);
    assert_int_equal(find_key(1, &key), SP_ERR_NOT_FOUND);
}

static void what_is_added_is_there_at_the_next_acquire(void **state) {
    static const struct world_grant direct = {true, "v1", 'p', 11, SP_ROLE_ADMIN};
    const struct world_key second = {.number = 2, .principal = 11, .all = true};
    struct sp_key key;
    (void)state;
    look_up_everything();
    assert_int_equal(find_key(2, &key), SP_ERR_NOT_FOUND);
    world_begin(&world);
    world_put_key(&world, 1, &second);
    world_put_grant(&world, 1, &direct);
    world_commit(&world);
    assert_int_equal(find_key(2, &key), SP_OK);
    assert_int_equal(role_now(), SP_ROLE_ADMIN);
}

/* A list that comes to have more edges than are read in place, and the other way round. */
static void a_list_that_grows_long_and_short_again_is_followed(void **state) {
    (void)state;
    look_up_everything();
    for (int round = 0; round < 2; round++) {
        world_begin(&world);
        for (uint64_t subject = 100; subject < 250; subject++) {
            const struct world_grant other = {true, "v1", 'g', subject, SP_ROLE_VIEWER};
            if (round == 0) {
                world_put_group(&world, 1, subject);
                world_put_grant(&world, 1, &other);
            } else {
                world_delete_grant(&world, 1, &other);
            }
        }
        world_commit(&world);
        look_up_everything();
    }
}

/* ---- places that several share ---- */

static void keys_with_one_place_do_not_answer_for_each_other(void **state) {
    uint8_t digests[3][32];
    struct sp_key key;
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        world_digest_of(50, digests[i]);
        uint64_t number = 77 + i * SP_KEY_PLACES;
        memcpy(digests[i], &number, sizeof(number));
    }
    world_begin(&world);
    for (uint64_t i = 0; i < 2; i++) {
        const struct world_key shared = {.number = 60 + i, .principal = 11, .all = true, .digest = digests[i]};
        world_put_key(&world, 1, &shared);
    }
    world_commit(&world);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(find_digest(digests[0], &key), SP_OK);
        assert_memory_equal(key.id.data, "k60", 3);
        assert_int_equal(find_digest(digests[1], &key), SP_OK);
        assert_memory_equal(key.id.data, "k61", 3);
        assert_int_equal(find_digest(digests[2], &key), SP_ERR_NOT_FOUND);
    }
}

/* ---- rests ---- */

static const struct sp_places *places_of_snapshot(void) {
    return sp_snapshot_view(snapshot)->memory->places;
}

static void look_up_unknown_keys(uint64_t count) {
    uint8_t digest[32];
    struct sp_key key;
    world_digest_of(90, digest);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(digest, &i, sizeof(i));
        assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digest, &key), SP_ERR_NOT_FOUND);
    }
    sp_snapshot_release(snapshot);
}

/* What was committed meanwhile is seen during a rest and after it. */
static void places_that_find_little_rest_for_a_while(void **state) {
    (void)state;
    look_up_everything();
    look_up_unknown_keys(SP_PLACES_TRIAL);
    assert_true(places_of_snapshot()->resting);
    look_up_everything();
    world_begin(&world);
    world_put_user(&world, 1, 11, false, true);
    world_commit(&world);
    assert_true(principal_now().disabled);
    look_up_unknown_keys(SP_PLACES_REST);
    assert_false(places_of_snapshot()->resting);
    assert_true(principal_now().disabled);
    look_up_everything();
    assert_true(places_of_snapshot()->found > 0);
}

static void places_that_find_much_do_not_rest(void **state) {
    (void)state;
    for (int i = 0; i < SP_PLACES_TRIAL / 4; i++)
        look_up_everything();
    assert_false(places_of_snapshot()->resting);
    look_up_unknown_keys(SP_PLACES_TRIAL / 2);
    for (int i = 0; i < SP_PLACES_TRIAL / 4; i++)
        assert_true(principal_now().found);
    assert_false(places_of_snapshot()->resting);
}

/* ---- damage ---- */

struct damage {
    unsigned flipped;
    unsigned wider; /* a key or a role that was not there before */
};

static void flip_and_look_up(void *context, enum sp_database database, uint64_t file_offset) {
    struct damage *damage = context;
    struct sp_key key;
    enum sp_role role = SP_ROLE_NONE;
    look_up_everything();
    raw_flip(&world, file_offset, 0x10);
    damage->flipped++;
    if (database == SP_DB_KEY && find_key(1, &key) == SP_OK && key.principal_number != 11)
        damage->wider++;
    if (find_role(&role) == SP_OK && role > SP_ROLE_EDITOR)
        damage->wider++;
    raw_flip(&world, file_offset, 0x10);
}

static void damage_below_a_kept_place_is_noticed(void **state) {
    static const enum sp_database databases[] = {SP_DB_KEY, SP_DB_PRINCIPAL, SP_DB_RESOURCE};
    struct damage damage = {0, 0};
    (void)state;
    for (size_t i = 0; i < sizeof(databases) / sizeof(*databases); i++)
        raw_each_byte(&world, databases[i], flip_and_look_up, &damage);
    assert_true(damage.flipped > 200);
    assert_int_equal(damage.wider, 0);
    look_up_everything();
}

static void flip_sealed_byte(void *context, enum sp_database database, uint64_t file_offset) {
    unsigned *refused = context;
    struct sp_key key;
    (void)database;
    look_up_everything();
    raw_flip(&world, file_offset, 1);
    *refused += find_key(1, &key) != SP_OK;
    raw_flip(&world, file_offset, 1);
}

static void no_byte_of_a_kept_key_can_be_altered_unnoticed(void **state) {
    unsigned refused = 0;
    (void)state;
    raw_each_byte(&world, SP_DB_KEY, flip_sealed_byte, &refused);
    assert_true(refused >= SP_KEY_RECORD_HEAD_BYTES + SP_SEAL_BYTES);
}

/* ---- a map that grew ---- */

/* Another process enlarges the map with a commit that the snapshot still reads through the old one:
 * when that is taken over, the snapshot finds everything at the same transaction in another
 * place. */
static void grow_in_another_process(uint64_t map_size_bytes) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char size[32];
        char folder[sizeof(world.path)];
        memcpy(folder, world.path, sizeof(folder));
        (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)map_size_bytes);
        execl("/proc/self/exe", "test_places", folder, size, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int grow_and_exit(const char *folder, const char *size) {
    struct sp_error error = {0};
    struct sp_store *store;
    struct sp_write *write;
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .map_size_bytes = strtoull(size, NULL, 10)};
    if (sp_store_open(folder, &options, &store, &error) != SP_OK || sp_write_begin(store, &write, &error) != SP_OK ||
        sp_write_synced_at(write, 1) != SP_OK || sp_write_commit(write, &error) != SP_OK)
        return 1;
    sp_store_close(store);
    return 0;
}

static void a_map_that_moved_is_not_read_where_it_was(void **state) {
    (void)state;
    for (uint64_t size = 128 << 20; size <= 512 << 20; size *= 2) {
        bool grew = false;
        look_up_everything();
        grow_in_another_process(size);
        look_up_everything(); /* at the new transaction, where the old map has it */
        assert_int_equal(sp_store_adopt_growth(world.store, &grew), SP_OK);
        assert_true(grew);
        look_up_everything();
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CASE(what_is_taken_away_is_gone_at_the_next_acquire),
        CASE(what_is_added_is_there_at_the_next_acquire),
        CASE(a_list_that_grows_long_and_short_again_is_followed),
        CASE(keys_with_one_place_do_not_answer_for_each_other),
        CASE(places_that_find_little_rest_for_a_while),
        CASE(places_that_find_much_do_not_rest),
        CASE(damage_below_a_kept_place_is_noticed),
        CASE(no_byte_of_a_kept_key_can_be_altered_unnoticed),
        CASE(a_map_that_moved_is_not_read_where_it_was),
    };
    if (argc == 3)
        return grow_and_exit(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
