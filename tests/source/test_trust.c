/* What a follower believes of what etcd shows. Side 0 makes the changes; side 1 follows. Whoever
 * may write to etcd is scripted_etcd_set, or a transaction of one's own. */
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/watch.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/records.h"
#include "source/sides.h"
#include "source/write/upload.h"
#include "store/records/epoch.h"
#include "store/replica/source_head.h"
#include "support/signing_keys.h"
#include "tls/signing_keys.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__SourceHead source_head;

/* ---- forging ---- */

/* What etcd holds below the prefix, copied. */
static struct sp_bytes copy_value(struct sides *sides, struct sp_bytes key) {
    struct sp_bytes value = scripted_etcd_get(&sides->etcd, key);
    uint8_t *copy = sp_arena_alloc(&sides->arena, value.size + 1);
    assert_non_null(copy);
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    return (struct sp_bytes){value.data == NULL ? NULL : copy, value.size};
}

static source_head *read_etcd_head(struct sides *sides) {
    source_head *head = NULL;
    struct sp_error error = {0};
    check(sp_source_unpack_head(copy_value(sides, key_below(sides, "d/head")), &sides->arena, &head, &error), &error);
    return head;
}

static struct sp_bytes pack_head(struct sides *sides, const source_head *head) {
    struct sp_bytes packed;
    assert_int_equal(sp_wire_pack(&head->base, &sides->arena, &packed), SP_OK);
    return packed;
}

static struct sp_etcd_operation put_operation(struct sp_bytes key, struct sp_bytes value) {
    return (struct sp_etcd_operation){.what = SP_ETCD_PUT, .key = key, .value = value};
}

static void forge(struct sides *sides, const struct sp_etcd_operation *operations, size_t count) {
    struct sp_etcd *client = scripted_etcd_client(&sides->etcd);
    struct sp_etcd_outcome outcome;
    struct sp_error error = {0};
    const struct sp_etcd_txn txn = {.operations = operations, .operation_count = count};
    check(sp_etcd_commit(client, &txn, &sides->arena, &outcome, &error), &error);
    assert_true(outcome.made);
    sp_etcd_close(client);
}

static struct sp_etcd_operation operator_operation(struct sides *sides) {
    static char name[] = "eve";
    static uint8_t digest[32] = {7};
    Sallyport__V1__Operator public_part = SALLYPORT__V1__OPERATOR__INIT;
    Sallyport__Store__V1__StoredOperator stored = SALLYPORT__STORE__V1__STORED_OPERATOR__INIT;
    struct sp_bytes packed;
    public_part.name = name;
    stored.operator_ = &public_part;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    assert_int_equal(sp_wire_pack(&stored.base, &sides->arena, &packed), SP_OK);
    return put_operation(sp_source_record_key(SP_STR_LITERAL(SIDES_PREFIX), SP_REPLICA_ENTITY,
                                              (struct sp_bytes){(const uint8_t *)"\2\0eve", 5}, 0, &sides->arena),
                         packed);
}

static struct sp_bytes first_key_of(struct sides *sides, enum sp_kind kind) {
    char below[] = {'d', '/', 'e', '/', (char)kind, '\0'};
    struct sp_bytes key = key_below(sides, below);
    struct sp_etcd *client = scripted_etcd_client(&sides->etcd);
    struct sp_etcd_page page;
    struct sp_error error = {0};
    const struct sp_etcd_range range = {.key = key, .end = sp_etcd_prefix_end(key, &sides->arena)};
    check(sp_etcd_get(client, &range, &sides->arena, &page, &error), &error);
    assert_true(page.count > 0);
    sp_etcd_close(client);
    return page.kvs[0].key;
}

/* The transaction that made one user, to be made again otherwise: etcd and side 1 are as before it.
 * Not so side 0. */
struct taken {
    struct sp_etcd_operation operations[8];
    size_t count;
    source_head *head; /* operations[0] */
};

