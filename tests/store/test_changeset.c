/* Changesets: what applying one leaves in entities, indexes and the audit trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/view.h"
#include "store/records/change.h"
#include "store/records/changeset.h"
#include "store/records/edit.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/request.h"
#include "store/records/schema_numbers.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "support/store_world.h"

static struct world world;
static struct sp_arena arena;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    return sp_arena_init(&arena, 1 << 16, 1 << 28) != SP_OK;
}

static int tear_down(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    world_fini(&world);
    return 0;
}

static void print_finding(void *context, const char *finding) {
    (void)context;
    printf("finding: %s\n", finding);
}

static void assert_verifies(void) {
    struct sp_error error;
    assert_int_equal(sp_store_verify(world.store, print_finding, NULL, NULL, &error), SP_OK);
}

static struct sp_snapshot *acquired(void) {
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    return snapshot;
}

static void let_go(struct sp_snapshot *snapshot) {
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

static struct sp_entity_key key_of(enum sp_kind kind, const char *workspace, const char *id) {
    struct sp_entity_key key;
    assert_int_equal(sp_entity_key_1(kind, sp_str_from(workspace), sp_str_from(id), &key), SP_OK);
    return key;
}

/* ---- keys of entities ---- */

/* ---- putting, replacing, deleting ---- */

static void put_everything(void) {
    world_put_workspace(&world, 1, false);
    world_put_user(&world, 1, 1, true, false);
    world_put_service_account(&world, 1, 2, false);
    world_put_group(&world, 1, 3);
    world_put_member(&world, 1, 3, 2);
    world_put_resource(&world, 1, true, "v");
    world_put_resource(&world, 1, false, "n");
    world_put_grant(&world, 1, &(struct world_grant){true, "v", 'g', 3, SP_ROLE_EDITOR});
    world_put_grant(&world, 1, &(struct world_grant){false, "n", 'p', 2, SP_ROLE_VIEWER});
    world_put_key(&world, 1, &(struct world_key){.number = 1, .principal = 2, .all = true});
    world_put_operator(&world, "ada", (const uint8_t[32]){1});
}

static void replace_everything(void) {
    world_put_workspace(&world, 1, true);
    world_put_user(&world, 1, 1, false, true);
    world_put_service_account(&world, 1, 2, true);
    world_put_group(&world, 1, 3);
    world_put_member(&world, 1, 3, 2);
    world_put_resource(&world, 1, true, "v");
    world_put_resource(&world, 1, false, "n");
    world_put_grant(&world, 1, &(struct world_grant){true, "v", 'g', 3, SP_ROLE_VIEWER});
    world_put_grant(&world, 1, &(struct world_grant){false, "n", 'p', 2, SP_ROLE_ADMIN});
    world_put_key(&world, 1, &(struct world_key){.number = 1, .principal = 2, .permissions = {6}, .disabled = true});
    world_put_operator(&world, "ada", (const uint8_t[32]){2});
}

static void delete_everything(void) {
    world_delete(&world, SP_KIND_KEY, 1, "k1");
    world_delete_grant(&world, 1, &(struct world_grant){true, "v", 'g', 3, 0});
    world_delete_grant(&world, 1, &(struct world_grant){false, "n", 'p', 2, 0});
    world_delete_member(&world, 1, 3, 2);
    world_delete_resource(&world, 1, true, "v");
    world_delete_resource(&world, 1, false, "n");
    world_delete(&world, SP_KIND_GROUP, 1, "g3");
    world_delete(&world, SP_KIND_PRINCIPAL, 1, "p1");
    world_delete(&world, SP_KIND_PRINCIPAL, 1, "p2");
    world_delete(&world, SP_KIND_WORKSPACE, 1, NULL);
    world_delete(&world, SP_KIND_OPERATOR, 1, "ada");
}

static void apply(void (*fill)(void)) {
    world_begin(&world);
    fill();
    world_commit(&world);
    assert_verifies();
}

static uint64_t index_records(void) {
    struct sp_snapshot *snapshot = acquired();
    uint64_t total = 0;
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++) {
        uint64_t entries;
        assert_int_equal(sp_view_entries(sp_snapshot_view(snapshot), (enum sp_database)database, &entries), SP_OK);
        total += entries;
    }
    let_go(snapshot);
    return total;
}

