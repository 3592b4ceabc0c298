/* Lists of resources and of principals: a table over the decision tables' world, and random worlds where every list is held
 * against sp_check asked about everything there is. */
#include "decide_world.h"

#include <inttypes.h>

#include "core/key_text.h"
#include "decide/list.h"

enum { LISTED_MAX = 512, ID_BYTES = 300 };

struct listed {
    char ids[LISTED_MAX][ID_BYTES];
    uint8_t kinds[LISTED_MAX];
    size_t count;
    size_t steps;
    struct sp_list_end end;
};

static enum sp_status keep(void *context, struct sp_str id, uint8_t principal_kind) {
    struct listed *listed = context;
    assert_true(listed->count < LISTED_MAX && id.size > 0 && id.size < ID_BYTES);
    memcpy(listed->ids[listed->count], id.data, id.size);
    listed->ids[listed->count][id.size] = '\0';
    listed->kinds[listed->count++] = principal_kind;
    return SP_OK;
}

typedef enum sp_status one_step(struct sp_view *view, const struct sp_query *query, struct sp_list_limits limits,
                                struct sp_list_place *place, struct listed *listed);

static enum sp_status step_resources(struct sp_view *view, const struct sp_query *query, struct sp_list_limits limits,
                                     struct sp_list_place *place, struct listed *listed) {
    return sp_list_resources(view, query, &limits, keep, listed, place, &listed->end);
}

static enum sp_status step_principals(struct sp_view *view, const struct sp_query *query, struct sp_list_limits limits,
                                      struct sp_list_place *place, struct listed *listed) {
    return sp_list_principals(view, query, 0, &limits, keep, listed, place, &listed->end);
}

/* All steps, each from a snapshot of its own; asserts what holds for every list. */
static void list_all(struct world *world, one_step *step, const struct sp_query *query, struct sp_list_limits limits,
                     struct listed *ret_listed) {
    struct sp_snapshot *snapshot;
    struct sp_list_place place = {0};
    *ret_listed = (struct listed){0};
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    do {
        size_t before = ret_listed->count;
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        assert_int_equal(step(sp_snapshot_view(snapshot), query, limits, &place, ret_listed), SP_OK);
        sp_snapshot_release(snapshot);
        assert_true(ret_listed->count - before <= limits.results);
        ret_listed->steps++;
        assert_true(ret_listed->steps < 10000);
    } while (!ret_listed->end.complete);
    sp_snapshot_close(snapshot);
    for (size_t i = 1; i < ret_listed->count; i++)
        assert_true(strcmp(ret_listed->ids[i - 1], ret_listed->ids[i]) < 0);
}

static void join(const struct listed *listed, char *ret_text, size_t size) {
    size_t at = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < listed->count; i++)
        at += (size_t)snprintf(ret_text + at, size - at, "%s%s", i > 0 ? " " : "", listed->ids[i]);
}

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
    {"lists nothing where nothing is shared",     {1, BARE, 0},          "", "voice", "use", "", false, SP_REASON_ALLOWED, false, ""},
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
    {"nothing for a principal that is gone",      {1, DELETED, 0},       "", "voice", "use", "", false, SP_REASON_PRINCIPAL_DISABLED, false, ""},
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
    {"nobody of a workspace that is not there",   "w9", "voice", "", "preview", false, SP_REASON_WORKSPACE_DISABLED, ""},
    {"nobody of no workspace",                    "", "voice", "", "preview", false, SP_REASON_WORKSPACE_DISABLED, ""},
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
        list_all(&fixed, step_resources, &query, (struct sp_list_limits){results, 5 - results}, &listed);
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
        list_all(&fixed, step_principals, &query, (struct sp_list_limits){results, 5 - results}, &listed);
        join(&listed, found, sizeof(found));
        assert_string_equal(found, vector->ids);
        assert_int_equal(listed.end.reason, vector->reason);
    }
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
        struct sp_list_limits limits = {100, 100};
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
        {"w1", "p2", 1, "va", "use", SP_REASON_PRINCIPAL_DISABLED}, /* it is a service account */
        {"w1", "p2", 0, "va", "edit", SP_REASON_ROLE_TOO_LOW},
        {"w1", "p4", 0, "va", "use", SP_REASON_NOT_SHARED},
        {"w1", "p1", 0, "vc", "edit", SP_REASON_ALLOWED},
        {"w1", "p1", 0, "vx", "use", SP_REASON_RESOURCE_UNKNOWN},
        {"w1", "p3", 0, "va", "use", SP_REASON_PRINCIPAL_DISABLED},
        {"w1", "p8", 0, "va", "use", SP_REASON_PRINCIPAL_DISABLED}, /* deleted */
        {"w1", "p5", 0, "va", "use", SP_REASON_PRINCIPAL_DISABLED}, /* of another workspace */
        {"w1", "", 0, "va", "preview", SP_REASON_PRINCIPAL_DISABLED},
        {"w3", "p6", 0, "", "preview", SP_REASON_WORKSPACE_DISABLED},
        {"w9", "p1", 0, "", "preview", SP_REASON_WORKSPACE_DISABLED},
        {"", "p1", 0, "", "preview", SP_REASON_WORKSPACE_DISABLED},
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
    struct sp_list_limits limits = {1, 100};
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