static struct taken take_change(struct sides *sides) {
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    struct taken taken = {.count = 0};
    struct sp_etcd_events events;
    struct sp_etcd_watch *watch = NULL;
    begin_to_follow(writer);
    begin_to_follow(other);
    sp_source_end_following(&other->follower);
    uint64_t before = sides->etcd.revision;
    make_user(writer, 10);
    struct sp_bytes all = key_below(sides, "d/");
    check(sp_etcd_watch_open(other->follower.link.etcd, all, sp_etcd_prefix_end(all, &sides->arena), before + 1, &watch,
                             &other->error),
          &other->error);
    check(sp_etcd_watch_next(watch, 0, &sides->arena, &events, &other->error), &other->error);
    sp_etcd_watch_close(watch);
    taken.head = read_etcd_head(sides);
    taken.operations[taken.count++] = put_operation(key_below(sides, "d/head"), pack_head(sides, taken.head));
    for (size_t i = 0; i < events.count; i++)
        if (sp_source_read_key(SP_STR_LITERAL(SIDES_PREFIX), events.events[i].kv.key).kind == SP_SOURCE_RECORD_KEY)
            taken.operations[taken.count++] =
                put_operation(events.events[i].kv.key, copy_value(sides, events.events[i].kv.key));
    assert_int_equal(taken.count, 3);
    scripted_etcd_restore(&sides->etcd, before);
    begin_to_follow(other);
    return taken;
}

/* ---- without a head ---- */

static void an_operator_that_is_put_without_a_head_is_not_applied(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    char line[200] = "";
    uint64_t compared, differences;
    begin_to_follow(writer);
    begin_to_follow(other);
    size_t entities = count_records(other, SP_REPLICA_ENTITY);
    struct sp_etcd_operation eve = operator_operation(sides);
    forge(sides, &eve, 1);
    check(follow_once(other), &other->error);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), entities);
    assert_int_equal(state_of(other).refusals, 1);
    assert_true(state_of(other).following);
    make_user(writer, 10);
    catch_up(other);
    catch_up(writer);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), entities + 1);
    for (int i = 0; i < 2; i++) {
        struct side *side = &sides->side[i];
        check(sp_source_compare_all(&side->follower.link, keep_line, line, &compared, &differences, &side->error),
              &side->error);
        assert_int_equal(differences, 1);
        assert_string_equal(line, "entity ..eve exists only in etcd");
        check(sp_store_verify(side->world.store, NULL, NULL, NULL, &side->error), &side->error);
    }
    (void)scripted_etcd_set(&sides->etcd, eve.key, NULL);
    fake_clock_pass(1001);
    catch_up(other);
    assert_int_equal(state_of(other).refusals, 1); /* its end alters nothing */
    assert_equals_etcd(other);
}

static void what_is_altered_or_deleted_without_a_head_stays_as_it_was(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    const struct sp_bytes garbage = {(const uint8_t *)"\12\377garbage", 9};
    begin_to_follow(other);
    size_t entities = count_records(other, SP_REPLICA_ENTITY);
    (void)scripted_etcd_set(&sides->etcd, first_key_of(sides, SP_KIND_WORKSPACE), NULL);
    (void)scripted_etcd_set(&sides->etcd, first_key_of(sides, SP_KIND_PRINCIPAL), &garbage);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).refusals, 2);
    assert_int_equal(state_of(other).unreadable, 0);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), entities);
    check(sp_store_verify(other->world.store, NULL, NULL, NULL, &other->error), &other->error);
}

static void a_change_without_a_head_does_not_move_the_store_on(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    struct taken taken = take_change(sides);
    struct sp_revision before = revision_of(other);
    forge(sides, taken.operations + 1, 2);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).refusals, 1);
    assert_int_equal(revision_of(other).number, before.number);
    /* All of it, with its head. */
    forge(sides, taken.operations, 3);
    catch_up(other);
    assert_int_equal(revision_of(other).number, before.number + 1);
    assert_equals_etcd(other);
}

