/* How far keys reach, compared with a naive model: every permission, address and second asked one
 * by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "admin/reach.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "support/store_world.h"

enum { PERMISSIONS = 6, ADDRESSES = 16, SECONDS = 5, ROUNDS = 20000 };
enum { FIRST_BLOCK_BYTES = 64 * 1024, ARENA_BYTES = 1024 * 1024 };

/* The reaches here are compared without claiming permissions. */
static const struct sp_permission_set no_claims;

/* A key that is made at random, small enough to be asked everything. */
struct small_key {
    bool all;
    bool permissions[PERMISSIONS];
    bool any_address;
    bool addresses[ADDRESSES]; /* 203.0.113.0 to .15 */
    int64_t expires_at_s;
};

static bool chance(uint64_t *seed, unsigned in) {
    return world_random(seed) % in == 0;
}

static struct small_key random_key(uint64_t *seed) {
    struct small_key key = {.all = chance(seed, 4), .any_address = chance(seed, 3)};
    for (size_t i = 0; i < PERMISSIONS; i++)
        key.permissions[i] = !chance(seed, 3);
    for (size_t i = 0; i < ADDRESSES; i++)
        key.addresses[i] = !chance(seed, 6);
    key.addresses[world_random(seed) % ADDRESSES] = true;
    key.expires_at_s = (int64_t)(world_random(seed) % SECONDS);
    return key;
}

/* One that differs from `key` in little, so that covering is as frequent as not. */
static struct small_key random_neighbour(uint64_t *seed, const struct small_key *key) {
    struct small_key near = *key;
    near.all ^= chance(seed, 5);
    near.any_address ^= chance(seed, 5);
    near.permissions[world_random(seed) % PERMISSIONS] ^= chance(seed, 2);
    size_t at = world_random(seed) % ADDRESSES;
    near.addresses[at] |= chance(seed, 2);
    if (chance(seed, 3))
        near.expires_at_s = (int64_t)(world_random(seed) % SECONDS);
    return near;
}

static bool lives(const struct small_key *key, int64_t second) {
    return key->expires_at_s == 0 || second < key->expires_at_s;
}

/* The last of each is what a limited key never has: a permission to come, an address far away, a
 * second without end. */
static bool naive_covers(const struct small_key *outer, const struct small_key *inner) {
    for (size_t i = 0; i < PERMISSIONS; i++)
        if ((inner->all || inner->permissions[i]) && !(outer->all || outer->permissions[i]))
            return false;
    for (size_t i = 0; i < ADDRESSES; i++)
        if ((inner->any_address || inner->addresses[i]) && !(outer->any_address || outer->addresses[i]))
            return false;
    for (int64_t second = 0; second <= SECONDS; second++)
        if (lives(inner, second) && !lives(outer, second))
            return false;
    return (!inner->all || outer->all) && (!inner->any_address || outer->any_address);
}

static struct sp_admin_reach reach_of(const struct small_key *key, struct sp_arena *arena) {
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    Sallyport__V1__ApiKey public_part = SALLYPORT__V1__API_KEY__INIT;
    Sallyport__Store__V1__StoredKey stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    struct sp_permission_set set = {0};
    char texts[ADDRESSES][32];
    char *list[ADDRESSES];
    for (size_t i = 0; i < PERMISSIONS; i++)
        if (key->permissions[i])
            sp_permission_set_add(&set, (uint8_t)(i * 50));
    for (size_t i = 0; !key->any_address && i < ADDRESSES; i++) {
        if (!key->addresses[i])
            continue;
        (void)snprintf(texts[i], sizeof(texts[i]), "203.0.113.%zu/32", i);
        list[public_part.n_allowed_ips++] = texts[i];
    }
    permissions.all = key->all;
    public_part.permissions = &permissions;
    public_part.allowed_ips = list;
    public_part.expires_at = key->expires_at_s;
    stored.key = &public_part;
    stored.permission_bits = (ProtobufCBinaryData){sizeof(set.bits), set.bits};
    struct sp_admin_reach reach;
    struct sp_error error;
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, arena, &reach, &error), SP_OK);
    return reach;
}

static void covering_agrees_with_the_naive_model(void **state) {
    (void)state;
    uint64_t seed = world_seed("admin/test_reach");
    struct sp_arena arena;
    size_t covered = 0;
    assert_int_equal(sp_arena_init(&arena, FIRST_BLOCK_BYTES, ARENA_BYTES), SP_OK);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct small_key outer = random_key(&seed);
        struct small_key inner = random_neighbour(&seed, &outer);
        struct sp_admin_reach outer_reach = reach_of(&outer, &arena);
        struct sp_admin_reach inner_reach = reach_of(&inner, &arena);
        bool covers = sp_admin_reach_beyond(&outer_reach, &inner_reach) == NULL;
        if (covers != naive_covers(&outer, &inner))
            fail_msg("round %zu: said to be %s", i, covers ? "covered" : "beyond");
        assert_null(sp_admin_reach_beyond(&outer_reach, &outer_reach));
        covered += covers;
        sp_arena_reset(&arena);
    }
    sp_arena_fini(&arena);
    assert_in_range(covered, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

static void a_damaged_key_reaches_nothing_that_could_be_compared(void **state) {
    (void)state;
    struct sp_arena arena;
    struct sp_admin_reach reach;
    struct sp_error error;
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    Sallyport__V1__ApiKey key = SALLYPORT__V1__API_KEY__INIT;
    Sallyport__Store__V1__StoredKey stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    char text[] = "203.0.113";
    char *list[] = {text};
    uint8_t bits[SP_PERMISSION_SET_BYTES] = {0};
    assert_int_equal(sp_arena_init(&arena, FIRST_BLOCK_BYTES, ARENA_BYTES), SP_OK);
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, &arena, &reach, &error), SP_ERR_CORRUPT);
    stored.key = &key;
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, &arena, &reach, &error), SP_ERR_CORRUPT);
    key.permissions = &permissions;
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, &arena, &reach, &error), SP_ERR_CORRUPT);
    stored.permission_bits = (ProtobufCBinaryData){sizeof(bits), bits};
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, &arena, &reach, &error), SP_OK);
    key.allowed_ips = list;
    key.n_allowed_ips = 1;
    assert_int_equal(sp_admin_reach_of(&stored, &no_claims, &arena, &reach, &error), SP_ERR_CORRUPT);
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covering_agrees_with_the_naive_model),
        cmocka_unit_test(a_damaged_key_reaches_nothing_that_could_be_compared),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