/* A type that was removed from the schema and comes back under its name is another one: what was registered for the old one
 * is known to nobody. */
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
    list_all(&world, step_resources, &query, (struct sp_list_limits){1, 2}, &listed);
    join(&listed, found, sizeof(found));
    assert_string_equal(found, "m1 mm na");
    world_fini(&world);
}

/* ---- random worlds ---- */

enum { ROUNDS = 6, WORKSPACES = 3, PRINCIPALS = 12, GROUPS = 8, IDS = 40, FIRST_KEY = 100000 };

static void random_id(uint64_t *random, char ret_id[static 8]) {
    /* Short ones of few letters: many are prefixes of each other. */
    size_t size = world_random(random) % 3 + 1;
    for (size_t i = 0; i < size; i++)
        ret_id[i] = "a-Z\x7e"[world_random(random) % 4];
    ret_id[size] = '\0';
}

struct things {
    char ids[IDS][8];
    uint64_t owners[IDS]; /* of voices */
};

static void put_random_grant(struct world *world, uint64_t *random, const struct things *things) {
    size_t i = world_random(random) % IDS;
    bool voice = world_random(random) % 2 == 0;
    uint64_t workspace = voice ? things->owners[i] : world_random(random) % WORKSPACES + 1;
    bool group = world_random(random) % 2 == 0;
    uint64_t subject = group ? 1000 + workspace * 100 + world_random(random) % GROUPS
                             : workspace * 100 + world_random(random) % PRINCIPALS;
    struct world_grant grant = {voice, things->ids[i], group ? 'g' : 'p', subject, (int)(world_random(random) % 4) + 1};
    world_put_grant(world, workspace, &grant);
}

static void put_random_people(struct world *world, uint64_t *random, uint64_t workspace) {
    world_put_workspace(world, workspace, workspace == 3 && world_random(random) % 2 == 0);
    for (uint64_t p = 0; p < PRINCIPALS; p++) {
        uint64_t number = workspace * 100 + p;
        bool disabled = world_random(random) % 6 == 0;
        if (world_random(random) % 3 == 0)
            world_put_service_account(world, workspace, number, disabled);
        else
            world_put_user(world, workspace, number, world_random(random) % 5 == 0, disabled);
        world_put_key(world, workspace,
                      &(struct world_key){.number = FIRST_KEY + number, .principal = number, .all = true});
    }
    for (uint64_t g = 0; g < GROUPS; g++) {
        world_put_group(world, workspace, 1000 + workspace * 100 + g);
        for (uint64_t p = 0; p < PRINCIPALS; p++)
            if (world_random(random) % 3 == 0)
                world_put_member(world, workspace, 1000 + workspace * 100 + g, workspace * 100 + p);
    }
}

