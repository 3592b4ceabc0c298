/* How a decision grows with the groups of a principal and the grants of a resource. In a store of
 * its own, principals are in 1 to 1,000 groups, and resources have 1 to 100,000 grants whose
 * subjects' numbers lie between those of the groups, so that a join has to seek; one grant matches.
 * Prints {"groups":…,"grants":…,"ns":…} for each pair: the median of five rounds, everything in the
 * cache.
 *
 * Usage: growth FOLDER (where "growth-store" is made) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/digest.h"
#include "core/key_text.h"
#include "core/schema.h"
#include "decide/check.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "spawn.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/changeset.h"
#include "store/records/create.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "world.h"

enum {
    WORKSPACE = 1,
    GROUPS = 1000,
    APART = 200,         /* between the numbers of two groups */
    FIRST_USER = 500000, /* numbers of principals lie above */
    ROUNDS = 5,
    DECISIONS = 2000,
    NOW_S = 1800000000,
};

static const unsigned group_counts[] = {1, 10, 100, 1000};
static const unsigned grant_counts[] = {1, 10, 100, 1000, 10000, 100000};
enum {
    GROUP_STEPS = sizeof(group_counts) / sizeof(*group_counts),
    GRANT_STEPS = sizeof(grant_counts) / sizeof(*grant_counts)
};

struct maker {
    struct sp_store *store;
    struct sp_arena arena;
    struct sp_write *write;
    struct sp_changeset *set;
    uint32_t voice; /* the type's number */
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "growth: %s\n", what);
    exit(2);
}

static char workspace_id[] = "ws", voice_type[] = "voice", key_id[] = "k";

/* ---- making ---- */

static char *write_name(struct maker *maker, const char *prefix, unsigned number) {
    char *text = sp_arena_alloc(&maker->arena, 24);
    if (text == NULL)
        fail("out of memory");
    snprintf(text, 24, "%s%u", prefix, number);
    return text;
}

static void begin_writing(struct maker *maker) {
    static char method[] = "Growth";
    Sallyport__V1__Change head = SALLYPORT__V1__CHANGE__INIT;
    struct sp_error error;
    head.method = method;
    head.time = NOW_S;
    sp_arena_reset(&maker->arena);
    if (sp_write_begin(maker->store, &maker->write, &error) != SP_OK)
        fail(error.message);
    maker->set = sp_changeset_new(&maker->arena, &head);
    if (maker->set == NULL)
        fail("out of memory");
}

static void commit_writing(struct maker *maker) {
    struct sp_error error;
    struct sp_revision revision;
    if (sp_changeset_apply(maker->write, maker->set, &revision, &error) != SP_OK ||
        sp_write_commit(maker->write, &error) != SP_OK)
        fail(error.message);
}

static void put_grown_entity(struct maker *maker, enum sp_kind kind, const char *const *parts, size_t count,
                             const ProtobufCMessage *message) {
    struct sp_entity_key key;
    struct sp_str texts[2];
    for (size_t i = 0; i < count; i++)
        texts[i] = sp_str_from(parts[i]);
    if (sp_entity_key_make(kind, sp_str_from(workspace_id), texts, count, &key) != SP_OK ||
        sp_changeset_put(maker->set, &key, message) != SP_OK)
        fail("an entity could not be put");
}

static void put_first_workspace(struct maker *maker) {
    Sallyport__V1__Workspace content = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__Store__V1__StoredWorkspace stored = SALLYPORT__STORE__V1__STORED_WORKSPACE__INIT;
    content.id = workspace_id;
    stored.workspace = &content;
    stored.number = WORKSPACE;
    put_grown_entity(maker, SP_KIND_WORKSPACE, NULL, 0, &stored.base);
}

static void put_group(struct maker *maker, unsigned i) {
    Sallyport__V1__Group content = SALLYPORT__V1__GROUP__INIT;
    Sallyport__Store__V1__StoredGroup stored = SALLYPORT__STORE__V1__STORED_GROUP__INIT;
    content.workspace = workspace_id;
    content.id = write_name(maker, "g", i);
    stored.group = &content;
    stored.number = (uint64_t)i * APART;
    stored.workspace_number = WORKSPACE;
    put_grown_entity(maker, SP_KIND_GROUP, (const char *const[]){content.id}, 1, &stored.base);
}

