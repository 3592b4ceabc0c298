/* Lists of resources and of principals: a table over the decision tables' world, what changes
 * between two steps, and damage. In random worlds: test_list_random.c. */
#include "core/decision.h"
#include "core/key_text.h"
#include "list_steps.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/view.h"
#include "store/records/changeset.h"
#include "store/records/edit.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_raw.h"

/* ---- the table ---- */

/* clang-format off */
static const struct resource_vector {
    const char *name;
    struct decide_key key;
    const char *ip, *type, *action, *workspace;
    bool stale;
    enum sp_reason reason;
    bool more;
    const char *ids;
} resource_vectors[] = {
    {"lists what is shared",                      {1, MEMBER, 0},        "", "voice", "use", "", false, SP_REASON_ALLOWED, false, "va vb"},
    {"lists by the group's higher role once",     {1, MEMBER, 0},        "", "voice", "edit", "", false, SP_REASON_ALLOWED, false, "vb"},
    {"lists everything registered for an admin",  {1, ADMIN, 0},         "", "voice", "edit", "", false, SP_REASON_ALLOWED, false, "va vb vc"},
    {"lists the own workspace's only",            {2, OTHER, 0},         "", "voice", "use", "", false, SP_REASON_ALLOWED, false, "vx"},
    {"lists nothing where nothing is shared",     {1, BARE, 0},          "", "voice", "use", "", false, SP_REASON_NOT_SHARED, false, ""},
    {"lists everything where no role is needed",  {1, BARE, NO_PERMS},   "", "voice", "preview", "", false, SP_REASON_ALLOWED, false, "va vb vc"},
    {"lists ids inside the workspace",            {1, MEMBER, 0},        "", "note", "read", "", false, SP_REASON_ALLOWED, false, "na"},
    {"tells that an admin may use any id there",  {1, ADMIN, 0},         "", "note", "read", "", false, SP_REASON_ALLOWED, true, "na"},
    {"lists from a listed address",               {1, MEMBER, LISTED},   "203.0.113.9", "voice", "use", "", false, SP_REASON_ALLOWED, false, "va vb"},
    {"lists in the workspace asserted rightly",   {1, MEMBER, 0},        "", "voice", "use", "w1", false, SP_REASON_ALLOWED, false, "va vb"},
    {"nothing from a stale store",                {1, MEMBER, 0},        "", "voice", "use", "", true, SP_REASON_STALE, false, ""},
    {"nothing for a disabled key",                {1, ADMIN, DISABLED},  "", "voice", "use", "", false, SP_REASON_KEY_DISABLED, false, ""},
    {"nothing for an expired key",                {1, ADMIN, EXPIRED},   "", "voice", "use", "", false, SP_REASON_KEY_EXPIRED, false, ""},
    {"nothing in a disabled workspace",           {3, ADMIN_OF_W3, 0},   "", "voice", "use", "", false, SP_REASON_WORKSPACE_DISABLED, false, ""},
    {"nothing for a disabled principal",          {1, OFF, 0},           "", "voice", "use", "", false, SP_REASON_PRINCIPAL_DISABLED, false, ""},
    {"nothing for a principal that is gone",      {1, DELETED, 0},       "", "voice", "use", "", false, SP_REASON_PRINCIPAL_UNKNOWN, false, ""},
    {"nothing in another workspace asserted",     {1, ADMIN, 0},         "", "voice", "use", "w2", false, SP_REASON_WORKSPACE_MISMATCH, false, ""},
    {"nothing from outside the allowlist",        {1, ADMIN, LISTED},    "198.51.100.9", "voice", "use", "", false, SP_REASON_IP_NOT_ALLOWED, false, ""},
    {"nothing from nowhere with a list",          {1, ADMIN, LISTED},    "", "voice", "use", "", false, SP_REASON_IP_NOT_ALLOWED, false, ""},
    {"nothing for an unknown action",             {1, ADMIN, 0},         "", "voice", "paint", "", false, SP_REASON_ACTION_UNKNOWN, false, ""},
    {"nothing for an unknown type",               {1, ADMIN, 0},         "", "video", "use", "", false, SP_REASON_ACTION_UNKNOWN, false, ""},
    {"nothing without the permission",            {1, ADMIN, TTS},       "", "voice", "edit", "", false, SP_REASON_PERMISSION_MISSING, false, ""},
};

