/* The decision table of DESIGN section 3 as questions and answers, over a real store. */
#include "base/text.h"
#include "core/decision.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "decide_world.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "store/records/store_time.h"

enum credential { KEY, MISTYPED, NEVER_MADE, EMPTY, BY_SHA256, SHA256_NEVER_MADE, SHA256_SHORT };

static const struct vector {
    const char *name;
    struct decide_key key;
    enum credential credential;
    const char *ip; /* NULL: not known */
    const char *type;
    const char *id;
    const char *action;
    const char *workspace;
    bool stale;
    enum sp_reason reason;
    enum sp_role role;
} vectors[] = {
/* One question a line. */
/* clang-format off */
#define IN "203.0.113.9"
#define OUT "198.51.100.9"
    /* every reason */
    {"allows a role that suffices",             {1, MEMBER, 0},              KEY, OUT, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows by the group's higher role",       {1, MEMBER, 0},              KEY, OUT, "voice", "vb", "edit", "", false, SP_REASON_ALLOWED, SP_ROLE_EDITOR},
    {"allows by the key's SHA-256",             {1, MEMBER, 0},              BY_SHA256, OUT, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows an id inside the workspace",       {1, MEMBER, 0},              KEY, OUT, "note", "na", "read", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows with the permission alone",        {1, MEMBER, TTS},            KEY, OUT, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows from a listed IPv4 address",       {1, MEMBER, LISTED},         KEY, IN, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows from it in mapped form",           {1, MEMBER, LISTED},         KEY, "::ffff:203.0.113.9", "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows from a listed IPv6 address",       {1, MEMBER, LISTED},         KEY, "2001:db8::9", "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows from nowhere without a list",      {1, MEMBER, 0},              KEY, NULL, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows a second before expiry",           {1, MEMBER, FUTURE},         KEY, OUT, "voice", "va", "use", "", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows the workspace asserted rightly",   {1, MEMBER, 0},              KEY, OUT, "voice", "va", "use", "w1", false, SP_REASON_ALLOWED, SP_ROLE_VIEWER},
    {"allows an admin of the workspace",        {1, ADMIN, 0},               KEY, OUT, "voice", "vc", "edit", "", false, SP_REASON_ALLOWED, SP_ROLE_ADMIN},
    {"allows an admin an id in it",             {1, ADMIN, 0},               KEY, OUT, "note", "any", "read", "", false, SP_REASON_ALLOWED, SP_ROLE_ADMIN},
    {"allows an action that needs nothing",     {1, BARE, NO_PERMS},         KEY, OUT, "voice", "", "preview", "", false, SP_REASON_ALLOWED, SP_ROLE_NONE},
    {"allows it on a resource not shared",      {1, BARE, NO_PERMS},         KEY, OUT, "voice", "va", "preview", "", false, SP_REASON_ALLOWED, SP_ROLE_NONE},
    {"denies from a stale store",               {1, MEMBER, 0},              KEY, OUT, "voice", "va", "use", "", true, SP_REASON_STALE, SP_ROLE_NONE},
    {"denies a mistyped key",                   {1, MEMBER, 0},              MISTYPED, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_MALFORMED, SP_ROLE_NONE},
    {"denies no key",                           {1, MEMBER, 0},              EMPTY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_MALFORMED, SP_ROLE_NONE},
    {"denies a SHA-256 that is too short",      {1, MEMBER, 0},              SHA256_SHORT, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_MALFORMED, SP_ROLE_NONE},
    {"denies a key never made",                 {1, MEMBER, 0},              NEVER_MADE, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_UNKNOWN, SP_ROLE_NONE},
    {"denies a SHA-256 never made",             {1, MEMBER, 0},              SHA256_NEVER_MADE, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_UNKNOWN, SP_ROLE_NONE},
    {"denies a disabled key",                   {1, MEMBER, DISABLED},       KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_DISABLED, SP_ROLE_NONE},
    {"denies at the second of expiry",          {1, MEMBER, EXPIRED},        KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_EXPIRED, SP_ROLE_NONE},
    {"denies in a disabled workspace",          {3, ADMIN_OF_W3, 0},         KEY, OUT, "voice", "", "preview", "", false, SP_REASON_WORKSPACE_DISABLED, SP_ROLE_NONE},
    {"denies in a workspace that is gone",      {9, ADMIN, 0},               KEY, OUT, "voice", "", "preview", "", false, SP_REASON_WORKSPACE_UNKNOWN, SP_ROLE_NONE},
    {"denies a disabled principal",             {1, OFF, 0},                 KEY, OUT, "voice", "va", "use", "", false, SP_REASON_PRINCIPAL_DISABLED, SP_ROLE_NONE},
    {"denies a principal that is gone",         {1, DELETED, 0},             KEY, OUT, "voice", "", "preview", "", false, SP_REASON_PRINCIPAL_UNKNOWN, SP_ROLE_NONE},
    {"denies another workspace's principal",    {1, OTHER, 0},               KEY, OUT, "voice", "", "preview", "", false, SP_REASON_PRINCIPAL_UNKNOWN, SP_ROLE_NONE},
    {"denies another workspace asserted",       {1, MEMBER, 0},              KEY, OUT, "voice", "va", "use", "w2", false, SP_REASON_WORKSPACE_MISMATCH, SP_ROLE_NONE},
    {"denies a longer workspace's name",        {1, MEMBER, 0},              KEY, OUT, "voice", "va", "use", "w11", false, SP_REASON_WORKSPACE_MISMATCH, SP_ROLE_NONE},
    {"denies from outside the allowlist",       {1, MEMBER, LISTED},         KEY, OUT, "voice", "va", "use", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"denies from nowhere with a list",         {1, MEMBER, LISTED},         KEY, NULL, "voice", "va", "use", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"denies one below the list",               {1, MEMBER, LISTED},         KEY, "203.0.112.255", "voice", "va", "use", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"denies one above the list",               {1, MEMBER, LISTED},         KEY, "203.0.114.0", "voice", "va", "use", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"denies an admin from outside too",        {1, ADMIN, LISTED},          KEY, OUT, "voice", "va", "use", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"denies an action of no type",             {1, MEMBER, 0},              KEY, OUT, "voice", "va", "read", "", false, SP_REASON_ACTION_UNKNOWN, SP_ROLE_NONE},
    {"denies an action of an unknown type",     {1, MEMBER, 0},              KEY, OUT, "video", "va", "use", "", false, SP_REASON_ACTION_UNKNOWN, SP_ROLE_NONE},
    {"denies no action",                        {1, ADMIN, 0},               KEY, OUT, "voice", "va", "", "", false, SP_REASON_ACTION_UNKNOWN, SP_ROLE_NONE},
    {"denies no type",                          {1, ADMIN, 0},               KEY, OUT, "", "va", "use", "", false, SP_REASON_ACTION_UNKNOWN, SP_ROLE_NONE},
    {"denies without the permission",           {1, MEMBER, TTS},            KEY, OUT, "voice", "vb", "edit", "", false, SP_REASON_PERMISSION_MISSING, SP_ROLE_NONE},
    {"denies an admin without it too",          {1, ADMIN, NO_PERMS},        KEY, OUT, "voice", "va", "use", "", false, SP_REASON_PERMISSION_MISSING, SP_ROLE_NONE},
    {"denies a resource nobody registered",     {1, MEMBER, 0},              KEY, OUT, "voice", "vz", "use", "", false, SP_REASON_RESOURCE_UNKNOWN, SP_ROLE_NONE},
    {"denies another workspace's resource",     {1, MEMBER, 0},              KEY, OUT, "voice", "vx", "use", "", false, SP_REASON_RESOURCE_UNKNOWN, SP_ROLE_NONE},
    {"denies an admin another's resource",      {1, ADMIN, 0},               KEY, OUT, "voice", "vx", "use", "", false, SP_REASON_RESOURCE_UNKNOWN, SP_ROLE_NONE},
    {"denies it where no role is needed",       {1, ADMIN, 0},               KEY, OUT, "voice", "vx", "preview", "", false, SP_REASON_RESOURCE_UNKNOWN, SP_ROLE_NONE},
    {"denies a resource not shared",            {1, MEMBER, 0},              KEY, OUT, "voice", "vc", "use", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    {"denies an id in it not shared",           {1, MEMBER, 0},              KEY, OUT, "note", "nb", "read", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    {"denies another workspace's note",         {2, OTHER, 0},               KEY, OUT, "note", "", "read", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    {"denies a role without an id",             {1, MEMBER, 0},              KEY, OUT, "voice", "", "use", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    {"denies an admin a role without an id",    {1, ADMIN, 0},               KEY, OUT, "voice", "", "use", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    {"denies a role that is too low",           {1, MEMBER, 0},              KEY, OUT, "voice", "va", "edit", "", false, SP_REASON_ROLE_TOO_LOW, SP_ROLE_VIEWER},
    /* each reason goes before the next */
    {"stale before malformed",                  {1, MEMBER, 0},              MISTYPED, OUT, "voice", "va", "use", "", true, SP_REASON_STALE, SP_ROLE_NONE},
    {"malformed before everything after",       {3, OFF_OF_W3, DISABLED | EXPIRED | LISTED | NO_PERMS}, MISTYPED, NULL, "video", "", "x", "w9", false, SP_REASON_KEY_MALFORMED, SP_ROLE_NONE},
    {"unknown before everything after",         {1, MEMBER, 0},              NEVER_MADE, NULL, "video", "", "x", "w9", false, SP_REASON_KEY_UNKNOWN, SP_ROLE_NONE},
    {"disabled key before expired",             {1, MEMBER, DISABLED | EXPIRED}, KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_DISABLED, SP_ROLE_NONE},
    {"disabled key before wrong address",       {1, MEMBER, DISABLED | LISTED}, KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_DISABLED, SP_ROLE_NONE},
    {"disabled key before workspace",           {3, ADMIN_OF_W3, DISABLED},  KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_DISABLED, SP_ROLE_NONE},
    {"expired before workspace",                {3, ADMIN_OF_W3, EXPIRED},   KEY, OUT, "voice", "va", "use", "", false, SP_REASON_KEY_EXPIRED, SP_ROLE_NONE},
    {"workspace before principal",              {3, OFF_OF_W3, 0},           KEY, OUT, "voice", "va", "use", "", false, SP_REASON_WORKSPACE_DISABLED, SP_ROLE_NONE},
    {"workspace before mismatch",               {3, ADMIN_OF_W3, 0},         KEY, OUT, "voice", "va", "use", "w1", false, SP_REASON_WORKSPACE_DISABLED, SP_ROLE_NONE},
    {"principal before mismatch",               {1, OFF, LISTED},            KEY, OUT, "voice", "va", "use", "w2", false, SP_REASON_PRINCIPAL_DISABLED, SP_ROLE_NONE},
    {"mismatch before address",                 {1, MEMBER, LISTED},         KEY, OUT, "voice", "va", "use", "w2", false, SP_REASON_WORKSPACE_MISMATCH, SP_ROLE_NONE},
    {"address before action",                   {1, MEMBER, LISTED},         KEY, OUT, "voice", "va", "none", "", false, SP_REASON_IP_NOT_ALLOWED, SP_ROLE_NONE},
    {"action before permission",                {1, MEMBER, NO_PERMS},       KEY, OUT, "voice", "va", "none", "", false, SP_REASON_ACTION_UNKNOWN, SP_ROLE_NONE},
    {"permission before resource",              {1, MEMBER, NO_PERMS},       KEY, OUT, "voice", "vx", "use", "", false, SP_REASON_PERMISSION_MISSING, SP_ROLE_NONE},
    {"resource before role",                    {1, BARE, 0},                KEY, OUT, "voice", "vx", "edit", "", false, SP_REASON_RESOURCE_UNKNOWN, SP_ROLE_NONE},
    {"not shared for who has no role",          {1, BARE, 0},                KEY, OUT, "voice", "va", "edit", "", false, SP_REASON_NOT_SHARED, SP_ROLE_NONE},
    /* clang-format on */
};

enum { VECTOR_COUNT = sizeof(vectors) / sizeof(*vectors) };

static struct world world;
static struct sp_snapshot *snapshot;
static struct sp_view *view;

static int set_up(void **state) {
    (void)state;
    decide_world_init(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    view = sp_snapshot_view(snapshot);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    world_fini(&world);
    return 0;
}

/* What holds the bytes that a query borrows. */
struct asked {
    char text[SP_KEY_TEXT_BYTES];
    uint8_t sha256[SP_DIGEST_BYTES];
    struct sp_ip ip;
    struct sp_query query;
};

static void present(const struct vector *vector, struct asked *asked) {
    struct decide_key key = vector->key;
    if (vector->credential == NEVER_MADE || vector->credential == SHA256_NEVER_MADE)
        key.workspace = 77;
    decide_key_text(&key, asked->text);
    size_t size = strlen(asked->text);
    if (vector->credential == MISTYPED)
        asked->text[size / 2] = asked->text[size / 2] == 'x' ? 'y' : 'x';
    sp_sha256(asked->text, size, asked->sha256);
    bool by_sha256 = vector->credential >= BY_SHA256;
    asked->query.credential_kind = by_sha256 ? SP_CREDENTIAL_SHA256 : SP_CREDENTIAL_TEXT;
    asked->query.credential = by_sha256 ? (struct sp_bytes){asked->sha256, sizeof(asked->sha256)}
                                        : (struct sp_bytes){(const uint8_t *)asked->text, size};
    if (vector->credential == EMPTY)
        asked->query.credential.size = 0;
    if (vector->credential == SHA256_SHORT)
        asked->query.credential.size--;
}

static void ask(const struct vector *vector, struct asked *asked) {
    asked->query = (struct sp_query){
        .resource_type = sp_str_from(vector->type),
        .resource_id = sp_str_from(vector->id),
        .action = sp_str_from(vector->action),
        .workspace = sp_str_from(vector->workspace),
        .now_s = NOW_S,
        .stale = vector->stale,
    };
    present(vector, asked);
    if (vector->ip != NULL) {
        assert_int_equal(sp_ip_parse(sp_str_from(vector->ip), &asked->ip, NULL), SP_OK);
        asked->query.ip = &asked->ip;
    }
}

static void expect_str(struct sp_str got, const char *wanted) {
    assert_int_equal(got.size, strlen(wanted));
    assert_memory_equal(got.data, wanted, got.size);
}

static void expect_owner(const struct vector *vector, const struct sp_answer *answer) {
    bool revealed = vector->reason == SP_REASON_ALLOWED || vector->reason >= SP_REASON_KEY_DISABLED;
    assert_int_equal(answer->key_found, revealed);
    if (!revealed) {
        assert_int_equal(answer->workspace.size + answer->principal.size + answer->key_id.size, 0);
        assert_int_equal(answer->principal_kind, 0);
        return;
    }
    char text[32];
    snprintf(text, sizeof(text), "w%u", (unsigned)vector->key.workspace);
    expect_str(answer->workspace, text);
    snprintf(text, sizeof(text), "p%u", (unsigned)vector->key.principal);
    expect_str(answer->principal, text);
    snprintf(text, sizeof(text), "k%u", (unsigned)decide_key_number(&vector->key));
    expect_str(answer->key_id, text);
    assert_int_equal(answer->principal_kind, 1);
}

/* Only "vb" is shared with a group, and higher than with its member (decide_world.h). */
static enum sp_via expected_via(const struct vector *vector) {
    if (vector->role == SP_ROLE_NONE)
        return SP_VIA_NONE;
    if (vector->key.principal == ADMIN)
        return SP_VIA_WORKSPACE_ADMIN;
    return strcmp(vector->id, "vb") == 0 ? SP_VIA_GROUP : SP_VIA_DIRECT;
}

static void answers_as_the_table_says(void **state) {
    const struct vector *vector = *state;
    struct asked asked;
    struct sp_answer answer = {0};
    struct sp_revision revision;
    ask(vector, &asked);
    assert_int_equal(sp_check(view, &asked.query, &answer), SP_OK);
    assert_string_equal(sp_reason_name(answer.reason), sp_reason_name(vector->reason));
    assert_int_equal(answer.allowed, vector->reason == SP_REASON_ALLOWED);
    assert_string_equal(sp_role_name(answer.role), sp_role_name(vector->role));
    assert_string_equal(sp_via_name(answer.via), sp_via_name(expected_via(vector)));
    expect_owner(vector, &answer);
    assert_int_equal(sp_view_revision(view, &revision), SP_OK);
    assert_int_equal(answer.revision.epoch, revision.epoch);
    assert_int_equal(answer.revision.number, revision.number);
}

static void every_reason_is_reached(void **state) {
    (void)state;
    bool reached[SP_REASON_COUNT] = {false};
    for (size_t i = 0; i < VECTOR_COUNT; i++)
        reached[vectors[i].reason] = true;
    for (unsigned reason = SP_REASON_ALLOWED; reason <= SP_REASON_ROLE_TOO_LOW; reason++) {
        if (!reached[reason])
            fail_msg("no vector reaches %s", sp_reason_name((enum sp_reason)reason));
    }
}

/* ---- beside the table ---- */

static struct sp_reason_answer {
    enum sp_status status;
    struct sp_answer answer;
} check(const struct sp_query *query) {
    struct sp_reason_answer result = {.answer = {0}};
    result.status = sp_check(view, query, &result.answer);
    return result;
}

static void the_credential_alone_is_judged_by_steps_1_to_6(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct vector *vector = &vectors[i];
        struct asked asked;
        struct sp_presented presented = {0};
        if (vector->stale)
            continue;
        ask(vector, &asked);
        assert_int_equal(sp_check_credential(view, &asked.query, &presented), SP_OK);
        bool beyond = vector->reason == SP_REASON_ALLOWED ||
                      (vector->reason > SP_REASON_IP_NOT_ALLOWED && vector->reason <= SP_REASON_ROLE_TOO_LOW);
        assert_int_equal(presented.reason, beyond ? SP_REASON_NONE : vector->reason);
        assert_int_equal(presented.key_found, beyond || vector->reason >= SP_REASON_KEY_DISABLED);
        assert_int_equal(presented.principal.workspace_admin && presented.reason == SP_REASON_NONE,
                         beyond && (vector->key.principal == ADMIN || vector->key.principal == OTHER));
    }
}

static void a_known_key_is_judged_as_if_it_were_presented(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct asked asked;
        struct sp_presented presented = {0};
        ask(&vectors[i], &asked);
        assert_int_equal(sp_check_credential(view, &asked.query, &presented), SP_OK);
        if (!presented.key_found || vectors[i].stale)
            continue;
        struct sp_key key = presented.key;
        asked.query.credential_kind = SP_CREDENTIAL_KNOWN;
        asked.query.credential = (struct sp_bytes){0};
        asked.query.known_key = &key;
        struct sp_reason_answer got = check(&asked.query);
        assert_int_equal(got.status, SP_OK);
        assert_int_equal(got.answer.reason, vectors[i].reason);
        assert_int_equal(got.answer.role, vectors[i].role);
    }
}

static void over_long_names_deny(void **state) {
    (void)state;
    static char name[300];
    memset(name, 'v', sizeof(name));
    struct sp_str long_id = {name, SP_RESOURCE_ID_MAX_BYTES + 1};
    struct sp_str long_word = {name, SP_ID_MAX_BYTES + 1};
    struct asked asked;
    ask(&(struct vector){.key = {1, ADMIN, 0}, .type = "voice", .id = "va", .action = "use", .workspace = ""}, &asked);
    struct sp_query query = asked.query;
    query.resource_id = long_id;
    assert_int_equal(check(&query).answer.reason, SP_REASON_RESOURCE_UNKNOWN);
    query.resource_type = sp_str_from("note");
    query.action = sp_str_from("read");
    assert_int_equal(check(&query).answer.reason, SP_REASON_NOT_SHARED);
    query.resource_type = long_word;
    assert_int_equal(check(&query).answer.reason, SP_REASON_ACTION_UNKNOWN);
    query.resource_type = sp_str_from("note");
    query.action = long_word;
    assert_int_equal(check(&query).answer.reason, SP_REASON_ACTION_UNKNOWN);
}

static void every_single_trait_only_takes_away(void **state) {
    (void)state;
    static const char *const ids[] = {"va", "vb", "vc", "vx", "vz", ""};
    static const char *const actions[] = {"use", "edit", "preview"};
    static const unsigned traits[] = {DISABLED, EXPIRED, LISTED, NO_PERMS, TTS};
    for (unsigned i = 0; i < 6 * 3 * 5 * 64; i++) {
        unsigned more = traits[i % 5];
        struct vector vector = {.key = {1, i / 5 % 2 == 0 ? ADMIN : MEMBER, i / 90 % 64},
                                .ip = i / 7 % 2 == 0 ? IN : OUT,
                                .type = "voice",
                                .id = ids[i / 5 % 6],
                                .action = actions[i / 30 % 3],
                                .workspace = ""};
        struct asked asked;
        ask(&vector, &asked);
        struct sp_reason_answer before = check(&asked.query);
        bool narrower = (vector.key.traits & (more | NO_PERMS)) == 0;
        vector.key.traits |= more;
        ask(&vector, &asked);
        struct sp_reason_answer after = check(&asked.query);
        assert_int_equal(before.status, SP_OK);
        assert_int_equal(after.status, SP_OK);
        if (narrower && after.answer.allowed)
            assert_true(before.answer.allowed);
    }
}

static void reasons_have_their_http_status(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned http_status;
    } rows[SP_REASON_COUNT] = {
        {"REASON_UNSPECIFIED", 500},
        {"ALLOWED", 200},
        {"STALE", 503},
        {"KEY_MALFORMED", 401},
        {"KEY_UNKNOWN", 401},
        {"KEY_DISABLED", 401},
        {"KEY_EXPIRED", 401},
        {"WORKSPACE_DISABLED", 401},
        {"PRINCIPAL_DISABLED", 401},
        {"WORKSPACE_MISMATCH", 403},
        {"IP_NOT_ALLOWED", 403},
        {"ACTION_UNKNOWN", 403},
        {"PERMISSION_MISSING", 403},
        {"RESOURCE_UNKNOWN", 403},
        {"NOT_SHARED", 403},
        {"ROLE_TOO_LOW", 403},
        {"ROUTE_UNKNOWN", 403},
        {"CREDENTIAL_MISSING", 401},
        {"CREDENTIAL_AMBIGUOUS", 401},
        {"REQUEST_MALFORMED", 400},
        {"WORKSPACE_UNKNOWN", 401},
        {"PRINCIPAL_UNKNOWN", 401},
    };
    for (unsigned i = 0; i < SP_REASON_COUNT; i++) {
        assert_string_equal(sp_reason_name((enum sp_reason)i), rows[i].name);
        assert_int_equal(sp_reason_http_status((enum sp_reason)i), rows[i].http_status);
    }
}

/* Flips a bit in every place of the data file where `mark` stands. */
static size_t damage(const char *folder, const char *mark) {
    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    size_t found = 0;
    char *end = bytes + size;
    for (char *at = bytes; (at = memmem(at, (size_t)(end - at), mark, strlen(mark))) != NULL; at++, found++) {
        assert_int_equal(fseek(file, at - bytes, SEEK_SET), 0);
        assert_int_not_equal(fputc(*at ^ 1, file), EOF);
    }
    assert_int_equal(fclose(file), 0);
    free(bytes);
    return found;
}

static void a_damaged_key_record_is_an_error_and_no_answer(void **state) {
    (void)state;
    struct world broken;
    struct sp_snapshot *reader;
    decide_world_init(&broken);
    sp_store_close(broken.store);
    broken.store = NULL;
    struct decide_key key = {1, MEMBER, 0};
    assert_true(damage(broken.path, "k10200p2w1") > 0);
    world_reopen(&broken, &(struct sp_store_options){.mode = SP_STORE_WRITE, .no_sync = true});
    assert_int_equal(sp_snapshot_open(broken.store, &reader), SP_OK);
    assert_int_equal(sp_snapshot_acquire(reader), SP_OK);
    struct asked asked;
    ask(&(struct vector){.key = key, .type = "voice", .id = "va", .action = "use", .workspace = ""}, &asked);
    struct sp_answer answer = {.reason = SP_REASON_STALE, .role = SP_ROLE_EDITOR};
    assert_int_equal(sp_check(sp_snapshot_view(reader), &asked.query, &answer), SP_ERR_CORRUPT);
    assert_int_equal(answer.reason, SP_REASON_STALE);
    assert_int_equal(answer.role, SP_ROLE_EDITOR);
    assert_false(answer.allowed);
    sp_snapshot_release(reader);
    sp_snapshot_close(reader);
    world_fini(&broken);
}

static enum sp_reason reason_at(struct sp_store *store, const struct decide_key *key, int64_t now_s) {
    struct sp_snapshot *reader = NULL;
    struct asked asked;
    struct sp_answer answer;
    assert_int_equal(sp_snapshot_open(store, &reader), SP_OK);
    assert_int_equal(sp_snapshot_acquire(reader), SP_OK);
    ask(&(struct vector){.key = *key, .type = "voice", .id = "va", .action = "use", .workspace = ""}, &asked);
    asked.query.now_s = now_s;
    assert_int_equal(sp_check(sp_snapshot_view(reader), &asked.query, &answer), SP_OK);
    sp_snapshot_release(reader);
    sp_snapshot_close(reader);
    return answer.reason;
}

static void a_clock_that_was_set_back_revives_no_expired_key(void **state) {
    (void)state;
    struct world own;
    struct sp_write *write;
    struct sp_error error = {0};
    const struct decide_key key = {1, MEMBER, FUTURE};
    decide_world_init(&own);
    assert_int_equal(reason_at(own.store, &key, NOW_S), SP_REASON_ALLOWED);
    assert_int_equal(sp_write_begin(own.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_accept_time(write, NOW_S + 1), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(reason_at(own.store, &key, NOW_S), SP_REASON_KEY_EXPIRED);
    assert_int_equal(reason_at(own.store, &key, 1), SP_REASON_KEY_EXPIRED);
    world_fini(&own);
}

int main(void) {
    struct CMUnitTest tests[VECTOR_COUNT + 8] = {
        cmocka_unit_test(every_reason_is_reached),
        cmocka_unit_test(the_credential_alone_is_judged_by_steps_1_to_6),
        cmocka_unit_test(a_known_key_is_judged_as_if_it_were_presented),
        cmocka_unit_test(over_long_names_deny),
        cmocka_unit_test(every_single_trait_only_takes_away),
        cmocka_unit_test(reasons_have_their_http_status),
        cmocka_unit_test(a_damaged_key_record_is_an_error_and_no_answer),
        cmocka_unit_test(a_clock_that_was_set_back_revives_no_expired_key),
    };
    static struct vector cases[VECTOR_COUNT];
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        cases[i] = vectors[i];
        tests[8 + i] = (struct CMUnitTest){
            .name = vectors[i].name, .test_func = answers_as_the_table_says, .initial_state = &cases[i]};
    }
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