/* ---- with a head that does not account for it ---- */

static void what_a_change_does_not_list_is_refused_with_it(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    struct taken taken = take_change(sides);
    struct sp_revision before = revision_of(other);
    size_t entities = count_records(other, SP_REPLICA_ENTITY);
    taken.operations[taken.count++] = operator_operation(sides);
    forge(sides, taken.operations, taken.count);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).refusals, 1);
    assert_int_equal(revision_of(other).number, before.number);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), entities);
}

static void entities_that_do_not_add_up_to_the_head_are_refused_and_the_store_keeps_what_it_has(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1], *empty = &sides->side[2];
    struct taken taken = take_change(sides);
    struct sp_revision before = revision_of(other);
    taken.head->entity_set.data[0] ^= 1;
    taken.operations[0].value = pack_head(sides, taken.head);
    forge(sides, taken.operations, taken.count);
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    assert_said(other, "do not add up");
    assert_int_equal(state_of(other).refusals, 1);
    assert_true(other->follower.list_wanted);
    sp_source_end_following(&other->follower);
    begin_to_follow(other); /* the listing is refused, and it goes on from where it was */
    assert_int_equal(state_of(other).refusals, 2);
    assert_int_equal(state_of(other).lists, 1);
    assert_int_equal(revision_of(other).number, before.number);
    assert_true(state_of(other).filled);
    /* Listed again no sooner than in half a minute. */
    size_t ranges = sides->etcd.ranges;
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    sp_source_end_following(&other->follower);
    assert_int_equal(try_to_follow(other), SP_ERR_PRECONDITION);
    assert_int_equal(sides->etcd.ranges, ranges);
    assert_int_equal(try_to_follow(empty), SP_ERR_PRECONDITION);
    assert_false(state_of(empty).filled);
    assert_int_equal(revision_of(empty).number, 0);
    /* The right head. */
    taken.head->entity_set.data[0] ^= 1;
    taken.operations[0].value = pack_head(sides, taken.head);
    forge(sides, taken.operations, 1);
    fake_clock_pass(31 * 1000);
    begin_to_follow(other);
    catch_up(other);
    assert_equals_etcd(other);
}

static void what_came_before_a_bad_revision_is_kept(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    make_user(writer, 10);
    uint64_t good = revision_of(writer).number;
    source_head *head = read_etcd_head(sides);
    head->previous_commit_id = head->store_id;
    struct sp_bytes packed = pack_head(sides, head);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &packed);
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    assert_said(other, "does not continue from this store's head");
    assert_int_equal(revision_of(other).number, good);
}

/* ---- releases before store format 2 ---- */

static void the_first_writer_renews_a_head_of_an_earlier_release(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1], *third = &sides->side[2];
    source_head *head = read_etcd_head(sides);
    head->format = SP_STORE_OLDEST_FORMAT;
    head->entity_set = (ProtobufCBinaryData){0, NULL};
    struct sp_bytes old = pack_head(sides, head);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &old);
    begin_to_follow(other);
    begin_to_follow(third);
    check(sp_source_write_renewed_head(&other->writer, &other->error), &other->error);
    head = read_etcd_head(sides);
    assert_int_equal(head->format, SP_STORE_FORMAT);
    assert_int_equal(head->entity_set.len, 32);
    uint64_t revision = sides->etcd.revision;
    fake_clock_pass(1001);
    check(sp_source_write_renewed_head(&other->writer, &other->error), &other->error);
    assert_int_equal(sides->etcd.revision, revision); /* once */
    catch_up(third);
    assert_equals_etcd(third);
    make_user(other, 10);
    catch_up(third);
    assert_equals_etcd(third);
    /* There is no way back. */
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &old);
    catch_up(third);
    assert_int_equal(state_of(third).refusals, 1);
}