static void indexes_follow_puts_replacements_and_deletes_of_every_kind(void **state) {
    (void)state;
    uint64_t of_schema_only = index_records();
    apply(put_everything);
    struct sp_snapshot *snapshot = acquired();
    struct sp_workspace_state workspace;
    uint64_t count;
    assert_int_equal(sp_index_workspace(sp_snapshot_view(snapshot), 1, &workspace), SP_OK);
    assert_false(workspace.disabled);
    assert_int_equal(sp_index_count(sp_snapshot_view(snapshot), 1, SP_COUNT_ENABLED_ADMINS, &count), SP_OK);
    assert_int_equal(count, 1);
    let_go(snapshot);
    apply(replace_everything);
    snapshot = acquired();
    assert_int_equal(sp_index_workspace(sp_snapshot_view(snapshot), 1, &workspace), SP_OK);
    assert_true(workspace.disabled);
    assert_int_equal(sp_index_count(sp_snapshot_view(snapshot), 1, SP_COUNT_ENABLED_ADMINS, &count), SP_OK);
    assert_int_equal(count, 0);
    assert_int_equal(sp_index_count(sp_snapshot_view(snapshot), 1, SP_COUNT_SERVICE_ACCOUNTS, &count), SP_OK);
    assert_int_equal(count, 1);
    let_go(snapshot);
    apply(delete_everything);
    assert_int_equal(index_records(), of_schema_only);
}

static void deleting_leaves_tombstones_for_ids_that_are_never_reused(void **state) {
    (void)state;
    static const char *const expected[] = {"\12w1\0\3",    "\12w1\0\4p1",     "\12w1\0\5g3",
                                           "\12w1\0\11k1", "\12\0\7voice\0v", "\12w1\0\7note\0n"};
    static const uint16_t sizes[] = {5, 7, 7, 7, 10, 11};
    apply(put_everything);
    apply(delete_everything);
    struct sp_snapshot *snapshot = acquired();
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        struct sp_entity_key key = {.size = sizes[i]};
        bool exists;
        memcpy(key.bytes, expected[i], sizes[i]);
        assert_int_equal(sp_entity_exists(sp_snapshot_view(snapshot), &key, &exists), SP_OK);
        assert_true(exists);
    }
    let_go(snapshot);
    struct sp_entity_key of = key_of(SP_KIND_GROUP, "w1", "g3");
    struct sp_entity_key key;
    assert_int_equal(sp_entity_key_tombstone(sp_entity_key_bytes(&of), false, &key), SP_OK);
    assert_int_equal(key.size, 7);
    assert_memory_equal(key.bytes, expected[2], 7);
}

static void reads_back_what_was_put(void **state) {
    (void)state;
    apply(put_everything);
    struct sp_snapshot *snapshot = acquired();
    struct sp_entity_key key = key_of(SP_KIND_PRINCIPAL, "w1", "p2");
    ProtobufCMessage *message;
    assert_int_equal(sp_entity_get(sp_snapshot_view(snapshot), &key, &arena, &message), SP_OK);
    const Sallyport__Store__V1__StoredPrincipal *stored = (const Sallyport__Store__V1__StoredPrincipal *)message;
    assert_string_equal(stored->principal->id, "p2");
    assert_int_equal(stored->number, 2);
    struct sp_entity_key subject;
    assert_int_equal(sp_index_subject(sp_snapshot_view(snapshot), 2, &subject), SP_OK);
    assert_int_equal(subject.size, key.size);
    assert_memory_equal(subject.bytes, key.bytes, key.size);
    assert_int_equal(sp_index_subject(sp_snapshot_view(snapshot), 77, &subject), SP_ERR_NOT_FOUND);
    key = key_of(SP_KIND_PRINCIPAL, "w1", "p9");
    assert_int_equal(sp_entity_get(sp_snapshot_view(snapshot), &key, &arena, &message), SP_ERR_NOT_FOUND);
    let_go(snapshot);
}