static void put_member(struct maker *maker, unsigned group, unsigned groups) {
    Sallyport__V1__Membership content = SALLYPORT__V1__MEMBERSHIP__INIT;
    Sallyport__Store__V1__StoredMembership stored = SALLYPORT__STORE__V1__STORED_MEMBERSHIP__INIT;
    content.workspace = workspace_id;
    content.group = write_name(maker, "g", group);
    content.principal = write_name(maker, "p", groups);
    stored.membership = &content;
    stored.group_number = (uint64_t)group * APART;
    stored.principal_number = FIRST_USER + groups;
    stored.workspace_number = WORKSPACE;
    put_grown_entity(maker, SP_KIND_MEMBERSHIP, (const char *const[]){content.group, content.principal}, 2,
                     &stored.base);
}

static void make_entity_key(unsigned groups, char text[static SP_KEY_TEXT_BYTES]) {
    struct world world = {.seed = 77, .keys = 1};
    world_key_text(&world, groups, text);
}

static void put_member_key(struct maker *maker, unsigned groups, char *principal) {
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    Sallyport__V1__ApiKey content = SALLYPORT__V1__API_KEY__INIT;
    Sallyport__Store__V1__StoredKey stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    char text[SP_KEY_TEXT_BYTES];
    uint8_t digest[SP_DIGEST_BYTES];
    make_entity_key(groups, text);
    sp_key_digest_from_text(sp_str_from(text), digest);
    permissions.all = true;
    content.workspace = workspace_id;
    content.id = write_name(maker, key_id, groups);
    content.principal = principal;
    content.permissions = &permissions;
    stored.key = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    stored.principal_number = FIRST_USER + groups;
    stored.workspace_number = WORKSPACE;
    stored.principal_kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    put_grown_entity(maker, SP_KIND_KEY, (const char *const[]){content.id}, 1, &stored.base);
}

/* A user with a key, in the given number of groups, evenly spread and always including the last. */
static void put_user(struct maker *maker, unsigned groups) {
    Sallyport__V1__Principal content = SALLYPORT__V1__PRINCIPAL__INIT;
    Sallyport__Store__V1__StoredPrincipal stored = SALLYPORT__STORE__V1__STORED_PRINCIPAL__INIT;
    content.workspace = workspace_id;
    content.id = write_name(maker, "p", groups);
    content.kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    content.role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    stored.principal = &content;
    stored.number = FIRST_USER + groups;
    stored.workspace_number = WORKSPACE;
    put_grown_entity(maker, SP_KIND_PRINCIPAL, (const char *const[]){content.id}, 1, &stored.base);
    for (unsigned i = 1; i <= groups; i++)
        put_member(maker, i * (GROUPS / groups), groups);
    put_member_key(maker, groups, content.id);
}

static void put_grant(struct maker *maker, char *resource, bool to_group, char *subject_id, uint64_t number) {
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    Sallyport__V1__Subject subject = SALLYPORT__V1__SUBJECT__INIT;
    Sallyport__V1__Grant content = SALLYPORT__V1__GRANT__INIT;
    Sallyport__Store__V1__StoredGrant stored = SALLYPORT__STORE__V1__STORED_GRANT__INIT;
    struct sp_entity_key key;
    ref.type = voice_type;
    ref.id = resource;
    subject.kind_case = to_group ? SALLYPORT__V1__SUBJECT__KIND_GROUP : SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    subject.principal = subject_id; /* a union with `group` */
    content.workspace = workspace_id;
    content.resource = &ref;
    content.subject = &subject;
    content.role = SALLYPORT__V1__ROLE__ROLE_VIEWER;
    stored.grant = &content;
    stored.type_number = maker->voice;
    stored.subject_number = number;
    stored.workspace_number = WORKSPACE;
    if (sp_entity_key_grant(sp_str_from(workspace_id), sp_str_from(voice_type), sp_str_from(resource),
                            to_group ? 'g' : 'p', sp_str_from(subject_id), &key) != SP_OK ||
        sp_changeset_put(maker->set, &key, &stored.base) != SP_OK)
        fail("a grant could not be put");
}

/* A voice with the given number of grants: the last group's, and others to subjects between the
 * groups. A decision never reads those subjects, so they need not exist. */