/* ---- signatures ---- */

enum { KEYS = 3 };

struct key_files {
    char folder[64];
    char private_files[KEYS][128], public_files[KEYS][128];
    char trusted[128]; /* what --source-verify-keys names */
};

static void make_key_files(struct key_files *files) {
    char folder[64];
    folder_make(folder);
    memcpy(files->folder, folder, sizeof(folder));
    for (int i = 0; i < KEYS; i++) {
        snprintf(files->private_files[i], sizeof(files->private_files[i]), "%s/private%d.pem", folder, i);
        snprintf(files->public_files[i], sizeof(files->public_files[i]), "%s/public%d.pem", folder, i);
        signing_keys_make(files->private_files[i], files->public_files[i], NULL);
    }
    snprintf(files->trusted, sizeof(files->trusted), "%s/trusted.pem", folder);
}

/* The public keys whose bits are set. */
static void trust_keys(const struct key_files *files, unsigned which) {
    char temporary[160];
    snprintf(temporary, sizeof(temporary), "%s.new", files->trusted);
    FILE *out = fopen(temporary, "we");
    assert_non_null(out);
    for (int i = 0; i < KEYS; i++) {
        if ((which >> i & 1) == 0)
            continue;
        char *text = process_read(files->public_files[i]);
        assert_true(fputs(text, out) >= 0);
        free(text);
    }
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(temporary, files->trusted), 0);
}

static void give_keys(struct side *side, const char *private_file, const char *public_file) {
    sp_signing_keys_close(side->shared.keys);
    side->shared.keys = NULL;
    check(sp_signing_keys_open(private_file, public_file, &side->shared.keys, &side->error), &side->error);
}

static void take_keys(struct sides *sides, const struct key_files *files) {
    for (int i = 0; i < SIDES; i++) {
        sp_signing_keys_close(sides->side[i].shared.keys);
        sides->side[i].shared.keys = NULL;
    }
    folder_remove(files->folder);
}

static void renew(struct side *side) {
    fake_clock_pass(1001);
    sp_source_note_reached(&side->shared);
    check(sp_source_write_renewed_head(&side->writer, &side->error), &side->error);
}

/* Side 0 signs with key 0, and sides 0 and 1 trust it. */
static void begin_signed(struct sides *sides, struct key_files *files) {
    make_key_files(files);
    trust_keys(files, 1);
    begin_to_follow(&sides->side[0]);
    give_keys(&sides->side[0], files->private_files[0], NULL);
    renew(&sides->side[0]);
    give_keys(&sides->side[0], files->private_files[0], files->trusted);
    give_keys(&sides->side[1], NULL, files->trusted);
    begin_to_follow(&sides->side[1]);
}

static void signed_heads_are_followed_and_others_refused(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    struct key_files files;
    begin_signed(sides, &files);
    make_user(writer, 10);
    begin_users(writer, 1000, 300); /* staged, and folded */
    check(try_to_commit(writer), &writer->error);
    catch_up(other);
    assert_equals_etcd(other);
    assert_int_equal(state_of(other).refusals, 0);
    assert_int_equal(state_of(other).lists, 1);
    /* The same head with one bit of its signature changed, then without one. */
    source_head *head = read_etcd_head(sides);
    struct sp_bytes right = pack_head(sides, head);
    head->signature.data[10] ^= 1;
    struct sp_bytes wrong = pack_head(sides, head);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &wrong);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).refusals, 1);
    head->key_id.len = head->signature.len = 0;
    struct sp_bytes none = pack_head(sides, head);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &none);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).refusals, 2);
    give_keys(&sides->side[2], NULL, files.trusted);
    assert_int_equal(try_to_follow(&sides->side[2]), SP_ERR_PRECONDITION);
    assert_said(&sides->side[2], "not signed");
    assert_false(state_of(&sides->side[2]).filled);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &right);
    take_keys(sides, &files);
}