static const struct principal_vector {
    const char *name;
    const char *workspace, *type, *id, *action;
    bool stale;
    enum sp_reason reason;
    const char *ids;
} principal_vectors[] = {
    {"admins and whom it is shared with",         "w1", "voice", "va", "use", false, SP_REASON_ALLOWED, "p1 p2"},
    {"no disabled one, whatever it was granted",  "w1", "voice", "va", "edit", false, SP_REASON_ALLOWED, "p1"},
    {"by a group's role",                         "w1", "voice", "vb", "edit", false, SP_REASON_ALLOWED, "p1 p2"},
    {"admins where nothing is shared",            "w1", "voice", "vc", "use", false, SP_REASON_ALLOWED, "p1"},
    {"everybody enabled where no role is needed", "w1", "voice", "vc", "preview", false, SP_REASON_ALLOWED, "p1 p2 p4"},
    {"everybody enabled without an id too",       "w1", "voice", "", "preview", false, SP_REASON_ALLOWED, "p1 p2 p4"},
    {"of ids inside the workspace",               "w1", "note", "na", "read", false, SP_REASON_ALLOWED, "p1 p2"},
    {"admins of ids that nobody knows",           "w1", "note", "zz", "read", false, SP_REASON_ALLOWED, "p1"},
    {"of the other workspace",                    "w2", "voice", "vx", "use", false, SP_REASON_ALLOWED, "p5"},
    {"nobody of another's resource",              "w1", "voice", "vx", "use", false, SP_REASON_RESOURCE_UNKNOWN, ""},
    {"nobody of one never registered",            "w1", "voice", "vz", "use", false, SP_REASON_RESOURCE_UNKNOWN, ""},
    {"nobody of no resource in particular",       "w1", "voice", "", "use", false, SP_REASON_NOT_SHARED, ""},
    {"nobody of a disabled workspace",            "w3", "voice", "", "preview", false, SP_REASON_WORKSPACE_DISABLED, ""},
    {"nobody of a workspace that is not there",   "w9", "voice", "", "preview", false, SP_REASON_WORKSPACE_UNKNOWN, ""},
    {"nobody of no workspace",                    "", "voice", "", "preview", false, SP_REASON_WORKSPACE_UNKNOWN, ""},
    {"nobody for an unknown action",              "w1", "voice", "va", "paint", false, SP_REASON_ACTION_UNKNOWN, ""},
    {"nobody of an unknown type",                 "w1", "video", "va", "use", false, SP_REASON_ACTION_UNKNOWN, ""},
    {"nobody from a stale store",                 "w1", "voice", "va", "use", true, SP_REASON_STALE, ""},
};
/* clang-format on */

enum {
    RESOURCE_VECTORS = sizeof(resource_vectors) / sizeof(*resource_vectors),
    PRINCIPAL_VECTORS = sizeof(principal_vectors) / sizeof(*principal_vectors),
};

static struct world fixed;

static void lists_the_resources_that_the_table_says(void **state) {
    const struct resource_vector *vector = *state;
    char text[SP_KEY_TEXT_BYTES], found[1024];
    static struct listed listed;
    struct sp_ip ip;
    decide_key_text(&vector->key, text);
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)text, strlen(text)},
        .resource_type = sp_str_from(vector->type),
        .resource_id = SP_STR_LITERAL("not looked at"),
        .action = sp_str_from(vector->action),
        .workspace = sp_str_from(vector->workspace),
        .now_s = NOW_S,
        .stale = vector->stale,
    };
    if (vector->ip[0] != '\0') {
        assert_int_equal(sp_ip_parse(sp_str_from(vector->ip), &ip, NULL), SP_OK);
        query.ip = &ip;
    }
    for (size_t results = 1; results <= 4; results++) {
        list_all(&fixed, step_resources, &query, (struct sp_list_limits){results, 5 - results, 0}, &listed);
        join(&listed, found, sizeof(found));
        assert_string_equal(found, vector->ids);
        assert_int_equal(listed.end.reason, vector->reason);
        assert_int_equal(listed.end.more_than_listed, vector->more);
    }
}