static void put_voice(struct maker *maker, unsigned grants) {
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    Sallyport__V1__Resource content = SALLYPORT__V1__RESOURCE__INIT;
    Sallyport__Store__V1__StoredResource stored = SALLYPORT__STORE__V1__STORED_RESOURCE__INIT;
    ref.type = voice_type;
    ref.id = write_name(maker, "voice", grants);
    content.workspace = workspace_id;
    content.ref = &ref;
    stored.resource = &content;
    stored.type_number = maker->voice;
    stored.workspace_number = WORKSPACE;
    put_grown_entity(maker, SP_KIND_RESOURCE, (const char *const[]){voice_type, ref.id}, 2, &stored.base);
    put_grant(maker, ref.id, true, write_name(maker, "g", GROUPS), (uint64_t)GROUPS * APART);
    for (unsigned i = 1; i < grants; i++) {
        uint64_t number = (uint64_t)i * (GROUPS * APART / grants) + 1; /* APART is even, so never a group's */
        put_grant(maker, ref.id, false, write_name(maker, "s", (unsigned)number), number);
    }
}

static void make_store(struct maker *maker, const char *path) {
    struct sp_store_create_options create = {
        .schema_yaml = sp_schema_default_yaml(), .key_prefix = SP_STR_LITERAL("sp_"), .now_s = NOW_S};
    struct sp_store_options options = {.mode = SP_STORE_WRITE, .no_sync = true};
    struct sp_action action;
    struct sp_error error;
    if (sp_store_create(path, &create, &error) != SP_OK ||
        sp_store_open(path, &options, &maker->store, &error) != SP_OK)
        fail(error.message);
    if (sp_arena_init(&maker->arena, 1 << 20, (size_t)1 << 30) != SP_OK)
        fail("out of memory");
    begin_writing(maker);
    if (sp_index_action(sp_write_view(maker->write), sp_str_from(voice_type), SP_STR_LITERAL("use"), &action) != SP_OK)
        fail("the default schema has no voices");
    maker->voice = action.type_number;
    put_first_workspace(maker);
    for (unsigned i = 1; i <= GROUPS; i++)
        put_group(maker, i);
    for (size_t i = 0; i < GROUP_STEPS; i++)
        put_user(maker, group_counts[i]);
    commit_writing(maker);
    for (size_t i = 0; i < GRANT_STEPS; i++) {
        begin_writing(maker);
        put_voice(maker, grant_counts[i]);
        commit_writing(maker);
    }
    sp_arena_fini(&maker->arena);
    sp_store_close(maker->store);
}

/* ---- measuring ---- */

static int compare_times(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void decide_for_member(struct sp_view *view, const struct sp_query *query) {
    struct sp_answer answer;
    if (sp_check(view, query, &answer) != SP_OK || !answer.allowed)
        fail("a decision was not the expected one");
}

static double measure_join(struct sp_view *view, unsigned groups, unsigned grants) {
    char key[SP_KEY_TEXT_BYTES], voice[24];
    double rounds[ROUNDS];
    make_entity_key(groups, key);
    snprintf(voice, sizeof(voice), "voice%u", grants);
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)key, strlen(key)},
        .resource_type = sp_str_from(voice_type),
        .resource_id = sp_str_from(voice),
        .action = SP_STR_LITERAL("use"),
        .now_s = NOW_S,
    };
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began = bench_now_ns();
        for (int i = 0; i < DECISIONS; i++)
            decide_for_member(view, &query);
        rounds[round] = (double)(bench_now_ns() - began) / DECISIONS;
    }
    qsort(rounds, ROUNDS, sizeof(*rounds), compare_times);
    return rounds[ROUNDS / 2];
}

int main(int argc, char **argv) {
    struct maker maker = {0};
    struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store;
    struct sp_snapshot *snapshot;
    struct sp_error error;
    char path[512];
    if (argc != 2)
        fail("usage: growth FOLDER");
    snprintf(path, sizeof(path), "%s/growth-store", argv[1]);
    make_store(&maker, path);
    if (sp_store_open(path, &options, &store, &error) != SP_OK)
        fail(error.message);
    if (sp_snapshot_open(store, &snapshot) != SP_OK || sp_snapshot_acquire(snapshot) != SP_OK)
        fail("no snapshot");
    for (size_t i = 0; i < GROUP_STEPS; i++) {
        for (size_t j = 0; j < GRANT_STEPS; j++)
            printf("{\"groups\":%u,\"grants\":%u,\"ns\":%.0f}\n", group_counts[i], grant_counts[j],
                   measure_join(sp_snapshot_view(snapshot), group_counts[i], grant_counts[j]));
    }
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_store_close(store);
    return 0;
}
