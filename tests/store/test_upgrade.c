/* Stores of earlier formats, as earlier releases wrote them (format1/README.md), brought to this
 * release's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/check.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/store.h"
#include "store/records/entity.h"
#include "store/records/index.h"
#include "store/records/snapshot.h"
#include "store/recovery/upgrade.h"
#include "store/recovery/verify.h"
#include "support/process.h"

static const char narrator_key[] = "sp_3XVzAZQPcrZw9WRAVv1t6p3mByhcxHA6eFyvIRNSn1H0NivQl";

static void copy_fixture(char folder[static 64]) {
    char from[512], to[96], buffer[65536];
    const char *source = getenv("SP_SOURCE_DIR");
    folder_make(folder);
    snprintf(from, sizeof(from), "%s/tests/store/format1/data.mdb", source != NULL ? source : ".");
    snprintf(to, sizeof(to), "%s/data.mdb", folder);
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t size; (size = fread(buffer, 1, sizeof(buffer), in)) > 0;)
        assert_int_equal(fwrite(buffer, 1, size, out), size);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static uint32_t upgrade(const char *folder) {
    const struct sp_upgrade_options options = {.now_s = 1800000000};
    struct sp_error error = {0};
    uint32_t from = 0;
    if (sp_store_upgrade(folder, &options, NULL, NULL, &from, &error) != SP_OK)
        fail_msg("%s", error.message);
    return from;
}

static enum sp_reason ask(struct sp_store *store, const char *ip, const char *resource, const char *action) {
    struct sp_snapshot *snapshot;
    struct sp_answer answer;
    struct sp_ip address;
    assert_int_equal(sp_snapshot_open(store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_ip_parse(sp_str_from(ip), &address, NULL), SP_OK);
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)narrator_key, sizeof(narrator_key) - 1},
        .ip = &address,
        .resource_type = SP_STR_LITERAL("voice"),
        .resource_id = sp_str_from(resource),
        .action = sp_str_from(action),
        .now_s = 1800000000,
    };
    assert_int_equal(sp_check(sp_snapshot_view(snapshot), &query, &answer), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return answer.reason;
}

static void refuses_a_store_of_format_1_and_names_the_command(void **state) {
    (void)state;
    char folder[64];
    struct sp_store *store;
    struct sp_error error = {0};
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    copy_fixture(folder);
    assert_int_equal(sp_store_open(folder, &options, &store, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "has format 1"));
    assert_non_null(strstr(error.message, "sallyport-sync upgrade --store"));
    folder_remove(folder);
}

static void answers_as_before_after_the_upgrade(void **state) {
    (void)state;
    char folder[64];
    struct sp_store *store;
    struct sp_error error = {0};
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    copy_fixture(folder);
    assert_int_equal(upgrade(folder), 1);
    assert_int_equal(sp_store_open(folder, &options, &store, &error), SP_OK);
    assert_int_equal(sp_store_verify(store, NULL, NULL, NULL, &error), SP_OK); /* also that changes are indexed */
    assert_int_equal(ask(store, "203.0.113.7", "rachel", "use"), SP_REASON_ALLOWED);
    assert_int_equal(ask(store, "198.51.100.9", "rachel", "use"), SP_REASON_IP_NOT_ALLOWED);
    assert_int_equal(ask(store, "203.0.113.7", "rachel", "edit"), SP_REASON_PERMISSION_MISSING);
    assert_int_equal(ask(store, "203.0.113.7", "gone", "use"), SP_REASON_RESOURCE_UNKNOWN);
    sp_store_close(store);
    folder_remove(folder);
}

/* ---- what `all` no longer includes ---- */

#define ADMIN_KEY "acme/key_bvS1NhYpnrW0YsAq9HNP"

struct told {
    char lines[16][512];
    size_t count;
};

static void note_line(void *context, const char *line) {
    struct told *told = context;
    assert_true(told->count < sizeof(told->lines) / sizeof(*told->lines));
    snprintf(told->lines[told->count++], sizeof(told->lines[0]), "%s", line);
}

static bool was_told(const struct told *told, const char *begin, const char *fragment) {
    for (size_t i = 0; i < told->count; i++)
        if (strncmp(told->lines[i], begin, strlen(begin)) == 0 && strstr(told->lines[i], fragment) != NULL)
            return true;
    return false;
}