static void a_signature_binds_everything_that_the_head_says(void **state) {
    struct sides *sides = *state;
    struct key_files files;
    struct sp_error error = {0};
    begin_signed(sides, &files);
    source_head *head = read_etcd_head(sides);
    struct sp_signing_keys *keys = sides->side[1].shared.keys;
    check(sp_source_verify_head(keys, SP_STR_LITERAL(SIDES_PREFIX), head, &sides->arena, &error), &error);
    assert_int_equal(sp_source_verify_head(keys, SP_STR_LITERAL("/another/"), head, &sides->arena, &error),
                     SP_ERR_PRECONDITION);
    ProtobufCBinaryData *const fields[] = {
        &head->store_id,   &head->hash,     &head->commit_id, &head->previous_commit_id,
        &head->entity_set, &head->prefixes, &head->key_id};
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        fields[i]->data[0] ^= 1;
        assert_int_equal(sp_source_verify_head(keys, SP_STR_LITERAL(SIDES_PREFIX), head, &sides->arena, &error),
                         SP_ERR_PRECONDITION);
        fields[i]->data[0] ^= 1;
    }
    uint64_t *const numbers[] = {&head->epoch, &head->number, &head->next_subject, &head->next_workspace,
                                 &head->anchor_number};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        ++*numbers[i];
        assert_int_equal(sp_source_verify_head(keys, SP_STR_LITERAL(SIDES_PREFIX), head, &sides->arena, &error),
                         SP_ERR_PRECONDITION);
        --*numbers[i];
    }
    head->accept_foreign = !head->accept_foreign;
    assert_int_equal(sp_source_verify_head(keys, SP_STR_LITERAL(SIDES_PREFIX), head, &sides->arena, &error),
                     SP_ERR_PRECONDITION);
    head->accept_foreign = !head->accept_foreign;
    check(sp_source_verify_head(keys, SP_STR_LITERAL(SIDES_PREFIX), head, &sides->arena, &error), &error);
    take_keys(sides, &files);
}

static void make_signed_user(struct side *side, uint64_t number) {
    sp_source_note_reached(&side->shared);
    make_user(side, number);
}

static void keys_are_rotated_without_a_pause(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    struct key_files files;
    begin_signed(sides, &files);
    make_signed_user(writer, 10);
    /* The new key is trusted first, then signs, and then the old one is trusted no more. */
    trust_keys(&files, 1 | 2);
    catch_up(other);
    assert_int_equal(rename(files.private_files[1], files.private_files[0]), 0);
    renew(writer);
    catch_up(other);
    trust_keys(&files, 2);
    make_signed_user(writer, 11);
    fake_clock_pass(1001);
    catch_up(other);
    fake_clock_pass(1001);
    make_signed_user(writer, 12);
    catch_up(other);
    assert_int_equal(state_of(other).refusals, 0);
    assert_int_equal(state_of(other).lists, 1);
    assert_equals_etcd(other);
    /* A broken file leaves the last good keys in use. */
    FILE *broken = fopen(files.trusted, "we");
    assert_non_null(broken);
    assert_int_equal(fclose(broken), 0);
    fake_clock_pass(1001);
    make_signed_user(writer, 13);
    catch_up(other);
    assert_int_equal(state_of(other).refusals, 0);
    /* A key that is not trusted signs nothing that counts. */
    trust_keys(&files, 2);
    give_keys(writer, files.private_files[2], files.trusted);
    assert_int_equal(try_to_begin_change(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "is not in --source-verify-keys");
    give_keys(writer, files.private_files[2], NULL);
    make_signed_user(writer, 14);
    catch_up(other);
    assert_int_equal(state_of(other).refusals, 1);
    take_keys(sides, &files);
}

static void where_heads_are_signed_nobody_changes_anything_without_a_key(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1], *third = &sides->side[2];
    struct key_files files;
    begin_signed(sides, &files);
    assert_int_equal(try_to_begin_change(other), SP_ERR_PRECONDITION);
    assert_said(other, "--source-signing-key");
    /* Nor who was not told that they are. */
    begin_to_follow(third);
    begin_users(third, 10, 1);
    assert_int_equal(try_to_commit(third), SP_ERR_PRECONDITION);
    assert_said(third, "--source-signing-key");
    make_user(writer, 11);
    take_keys(sides, &files);
}