static void a_refused_changeset_cannot_be_committed(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_revision revision;
    world_begin(&world);
    world_put_user(&world, 1, 1, false, false);
    world_delete(&world, SP_KIND_GROUP, 1, "g9");
    assert_int_equal(sp_changeset_apply(world.write, world.set, &revision, &error), SP_ERR_NOT_FOUND);
    assert_int_equal(sp_write_commit(world.write, &error), SP_ERR_INTERNAL);
    struct sp_snapshot *snapshot = acquired();
    struct sp_principal_state principal;
    assert_int_equal(sp_index_principal(sp_snapshot_view(snapshot), 1, &principal), SP_OK);
    assert_false(principal.found);
    let_go(snapshot);
    assert_verifies();
}

static void an_empty_changeset_gets_no_revision(void **state) {
    (void)state;
    world_begin(&world);
    assert_true(sp_changeset_is_empty(world.set));
    assert_int_equal(world_commit(&world).number, 1);
}

static void refuses_entities_that_are_not_whole(void **state) {
    (void)state;
    struct sp_entity_key key = key_of(SP_KIND_KEY, "w1", "k1");
    Sallyport__Store__V1__StoredKey stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    Sallyport__Store__V1__StoredGroup group = SALLYPORT__STORE__V1__STORED_GROUP__INIT;
    world_begin(&world);
    assert_int_equal(sp_changeset_put(world.set, &key, &stored.base), SP_ERR_INVALID);
    assert_int_equal(sp_changeset_put(world.set, &key, &group.base), SP_ERR_INVALID);
    key.bytes[0] = 99;
    assert_int_equal(sp_changeset_put(world.set, &key, &stored.base), SP_ERR_INVALID);
    assert_true(sp_changeset_is_empty(world.set));
    sp_write_abort(world.write);
}

/* ---- the schema ---- */

static void put_schema(const char *yaml) {
    struct sp_error error = {.status = SP_OK};
    struct sp_entity_key key;
    ProtobufCMessage *old;
    Sallyport__Store__V1__StoredSchema *schema;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){NULL, 0}, NULL, 0, &key), SP_OK);
    world_begin(&world);
    assert_int_equal(sp_entity_get(sp_write_view(world.write), &key, &arena, &old), SP_OK);
    assert_int_equal(
        sp_schema_number(sp_str_from(yaml), (const Sallyport__Store__V1__StoredSchema *)old, &arena, &schema, &error),
        SP_OK);
    assert_int_equal(sp_changeset_put(world.set, &key, &schema->base), SP_OK);
    world_commit(&world);
    assert_verifies();
}

static struct sp_action action_of(const char *type, const char *name) {
    struct sp_action action;
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(sp_index_action(sp_snapshot_view(snapshot), sp_str_from(type), sp_str_from(name), &action), SP_OK);
    let_go(snapshot);
    return action;
}

static void a_new_schema_rewrites_the_actions_and_keeps_numbers(void **state) {
    (void)state;
    struct sp_action before = action_of("voice", "use");
    put_schema("version: 1\n"
               "permissions: {aaa: First in the alphabet, text_to_speech: Speech}\n"
               "types:\n"
               "  album: {actions: {play: {permission: aaa}}}\n"
               "  voice: {actions: {use: {permission: text_to_speech, role: editor}}}\n");
    struct sp_action after = action_of("voice", "use");
    assert_true(after.found);
    assert_int_equal(after.permission, before.permission);
    assert_int_equal(after.type_number, before.type_number);
    assert_int_equal(after.role, SP_ROLE_EDITOR);
    assert_false(action_of("voice", "edit").found);
    assert_false(action_of("note", "read").found);
    struct sp_action play = action_of("album", "play");
    assert_true(play.found && play.permission != before.permission);
    assert_true(play.type_number > 2);
    put_schema(world_schema);
    /* A name that comes back is a new one: what was granted on the old one is not granted again. */
    assert_true(action_of("note", "read").type_number > play.type_number);
    assert_int_equal(action_of("voice", "use").permission, before.permission);
    assert_int_equal(action_of("voice", "use").type_number, before.type_number);
}

/* ---- the audit trail ---- */

struct trail {
    uint64_t first;
    uint64_t last;
    size_t count;
    size_t entities;
};

static enum sp_status note_change(void *context, const Sallyport__V1__Change *change) {
    struct trail *trail = context;
    if (trail->count++ == 0)
        trail->first = change->revision->number;
    trail->last = change->revision->number;
    trail->entities += change->n_entities;
    return SP_OK;
}