static void lists_the_principals_that_the_table_says(void **state) {
    const struct principal_vector *vector = *state;
    char found[1024];
    static struct listed listed;
    struct sp_query query = {
        .resource_type = sp_str_from(vector->type),
        .resource_id = sp_str_from(vector->id),
        .action = sp_str_from(vector->action),
        .workspace = sp_str_from(vector->workspace),
        .now_s = NOW_S,
        .stale = vector->stale,
    };
    for (size_t results = 1; results <= 4; results++) {
        list_all(&fixed, step_principals, &query, (struct sp_list_limits){results, 5 - results, 0}, &listed);
        join(&listed, found, sizeof(found));
        assert_string_equal(found, vector->ids);
        assert_int_equal(listed.end.reason, vector->reason);
    }
}

static enum sp_status refuse_visit(void *context, struct sp_str id, uint8_t principal_kind) {
    (void)id;
    (void)principal_kind;
    return *(const enum sp_status *)context;
}

/* NOT_FOUND from a visitor is not the end of the list. */
static void a_visitors_status_ends_the_step_and_leaves_the_place(void **state) {
    (void)state;
    static const struct decide_key askers[] = {{1, MEMBER, 0}, {1, ADMIN, 0}}; /* what is shared; all that is known */
    const struct sp_list_limits limits = {100, 100, 0};
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(fixed.store, &snapshot), SP_OK);
    for (int i = SP_OK + 1; i < SP_WALK_END; i++) {
        enum sp_status refusal = (enum sp_status)i;
        struct sp_list_place place = {.size = 1, .after = "a"};
        struct sp_list_end end = {.reason = SP_REASON_NONE};
        struct sp_query query = {.credential_kind = SP_CREDENTIAL_TEXT,
                                 .resource_type = SP_STR_LITERAL("voice"),
                                 .action = SP_STR_LITERAL("use"),
                                 .now_s = NOW_S};
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        struct sp_view *view = sp_snapshot_view(snapshot);
        for (size_t j = 0; j < sizeof(askers) / sizeof(*askers); j++) {
            char text[SP_KEY_TEXT_BYTES];
            decide_key_text(&askers[j], text);
            query.credential = (struct sp_bytes){(const uint8_t *)text, strlen(text)};
            assert_int_equal(sp_list_resources(view, &query, &limits, refuse_visit, &refusal, &place, &end), refusal);
        }
        query.workspace = SP_STR_LITERAL("w1");
        query.resource_id = SP_STR_LITERAL("va");
        assert_int_equal(sp_list_principals(view, &query, 0, &limits, refuse_visit, &refusal, &place, &end), refusal);
        sp_snapshot_release(snapshot);
        assert_int_equal(place.size, 1);
        assert_int_equal(end.reason, SP_REASON_NONE);
    }
    sp_snapshot_close(snapshot);
}

static void principals_can_be_listed_by_kind(void **state) {
    (void)state;
    static const char *const expected[] = {"p1 p2 p4", "p1 p4", "p2"};
    char found[64];
    struct sp_query query = {.resource_type = SP_STR_LITERAL("voice"),
                             .action = SP_STR_LITERAL("preview"),
                             .workspace = SP_STR_LITERAL("w1"),
                             .now_s = NOW_S};
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(fixed.store, &snapshot), SP_OK);
    for (uint8_t kind = 0; kind <= 2; kind++) {
        static struct listed listed;
        struct sp_list_place place = {0};
        struct sp_list_limits limits = {100, 100, 0};
        listed = (struct listed){0};
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        assert_int_equal(
            sp_list_principals(sp_snapshot_view(snapshot), &query, kind, &limits, keep, &listed, &place, &listed.end),
            SP_OK);
        sp_snapshot_release(snapshot);
        join(&listed, found, sizeof(found));
        assert_string_equal(found, expected[kind]);
        for (size_t i = 0; i < listed.count; i++)
            assert_int_equal(listed.kinds[i], strcmp(listed.ids[i], "p2") == 0 ? 2 : 1);
    }
    sp_snapshot_close(snapshot);
}