/* ---- an older state ---- */

static void an_older_signed_state_is_refused_until_somebody_accepts_it(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    struct key_files files;
    struct sp_arena arena;
    begin_signed(sides, &files);
    make_user(writer, 10);
    uint64_t backup = sides->etcd.revision;
    make_user(writer, 11);
    catch_up(other);
    struct sp_revision newest = revision_of(other);
    /* The old head alone, put again. */
    sp_source_end_following(&other->follower);
    scripted_etcd_restore(&sides->etcd, backup);
    assert_int_equal(try_to_follow(other), SP_ERR_ABORTED);
    assert_int_equal(try_to_follow(other), SP_ERR_ABORTED); /* the listing was refused */
    assert_int_equal(state_of(other).refusals, 1);
    assert_int_equal(revision_of(other).number, newest.number);
    assert_int_equal(try_to_follow(other), SP_ERR_PRECONDITION);
    /* Somebody who may sign says that etcd was restored. */
    sp_source_end_following(&writer->follower);
    writer->shared.accept_rollback = true;
    assert_int_equal(try_to_follow(writer), SP_ERR_ABORTED);
    begin_to_follow(writer);
    assert_int_equal(revision_of(writer).number, newest.number - 1);
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    check(sp_source_write_restored_epoch(&writer->writer, &arena, &writer->error), &writer->error);
    sp_arena_fini(&arena);
    fake_clock_pass(31 * 1000);
    begin_to_follow(other);
    assert_true(revision_of(other).epoch > newest.epoch);
    assert_equals_etcd(other);
    take_keys(sides, &files);
}

static void an_old_head_that_is_put_again_is_not_taken(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    struct key_files files;
    begin_signed(sides, &files);
    make_user(writer, 10);
    struct sp_bytes old = copy_value(sides, key_below(sides, "d/head"));
    make_user(writer, 11);
    struct sp_bytes newest = copy_value(sides, key_below(sides, "d/head"));
    uint64_t number = revision_of(writer).number;
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &old);
    assert_int_equal(follow_once(other), SP_ERR_ABORTED); /* what came before it is applied */
    assert_int_equal(revision_of(other).number, number);
    sp_source_end_following(&other->follower);
    begin_to_follow(other); /* the listing is refused */
    assert_int_equal(state_of(other).refusals, 1);
    assert_int_equal(revision_of(other).number, number);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &newest);
    take_keys(sides, &files);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, sides_begin, sides_end)
    const struct CMUnitTest tests[] = {
        CASE(an_operator_that_is_put_without_a_head_is_not_applied),
        CASE(what_is_altered_or_deleted_without_a_head_stays_as_it_was),
        CASE(a_change_without_a_head_does_not_move_the_store_on),
        CASE(what_a_change_does_not_list_is_refused_with_it),
        CASE(entities_that_do_not_add_up_to_the_head_are_refused_and_the_store_keeps_what_it_has),
        CASE(what_came_before_a_bad_revision_is_kept),
        CASE(the_first_writer_renews_a_head_of_an_earlier_release),
        CASE(signed_heads_are_followed_and_others_refused),
        CASE(a_signature_binds_everything_that_the_head_says),
        CASE(keys_are_rotated_without_a_pause),
        CASE(where_heads_are_signed_nobody_changes_anything_without_a_key),
        CASE(an_older_signed_state_is_refused_until_somebody_accepts_it),
        CASE(an_old_head_that_is_put_again_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