static struct trail trail_from(uint64_t from) {
    struct trail trail = {0};
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), from, &arena, note_change, &trail), SP_OK);
    let_go(snapshot);
    return trail;
}

static enum sp_status check_told(void *context, const Sallyport__V1__Change *change) {
    bool *checked = context;
    assert_string_equal(change->method, "Test");
    assert_int_equal(change->hash.len, 32);
    assert_int_equal(change->n_entities, 2);
    const Sallyport__V1__EntityChange *grant = change->entities[0];
    assert_int_equal(grant->kind, SALLYPORT__V1__ENTITY_KIND__ENTITY_GRANT);
    assert_string_equal(grant->workspace, "w1");
    assert_string_equal(grant->id, "voice/v/g3");
    assert_false(grant->deleted);
    assert_int_equal(grant->after_case, SALLYPORT__V1__ENTITY_CHANGE__AFTER_GRANT_AFTER);
    assert_int_equal(grant->grant_after->role, SALLYPORT__V1__ROLE__ROLE_EDITOR);
    const Sallyport__V1__EntityChange *key = change->entities[1];
    assert_int_equal(key->kind, SALLYPORT__V1__ENTITY_KIND__ENTITY_API_KEY);
    assert_string_equal(key->id, "k7");
    assert_string_equal(key->api_key_after->principal, "p2");
    *checked = true;
    return SP_OK;
}

static enum sp_status check_deletes(void *context, const Sallyport__V1__Change *change) {
    bool *checked = context;
    assert_int_equal(change->n_entities, 3);
    assert_true(change->entities[0]->deleted);
    assert_string_equal(change->entities[0]->grant_before->subject->group, "g3");
    assert_string_equal(change->entities[1]->membership_before->principal, "p2");
    assert_string_equal(change->entities[1]->id, "g3/p2");
    assert_int_equal(change->entities[2]->after_case, SALLYPORT__V1__ENTITY_CHANGE__AFTER__NOT_SET);
    *checked = true;
    return SP_OK;
}

static void walk_one(uint64_t from, sp_change_visit *check) {
    bool checked = false;
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), from, &arena, check, &checked), SP_OK);
    let_go(snapshot);
    assert_true(checked);
}

static void a_change_tells_what_changed_and_no_secret(void **state) {
    (void)state;
    world_begin(&world);
    world_put_grant(&world, 1, &(struct world_grant){true, "v", 'g', 3, SP_ROLE_EDITOR});
    world_put_key(&world, 1, &(struct world_key){.number = 7, .principal = 2, .all = true});
    world_commit(&world);
    walk_one(2, check_told);
    struct sp_snapshot *snapshot = acquired();
    uint64_t number = 2;
    uint8_t digest[32];
    struct sp_bytes entry;
    world_digest_of(7, digest);
    assert_int_equal(sp_view_get(sp_snapshot_view(snapshot), SP_DB_CHANGE, sp_number_key(&number), &entry), SP_OK);
    assert_null(memmem(entry.data, entry.size, digest, 8));
    let_go(snapshot);
    world_begin(&world);
    world_put_member(&world, 1, 3, 2);
    world_commit(&world);
    world_begin(&world);
    world_delete_grant(&world, 1, &(struct world_grant){true, "v", 'g', 3, 0});
    world_delete_member(&world, 1, 3, 2);
    world_delete(&world, SP_KIND_KEY, 1, "k7");
    world_commit(&world);
    walk_one(4, check_deletes);
}

/* An entry as it is stored is what protobuf-c would pack: nothing is lost or out of order for other
 * readers. */
static enum sp_status repack_and_compare(void *context, const Sallyport__V1__Change *change) {
    struct sp_view *view = context;
    struct sp_bytes entry;
    uint64_t number = change->revision->number;
    assert_int_equal(sp_view_get(view, SP_DB_CHANGE, sp_number_key(&number), &entry), SP_OK);
    assert_int_equal(sallyport__v1__change__get_packed_size(change), entry.size);
    uint8_t *packed = sp_arena_alloc(&world.arena, entry.size);
    assert_non_null(packed);
    sallyport__v1__change__pack(change, packed);
    assert_memory_equal(packed, entry.data, entry.size);
    return SP_OK;
}