static enum sp_status upgrade_keeping(const char *folder, const char *key, struct told *told, struct sp_error *error) {
    const struct sp_str keep = sp_str_from(key);
    const struct sp_upgrade_options options = {
        .now_s = 1800000000, .keep_implicit = &keep, .keep_implicit_count = key[0] != '\0'};
    uint32_t from = 0;
    return sp_store_upgrade(folder, &options, note_line, told, &from, error);
}

static void names_the_keys_that_used_what_all_no_longer_includes(void **state) {
    (void)state;
    char folder[64];
    struct told told = {.count = 0};
    struct sp_error error = {0};
    copy_fixture(folder);
    assert_int_equal(upgrade_keeping(folder, "", &told, &error), SP_OK);
    assert_true(was_told(&told, "key " ADMIN_KEY " ", "deleted resources 3 times"));
    assert_true(was_told(&told, "key acme/narrator-all ", "--keep-implicit acme/narrator-all"));
    assert_true(was_told(&told, "key acme/rotor ", "cannot rotate itself until an admin sets one"));
    assert_true(was_told(&told, "key acme/rotor-2 ", "cannot rotate itself"));
    assert_int_equal(told.count, 4);
    folder_remove(folder);
}

static Sallyport__V1__ApiKey *load_key(struct sp_store *store, const char *id, struct sp_arena *arena,
                                       struct sp_key *ret_indexed) {
    struct sp_snapshot *snapshot;
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    assert_int_equal(sp_snapshot_open(store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_entity_key_1(SP_KIND_KEY, SP_STR_LITERAL("acme"), sp_str_from(id), &key), SP_OK);
    assert_int_equal(sp_entity_get(sp_snapshot_view(snapshot), &key, arena, &message), SP_OK);
    Sallyport__Store__V1__StoredKey *stored = (void *)message;
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), stored->digest.data, ret_indexed), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return stored->key;
}

static void keeps_it_by_name_where_it_is_asked_to(void **state) {
    (void)state;
    char folder[64];
    struct sp_store *store;
    struct sp_arena arena;
    struct sp_key indexed;
    struct told told = {.count = 0};
    struct sp_error error = {0};
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    copy_fixture(folder);
    assert_int_equal(upgrade_keeping(folder, "acme/nobody", &told, &error), SP_ERR_PRECONDITION);
    assert_int_equal(upgrade_keeping(folder, "acme/rotor", &told, &error), SP_ERR_PRECONDITION);
    told.count = 0;
    assert_int_equal(upgrade_keeping(folder, "acme", &told, &error), SP_ERR_INVALID);
    told.count = 0;
    /* Nothing was changed by what was refused. */
    assert_int_equal(sp_store_open(folder, &options, &store, &error), SP_ERR_PRECONDITION);
    error = (struct sp_error){0};
    assert_int_equal(upgrade_keeping(folder, ADMIN_KEY, &told, &error), SP_OK);
    assert_false(was_told(&told, "key " ADMIN_KEY " ", "has all"));
    assert_int_equal(sp_store_open(folder, &options, &store, &error), SP_OK);
    assert_int_equal(sp_store_verify(store, NULL, NULL, NULL, &error), SP_OK);
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    const Sallyport__V1__ApiKey *kept = load_key(store, strchr(ADMIN_KEY, '/') + 1, &arena, &indexed);
    assert_true(kept->permissions->all);
    assert_int_equal(kept->permissions->n_names, 2);
    assert_true(indexed.permissions.all);
    indexed.permissions.all = false;
    assert_false(sp_permission_set_is_empty(&indexed.permissions));
    const Sallyport__V1__ApiKey *other = load_key(store, "narrator-all", &arena, &indexed);
    assert_int_equal(other->permissions->n_names, 0);
    sp_arena_fini(&arena);
    sp_store_close(store);
    folder_remove(folder);
}

static void does_nothing_to_a_store_of_this_format(void **state) {
    (void)state;
    char folder[64];
    copy_fixture(folder);
    assert_int_equal(upgrade(folder), 1);
    assert_int_equal(upgrade(folder), SP_STORE_FORMAT);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_store_of_format_1_and_names_the_command),
        cmocka_unit_test(answers_as_before_after_the_upgrade),
        cmocka_unit_test(names_the_keys_that_used_what_all_no_longer_includes),
        cmocka_unit_test(keeps_it_by_name_where_it_is_asked_to),
        cmocka_unit_test(does_nothing_to_a_store_of_this_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