static void fill(struct world *world, uint64_t *random, struct things *things) {
    world_begin(world);
    for (uint64_t workspace = 1; workspace <= WORKSPACES; workspace++)
        put_random_people(world, random, workspace);
    for (size_t i = 0; i < IDS; i++) {
        bool is_new = false;
        while (!is_new) {
            random_id(random, things->ids[i]);
            is_new = true;
            for (size_t j = 0; j < i && is_new; j++)
                is_new = strcmp(things->ids[i], things->ids[j]) != 0;
        }
        things->owners[i] = world_random(random) % WORKSPACES + 1;
        world_put_resource(world, things->owners[i], true, things->ids[i]);
        if (world_random(random) % 3 == 0)
            world_put_resource(world, world_random(random) % WORKSPACES + 1, false, things->ids[i]);
    }
    for (size_t i = 0; i < 100; i++)
        put_random_grant(world, random, things);
    world_commit(world);
}

static bool allowed(struct world *world, const struct sp_query *query) {
    struct sp_snapshot *snapshot;
    struct sp_answer answer;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_check(sp_snapshot_view(snapshot), query, &answer), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return answer.allowed;
}

static bool holds(const struct listed *listed, const char *id) {
    for (size_t i = 0; i < listed->count; i++)
        if (strcmp(listed->ids[i], id) == 0)
            return true;
    return false;
}

/* A note is known where it is registered or shared; an ADMIN may read any. */
static bool is_known_note(struct world *world, uint64_t workspace, const char *id) {
    struct sp_snapshot *snapshot;
    char workspace_id[24];
    struct sp_entity_key key;
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_str parts[] = {SP_STR_LITERAL("note"), sp_str_from(id)};
    bool known = false;
    enum sp_role role = SP_ROLE_NONE;
    snprintf(workspace_id, sizeof(workspace_id), "w%" PRIu64, workspace);
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, sp_str_from(workspace_id), parts, 2, &key), SP_OK);
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_entity_exists(sp_snapshot_view(snapshot), &key, &known), SP_OK);
    for (uint64_t p = 0; p < PRINCIPALS && role == SP_ROLE_NONE; p++)
        assert_int_equal(sp_index_effective_role(sp_snapshot_view(snapshot),
                                                 world_resource_key(workspace, false, id, buffer), workspace * 100 + p,
                                                 &role),
                         SP_OK);
    for (uint64_t g = 0; g < GROUPS && role == SP_ROLE_NONE; g++) /* as a subject of its own: groups without members */
        assert_int_equal(sp_index_effective_role(sp_snapshot_view(snapshot),
                                                 world_resource_key(workspace, false, id, buffer),
                                                 1000 + workspace * 100 + g, &role),
                         SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return known || role != SP_ROLE_NONE;
}

static const struct {
    bool voice;
    const char *action;
} asked_actions[] = {{true, "use"}, {true, "edit"}, {true, "preview"}, {false, "read"}};

static struct sp_query query_of(uint64_t principal, size_t action, uint8_t digest[static 32]) {
    uint64_t key_number = FIRST_KEY + principal;
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN,
                             .resource_type = sp_str_from(asked_actions[action].voice ? "voice" : "note"),
                             .action = sp_str_from(asked_actions[action].action),
                             .now_s = NOW_S};
    world_digest_of(key_number, digest);
    return query;
}

/* A key that was looked up beforehand: the worlds' digests are of no text. */
static struct sp_key key_of(struct world *world, const uint8_t digest[static 32], char texts[3][24],
                            uint64_t principal) {
    struct sp_snapshot *snapshot;
    struct sp_key key;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digest, &key), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    snprintf(texts[0], 24, "k%" PRIu64, FIRST_KEY + principal);
    snprintf(texts[1], 24, "p%" PRIu64, principal);
    snprintf(texts[2], 24, "w%" PRIu64, principal / 100);
    key.id = sp_str_from(texts[0]);
    key.principal = sp_str_from(texts[1]);
    key.workspace = sp_str_from(texts[2]);
    return key;
}

static struct sp_list_limits random_limits(uint64_t *random) {
    return (struct sp_list_limits){world_random(random) % 7 + 1, world_random(random) % 13 + 1};
}