static void entries_are_what_protobuf_c_packs(void **state) {
    (void)state;
    apply(put_everything);
    apply(replace_everything);
    apply(delete_everything);
    struct sp_snapshot *snapshot = acquired();
    struct sp_view *view = sp_snapshot_view(snapshot);
    assert_int_equal(sp_change_walk(view, 0, &arena, repack_and_compare, view), SP_OK);
    let_go(snapshot);
}

static void the_chain_holds_and_shows_an_altered_entry(void **state) {
    (void)state;
    struct sp_error error;
    uint64_t checked;
    for (uint64_t i = 1; i < 5; i++) {
        world_begin(&world);
        world_put_user(&world, 1, i, false, false);
        world_commit(&world);
    }
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(sp_change_verify(sp_snapshot_view(snapshot), &checked, &error), SP_OK);
    assert_int_equal(checked, 5);
    uint64_t number = 3;
    struct sp_bytes entry;
    uint8_t altered[512];
    assert_int_equal(sp_view_get(sp_snapshot_view(snapshot), SP_DB_CHANGE, sp_number_key(&number), &entry), SP_OK);
    assert_true(entry.size < sizeof(altered));
    memcpy(altered, entry.data, entry.size);
    size_t size = entry.size;
    let_go(snapshot);
    altered[size - 40] ^= 1;
    world_begin(&world);
    assert_int_equal(
        sp_write_put(world.write, SP_DB_CHANGE, sp_number_key(&number), (struct sp_bytes){altered, size}, 0), SP_OK);
    assert_int_equal(sp_change_verify(sp_write_view(world.write), &checked, &error), SP_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "revision 3"));
    assert_int_equal(sp_write_remove(world.write, SP_DB_CHANGE, sp_number_key(&number), NULL), SP_OK);
    assert_int_equal(sp_change_verify(sp_write_view(world.write), &checked, &error), SP_ERR_CORRUPT);
    sp_write_abort(world.write);
}

static void trimming_keeps_an_anchor_and_the_last_entry(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    size_t removed;
    for (uint64_t i = 1; i < 8; i++) {
        world_begin(&world);
        world_put_user(&world, 1, i, false, false);
        world_commit(&world);
    }
    assert_int_equal(trail_from(0).count, 8);
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_change_trim(write, 1, 100, &removed), SP_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(sp_change_trim(write, INT64_MAX, 3, &removed), SP_OK);
    assert_int_equal(removed, 3);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    struct trail trail = trail_from(0);
    assert_int_equal(trail.first, 4);
    assert_int_equal(trail.last, 8);
    assert_verifies();
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), 3, &arena, note_change, &trail), SP_ERR_OUT_OF_RANGE);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), 9, &arena, note_change, &trail), SP_OK);
    let_go(snapshot);
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_change_trim(write, INT64_MAX, 100, &removed), SP_OK);
    assert_int_equal(removed, 4);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(trail_from(0).count, 1);
    assert_verifies();
}

static struct trail trail_of(const char *workspace, uint64_t from) {
    struct trail trail = {0};
    struct sp_snapshot *snapshot = acquired();
    assert_int_equal(
        sp_change_walk_of(sp_snapshot_view(snapshot), sp_str_from(workspace), from, &arena, note_change, &trail),
        SP_OK);
    let_go(snapshot);
    return trail;
}

static void a_workspace_finds_its_changes_among_those_of_others(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= 60; i++) {
        world_begin(&world);
        world_put_user(&world, i % 20 == 0 ? 2 : 1, i, false, false);
        if (i == 30)
            world_put_user(&world, 3, 1000, false, false);
        world_commit(&world);
    }
    struct trail of_2 = trail_of("w2", 0);
    assert_int_equal(of_2.count, 3);
    assert_int_equal(of_2.first, 21);
    assert_int_equal(of_2.last, 61);
    assert_int_equal(trail_of("w2", 22).count, 2);
    assert_int_equal(trail_of("w2", 41).count, 2);
    assert_int_equal(trail_of("w2", 62).count, 0);
    assert_int_equal(trail_of("w1", 0).count, 57);
    assert_int_equal(trail_of("w3", 0).first, 31);
    assert_int_equal(trail_of("w", 0).count, 0);
    assert_int_equal(trail_of("w10", 0).count, 0);
    assert_verifies();
}