static void a_principal_as_such_is_answered_as_its_key_is(void **state) {
    (void)state;
    static const struct {
        const char *workspace, *principal;
        uint8_t kind;
        const char *id, *action;
        enum sp_reason reason;
    } cases[] = {
        {"w1", "p2", 0, "va", "use", SP_REASON_ALLOWED},
        {"w1", "p2", 2, "vb", "edit", SP_REASON_ALLOWED},
        {"w1", "p2", 1, "va", "use", SP_REASON_PRINCIPAL_UNKNOWN}, /* it is a service account */
        {"w1", "p2", 0, "va", "edit", SP_REASON_ROLE_TOO_LOW},
        {"w1", "p4", 0, "va", "use", SP_REASON_NOT_SHARED},
        {"w1", "p1", 0, "vc", "edit", SP_REASON_ALLOWED},
        {"w1", "p1", 0, "vx", "use", SP_REASON_RESOURCE_UNKNOWN},
        {"w1", "p3", 0, "va", "use", SP_REASON_PRINCIPAL_DISABLED},
        {"w1", "p8", 0, "va", "use", SP_REASON_PRINCIPAL_UNKNOWN}, /* deleted */
        {"w1", "p5", 0, "va", "use", SP_REASON_PRINCIPAL_UNKNOWN}, /* of another workspace */
        {"w1", "", 0, "va", "preview", SP_REASON_PRINCIPAL_UNKNOWN},
        {"w3", "p6", 0, "", "preview", SP_REASON_WORKSPACE_DISABLED},
        {"w9", "p1", 0, "", "preview", SP_REASON_WORKSPACE_UNKNOWN},
        {"", "p1", 0, "", "preview", SP_REASON_WORKSPACE_UNKNOWN},
    };
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(fixed.store, &snapshot), SP_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_key key;
        struct sp_answer answer;
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        struct sp_view *view = sp_snapshot_view(snapshot);
        assert_int_equal(sp_principal_key(view, sp_str_from(cases[i].workspace), sp_str_from(cases[i].principal),
                                          cases[i].kind, &key),
                         SP_OK);
        struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN,
                                 .known_key = &key,
                                 .resource_type = SP_STR_LITERAL("voice"),
                                 .resource_id = sp_str_from(cases[i].id),
                                 .action = sp_str_from(cases[i].action),
                                 .now_s = NOW_S};
        assert_int_equal(sp_check(view, &query, &answer), SP_OK);
        assert_int_equal(answer.reason, cases[i].reason);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
}

/* ---- between steps ---- */

static void what_changes_between_two_steps_shows_after_the_place_only(void **state) {
    (void)state;
    struct world world;
    static struct listed listed;
    char text[SP_KEY_TEXT_BYTES], found[64];
    struct decide_key key = {1, MEMBER, 0};
    decide_world_init(&world);
    decide_key_text(&key, text);
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_TEXT,
                             .credential = {(const uint8_t *)text, strlen(text)},
                             .resource_type = SP_STR_LITERAL("voice"),
                             .action = SP_STR_LITERAL("use"),
                             .now_s = NOW_S};
    struct sp_snapshot *snapshot;
    struct sp_list_place place = {0};
    struct sp_list_limits limits = {1, 100, 0};
    listed = (struct listed){0};
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(step_resources(sp_snapshot_view(snapshot), &query, limits, &place, &listed), SP_OK);
    sp_snapshot_release(snapshot);
    assert_false(listed.end.complete);
    uint64_t first_revision = listed.end.revision.number;

    world_begin(&world);
    world_put_resource(&world, 1, true, "v0"); /* before the place */
    world_put_grant(&world, 1, &(struct world_grant){true, "v0", 'p', MEMBER, SP_ROLE_VIEWER});
    world_put_resource(&world, 1, true, "vbb"); /* behind it */
    world_put_grant(&world, 1, &(struct world_grant){true, "vbb", 'p', MEMBER, SP_ROLE_VIEWER});
    world_delete_grant(&world, 1, &(struct world_grant){true, "vb", 'p', MEMBER, SP_ROLE_VIEWER});
    world_delete_grant(&world, 1, &(struct world_grant){true, "vb", 'g', GROUP, SP_ROLE_EDITOR});
    world_commit(&world);
    while (!listed.end.complete) {
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        assert_int_equal(step_resources(sp_snapshot_view(snapshot), &query, limits, &place, &listed), SP_OK);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    join(&listed, found, sizeof(found));
    assert_string_equal(found, "va vbb");
    assert_true(listed.end.revision.number > first_revision);
    world_fini(&world);
}

/* A type that was removed from the schema and comes back under its name is another one: what was
 * registered for the old one is known to nobody. */