static size_t compare_resources(struct world *world, uint64_t *random, const struct things *things, uint64_t principal,
                                size_t action) {
    static struct listed listed;
    uint8_t digest[32];
    char texts[3][24];
    struct sp_query query = query_of(principal, action, digest);
    struct sp_key key = key_of(world, digest, texts, principal);
    size_t expected = 0;
    query.known_key = &key;
    list_all(world, step_resources, &query, random_limits(random), &listed);
    for (size_t i = 0; i < IDS; i++) {
        query.resource_id = sp_str_from(things->ids[i]);
        bool known = asked_actions[action].voice || is_known_note(world, principal / 100, things->ids[i]);
        bool should = known && allowed(world, &query);
        if (should != holds(&listed, things->ids[i]))
            fail_msg("p%" PRIu64 " %s %s: check says %d, the list differs", principal, asked_actions[action].action,
                     things->ids[i], should);
        expected += should;
    }
    assert_int_equal(listed.count, expected);
    return expected;
}

static size_t compare_principals(struct world *world, uint64_t *random, const struct things *things, uint64_t workspace,
                                 size_t action, size_t thing) {
    static struct listed listed;
    char workspace_id[24], id[24];
    uint8_t digest[32];
    size_t expected = 0;
    snprintf(workspace_id, sizeof(workspace_id), "w%" PRIu64, workspace);
    struct sp_query query = query_of(workspace * 100, action, digest);
    query.workspace = sp_str_from(workspace_id);
    query.resource_id = sp_str_from(things->ids[thing]);
    list_all(world, step_principals, &query, random_limits(random), &listed);
    for (uint64_t p = 0; p < PRINCIPALS; p++) {
        char texts[3][24];
        uint64_t principal = workspace * 100 + p;
        world_digest_of(FIRST_KEY + principal, digest);
        struct sp_key key = key_of(world, digest, texts, principal);
        query.known_key = &key;
        snprintf(id, sizeof(id), "p%" PRIu64, principal);
        bool should = allowed(world, &query);
        if (should != holds(&listed, id))
            fail_msg("%s %s %s: check says %d, the list differs", id, asked_actions[action].action, things->ids[thing],
                     should);
        expected += should;
    }
    assert_int_equal(listed.count, expected);
    return expected;
}

static void lists_are_what_check_allows_in_any_world(void **state) {
    (void)state;
    uint64_t random = world_seed("lists");
    size_t resources = 0, principals = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct world world;
        static struct things things;
        world_init(&world);
        fill(&world, &random, &things);
        for (uint64_t workspace = 1; workspace <= WORKSPACES; workspace++)
            for (size_t action = 0; action < 4; action++) {
                for (uint64_t p = 0; p < PRINCIPALS; p++)
                    resources += compare_resources(&world, &random, &things, workspace * 100 + p, action);
                for (size_t i = 0; i < IDS; i += 3)
                    principals += compare_principals(&world, &random, &things, workspace, action, i);
            }
        world_fini(&world);
    }
    print_message("%zu resources and %zu principals were listed\n", resources, principals);
    assert_true(resources > 1000 && principals > 1000);
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

int main(void) {
    struct CMUnitTest tests[RESOURCE_VECTORS + PRINCIPAL_VECTORS + 5] = {
        cmocka_unit_test(principals_can_be_listed_by_kind),
        cmocka_unit_test(a_principal_as_such_is_answered_as_its_key_is),
        cmocka_unit_test(what_changes_between_two_steps_shows_after_the_place_only),
        cmocka_unit_test(what_was_registered_for_a_removed_type_is_not_listed),
        cmocka_unit_test(lists_are_what_check_allows_in_any_world),
    };
    static struct resource_vector resource_cases[RESOURCE_VECTORS];
    static struct principal_vector principal_cases[PRINCIPAL_VECTORS];
    for (size_t i = 0; i < RESOURCE_VECTORS; i++) {
        resource_cases[i] = resource_vectors[i];
        tests[5 + i] = (struct CMUnitTest){.name = resource_vectors[i].name,
                                           .test_func = lists_the_resources_that_the_table_says,
                                           .initial_state = &resource_cases[i]};
    }
    for (size_t i = 0; i < PRINCIPAL_VECTORS; i++) {
        principal_cases[i] = principal_vectors[i];
        tests[5 + RESOURCE_VECTORS + i] = (struct CMUnitTest){.name = principal_vectors[i].name,
                                                              .test_func = lists_the_principals_that_the_table_says,
                                                              .initial_state = &principal_cases[i]};
    }
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