static void trimming_takes_changes_out_of_the_index_too(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    size_t removed;
    for (uint64_t i = 1; i <= 10; i++) {
        world_begin(&world);
        world_put_user(&world, 1 + i % 2, i, false, false);
        world_commit(&world);
    }
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_change_trim(write, INT64_MAX, 6, &removed), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(trail_of("w1", 0).count + trail_of("w2", 0).count, 5);
    assert_int_equal(trail_of("w1", 0).first, 7);
    assert_verifies();
}

static void the_trail_is_trimmed_to_a_size(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    size_t removed = 1;
    uint64_t before = 0, after = 0;
    for (uint64_t i = 1; i <= 1500; i++) {
        world_begin(&world);
        world_put_user(&world, 1, i, false, false);
        world_commit(&world);
    }
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_change_trail_bytes(sp_write_view(write), &before), SP_OK);
    assert_int_equal(sp_change_trim_to_size(write, before, 1000, &removed), SP_OK);
    assert_int_equal(removed, 0);
    while (removed > 0 || after == 0) {
        assert_int_equal(sp_change_trim_to_size(write, before / 2, 100, &removed), SP_OK);
        assert_int_equal(sp_change_trail_bytes(sp_write_view(write), &after), SP_OK);
    }
    assert_in_range(after, 1, before / 2);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(trail_from(0).last, 1501);
    assert_in_range(trail_from(0).count, 500, 800); /* pages at either end are not full */
    assert_verifies();
}

static void verify_finds_what_the_index_of_changes_lacks_or_has_too_much(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    const uint8_t number[8] = {0, 0, 0, 0, 0, 0, 0, 2};
    const uint8_t none[8] = {0, 0, 0, 0, 0, 0, 0, 99};
    const struct sp_bytes there = {number, sizeof(number)};
    world_begin(&world);
    world_put_user(&world, 1, 1, false, false);
    world_commit(&world);
    assert_verifies();
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_remove(write, SP_DB_CHANGE_OF, sp_bytes_of_str(SP_STR_LITERAL("w1")), &there), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(sp_store_verify(world.store, NULL, NULL, NULL, &error), SP_ERR_CORRUPT);
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    assert_verifies();
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_put(write, SP_DB_CHANGE_OF, sp_bytes_of_str(SP_STR_LITERAL("w2")),
                                  (struct sp_bytes){none, sizeof(none)}, 0),
                     SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(sp_store_verify(world.store, NULL, NULL, NULL, &error), SP_ERR_CORRUPT);
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    assert_verifies();
}

/* ---- idempotency records ---- */