static void what_was_registered_for_a_removed_type_is_not_listed(void **state) {
    (void)state;
    struct world world;
    static struct listed listed;
    char text[SP_KEY_TEXT_BYTES], found[64];
    struct decide_key key = {1, ADMIN, 0};
    static char type[] = "note", ids[3][4] = {"m0", "m1", "m2"}, workspace[] = "w1";
    decide_world_init(&world);
    decide_key_text(&key, text);
    world_begin(&world);
    world_put_grant(&world, 1, &(struct world_grant){false, "m1", 'p', MEMBER, SP_ROLE_VIEWER});
    for (size_t i = 0; i < 3; i++) {
        Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
        Sallyport__V1__Resource content = SALLYPORT__V1__RESOURCE__INIT;
        Sallyport__Store__V1__StoredResource stored = SALLYPORT__STORE__V1__STORED_RESOURCE__INIT;
        struct sp_str parts[] = {SP_STR_LITERAL("note"), sp_str_from(ids[i])};
        struct sp_entity_key entity;
        ref.type = type;
        ref.id = ids[i];
        content.workspace = workspace;
        content.ref = &ref;
        stored.resource = &content;
        stored.type_number = 77;
        stored.workspace_number = 1;
        stored.workspace_scoped = true;
        assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, SP_STR_LITERAL("w1"), parts, 2, &entity), SP_OK);
        assert_int_equal(sp_changeset_put(world.set, &entity, &stored.base), SP_OK);
    }
    world_put_resource(&world, 1, false, "mm");
    world_commit(&world);
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_TEXT,
                             .credential = {(const uint8_t *)text, strlen(text)},
                             .resource_type = SP_STR_LITERAL("note"),
                             .action = SP_STR_LITERAL("read"),
                             .now_s = NOW_S};
    list_all(&world, step_resources, &query, (struct sp_list_limits){1, 2, 0}, &listed);
    join(&listed, found, sizeof(found));
    assert_string_equal(found, "m1 mm na");
    world_fini(&world);
}

/* ---- damage ---- */

struct damage {
    struct world *world;
    struct sp_snapshot *snapshot;
    uint64_t random;
    size_t bytes, refused;
};

static enum sp_status keep_whatever(void *context, struct sp_str id, uint8_t principal_kind) {
    struct listed *listed = context;
    (void)principal_kind;
    if (listed->count == LISTED_MAX || id.size >= ID_BYTES)
        return SP_ERR_MEMORY;
    memcpy(listed->ids[listed->count], id.data, id.size);
    listed->ids[listed->count++][id.size] = '\0';
    return SP_OK;
}

static void check_damaged(struct damage *damage, const struct sp_query *query, bool principals, const char *allowed) {
    static struct listed listed;
    struct sp_list_place place = {0};
    struct sp_list_limits limits = {100, 100, 0};
    listed.count = 0;
    assert_int_equal(sp_snapshot_acquire(damage->snapshot), SP_OK);
    struct sp_view *view = sp_snapshot_view(damage->snapshot);
    enum sp_status status =
        principals ? sp_list_principals(view, query, 0, &limits, keep_whatever, &listed, &place, &listed.end)
                   : sp_list_resources(view, query, &limits, keep_whatever, &listed, &place, &listed.end);
    sp_snapshot_release(damage->snapshot);
    damage->refused += status != SP_OK;
    for (size_t i = 0; status == SP_OK && i < listed.count; i++)
        if (strstr(allowed, listed.ids[i]) == NULL)
            fail_msg("\"%s\" is listed, but only \"%s\" are allowed", listed.ids[i], allowed);
}

static void damage_one(void *context, enum sp_database database, uint64_t file_offset) {
    struct damage *damage = context;
    char text[SP_KEY_TEXT_BYTES];
    struct decide_key key = {1, MEMBER, 0};
    uint8_t bits = (uint8_t)(1U << world_random(&damage->random) % 8);
    (void)database;
    decide_key_text(&key, text);
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_TEXT,
                             .credential = {(const uint8_t *)text, strlen(text)},
                             .resource_type = SP_STR_LITERAL("voice"),
                             .resource_id = SP_STR_LITERAL("vb"),
                             .action = SP_STR_LITERAL("edit"),
                             .workspace = SP_STR_LITERAL("w1"),
                             .now_s = NOW_S};
    damage->bytes++;
    raw_flip(damage->world, file_offset, bits);
    check_damaged(damage, &query, false, "vb");
    check_damaged(damage, &query, true, "p1 p2");
    raw_flip(damage->world, file_offset, bits);
}