static void requests_are_found_until_they_expire(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    Sallyport__Store__V1__StoredRequest *found;
    size_t removed;
    uint8_t ids[4][32] = {{1}, {2}, {3}, {4}};
    uint8_t reply[] = {9, 9};
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    for (int i = 0; i < 4; i++) {
        Sallyport__Store__V1__StoredRequest request = SALLYPORT__STORE__V1__STORED_REQUEST__INIT;
        request.reply = (ProtobufCBinaryData){sizeof(reply), reply};
        request.expires_at = 100 + 10 * i;
        assert_int_equal(sp_request_put(write, ids[i], &request), SP_OK);
    }
    struct sp_view *view = sp_write_view(write);
    assert_int_equal(sp_request_get(view, ids[0], 99, &arena, &found), SP_OK);
    assert_int_equal(found->reply.len, 2);
    assert_int_equal(sp_request_get(view, ids[0], 100, &arena, &found), SP_ERR_NOT_FOUND);
    assert_int_equal(sp_request_get(view, (const uint8_t[32]){5}, 0, &arena, &found), SP_ERR_NOT_FOUND);
    Sallyport__Store__V1__StoredRequest again = SALLYPORT__STORE__V1__STORED_REQUEST__INIT;
    again.expires_at = 500;
    assert_int_equal(sp_request_put(write, ids[0], &again), SP_OK);
    assert_int_equal(sp_request_expire(write, 125, 1, &removed), SP_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(sp_request_expire(write, 125, 100, &removed), SP_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(sp_request_get(view, ids[0], 400, &arena, &found), SP_OK);
    assert_int_equal(sp_request_get(view, ids[1], 0, &arena, &found), SP_ERR_NOT_FOUND);
    assert_int_equal(sp_request_get(view, ids[3], 0, &arena, &found), SP_OK);
    assert_int_equal(sp_request_expire(write, 1000, 100, &removed), SP_OK);
    assert_int_equal(removed, 2);
    uint64_t entries;
    assert_int_equal(sp_view_entries(view, SP_DB_REQUEST, &entries), SP_OK);
    assert_int_equal(entries, 0);
    assert_int_equal(sp_view_entries(view, SP_DB_REQUEST_AGE, &entries), SP_OK);
    assert_int_equal(entries, 0);
    sp_write_abort(write);
}

/* ---- walking entities ---- */

struct keys {
    char text[256];
    size_t stop_at;
    size_t count;
};

static enum sp_status note_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct keys *keys = context;
    (void)value;
    const uint8_t *id = memchr(key.data + 1, 0, key.size - 1);
    size_t at = strlen(keys->text);
    snprintf(keys->text + at, sizeof(keys->text) - at, "%.*s ", (int)(key.data + key.size - (id + 1)),
             (const char *)id + 1);
    return ++keys->count == keys->stop_at ? SP_WALK_END : SP_OK;
}

static void walks_entities_by_prefix_in_pages(void **state) {
    (void)state;
    world_begin(&world);
    for (uint64_t i = 1; i <= 5; i++) {
        world_put_user(&world, 1, i, false, false);
        world_put_user(&world, 2, i + 10, false, false);
    }
    world_commit(&world);
    struct sp_entity_key prefix;
    struct sp_entity_key after = key_of(SP_KIND_PRINCIPAL, "w1", "p2");
    assert_int_equal(sp_entity_key_make(SP_KIND_PRINCIPAL, SP_STR_LITERAL("w1"), NULL, 0, &prefix), SP_OK);
    struct sp_snapshot *snapshot = acquired();
    struct sp_view *view = sp_snapshot_view(snapshot);
    struct sp_bytes bytes = {prefix.bytes, prefix.size};
    struct keys all = {.stop_at = 100};
    assert_int_equal(sp_entity_walk(view, bytes, NULL, note_key, &all), SP_OK);
    assert_string_equal(all.text, "p1 p2 p3 p4 p5 ");
    struct keys page = {.stop_at = 2};
    assert_int_equal(sp_entity_walk(view, bytes, &after, note_key, &page), SP_OK);
    assert_string_equal(page.text, "p3 p4 ");
    struct keys gone = {.stop_at = 100};
    after = key_of(SP_KIND_PRINCIPAL, "w1", "p20"); /* not there: the walk goes on behind it */
    assert_int_equal(sp_entity_walk(view, bytes, &after, note_key, &gone), SP_OK);
    assert_string_equal(gone.text, "p3 p4 p5 ");
    let_go(snapshot);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(indexes_follow_puts_replacements_and_deletes_of_every_kind),
        CASE(deleting_leaves_tombstones_for_ids_that_are_never_reused),
        CASE(reads_back_what_was_put),
        CASE(a_refused_changeset_cannot_be_committed),
        CASE(an_empty_changeset_gets_no_revision),
        CASE(refuses_entities_that_are_not_whole),
        CASE(a_new_schema_rewrites_the_actions_and_keeps_numbers),
        CASE(a_change_tells_what_changed_and_no_secret),
        CASE(entries_are_what_protobuf_c_packs),
        CASE(the_chain_holds_and_shows_an_altered_entry),
        CASE(trimming_keeps_an_anchor_and_the_last_entry),
        CASE(a_workspace_finds_its_changes_among_those_of_others),
        CASE(trimming_takes_changes_out_of_the_index_too),
        CASE(the_trail_is_trimmed_to_a_size),
        CASE(verify_finds_what_the_index_of_changes_lacks_or_has_too_much),
        CASE(requests_are_found_until_they_expire),
        CASE(walks_entities_by_prefix_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