static void damage_never_adds_to_a_list(void **state) {
    (void)state;
    static const enum sp_database databases[] = {SP_DB_RESOURCE, SP_DB_PRINCIPAL, SP_DB_SUBJECT_RES, SP_DB_SUBJECT,
                                                 SP_DB_ENTITY};
    struct world world;
    decide_world_init(&world);
    struct damage damage = {.world = &world, .random = world_seed("damage")};
    assert_int_equal(sp_snapshot_open(world.store, &damage.snapshot), SP_OK);
    for (size_t i = 0; i < sizeof(databases) / sizeof(*databases); i++)
        raw_each_byte(&world, databases[i], damage_one, &damage);
    print_message("%zu bytes were damaged, %zu lists were refused\n", damage.bytes, damage.refused);
    assert_true(damage.bytes > 300 && damage.refused > 50);
    sp_snapshot_close(damage.snapshot);
    world_fini(&world);
}

/* A list trusts the entities for one thing, a principal's number. */
static void a_principal_with_anothers_number_is_damage(void **state) {
    (void)state;
    struct world world;
    struct sp_snapshot *snapshot;
    struct sp_key key;
    struct sp_entity_key entity, other;
    decide_world_init(&world);
    assert_int_equal(sp_entity_key_1(SP_KIND_PRINCIPAL, SP_STR_LITERAL("w1"), SP_STR_LITERAL("p4"), &entity), SP_OK);
    assert_int_equal(sp_entity_key_1(SP_KIND_PRINCIPAL, SP_STR_LITERAL("w1"), SP_STR_LITERAL("p1"), &other), SP_OK);
    world_begin(&world);
    struct sp_bytes value;
    assert_int_equal(
        sp_view_get(sp_write_view(world.write), SP_DB_ENTITY, (struct sp_bytes){other.bytes, other.size}, &value),
        SP_OK);
    uint8_t copy[512];
    assert_true(value.size < sizeof(copy));
    memcpy(copy, value.data, value.size);
    struct sp_bytes to = {entity.bytes, entity.size};
    assert_int_equal(sp_write_put(world.write, SP_DB_ENTITY, to, (struct sp_bytes){copy, value.size}, 0), SP_OK);
    world_commit(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_view *view = sp_snapshot_view(snapshot);
    assert_int_equal(sp_principal_key(view, SP_STR_LITERAL("w1"), SP_STR_LITERAL("p1"), 0, &key), SP_OK);
    assert_int_equal(sp_principal_key(view, SP_STR_LITERAL("w1"), SP_STR_LITERAL("p4"), 0, &key), SP_ERR_CORRUPT);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    world_fini(&world);
}

static int set_up(void **state) {
    (void)state;
    decide_world_init(&fixed);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_fini(&fixed);
    return 0;
}

enum { SINGLE_TESTS = 7 };

int main(void) {
    struct CMUnitTest tests[RESOURCE_VECTORS + PRINCIPAL_VECTORS + SINGLE_TESTS] = {
        cmocka_unit_test(a_visitors_status_ends_the_step_and_leaves_the_place),
        cmocka_unit_test(principals_can_be_listed_by_kind),
        cmocka_unit_test(a_principal_as_such_is_answered_as_its_key_is),
        cmocka_unit_test(what_changes_between_two_steps_shows_after_the_place_only),
        cmocka_unit_test(what_was_registered_for_a_removed_type_is_not_listed),
        cmocka_unit_test(damage_never_adds_to_a_list),
        cmocka_unit_test(a_principal_with_anothers_number_is_damage),
    };
    static struct resource_vector resource_cases[RESOURCE_VECTORS];
    static struct principal_vector principal_cases[PRINCIPAL_VECTORS];
    for (size_t i = 0; i < RESOURCE_VECTORS; i++) {
        resource_cases[i] = resource_vectors[i];
        tests[SINGLE_TESTS + i] = (struct CMUnitTest){.name = resource_vectors[i].name,
                                                      .test_func = lists_the_resources_that_the_table_says,
                                                      .initial_state = &resource_cases[i]};
    }
    for (size_t i = 0; i < PRINCIPAL_VECTORS; i++) {
        principal_cases[i] = principal_vectors[i];
        tests[SINGLE_TESTS + RESOURCE_VECTORS + i] =
            (struct CMUnitTest){.name = principal_vectors[i].name,
                                .test_func = lists_the_principals_that_the_table_says,
                                .initial_state = &principal_cases[i]};
    }
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
