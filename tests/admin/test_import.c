/* Imports: batches of records that build on each other, all or none, under the rules of single
 * calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/import.h"
#include "core/digest.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"
#include "wire/json_read.h"
#include "wire/json_text.h"

/* Without a prefix of the store. */
static const char foreign_text[] = "foreign-key-of-another-system-0001";

#define WORKSPACE                                                                                                      \
    "{'workspace': {'id': 'w1', 'name': 'One', 'seats': 5, 'plan': 'PLAN_ENTERPRISE', "                                \
    "'features': ['FEATURE_IP_ALLOWLIST'], 'createdAt': '1600000000'}}"
#define ADMIN                                                                                                          \
    "{'principal': {'workspace': 'w1', 'id': 'boss', 'name': 'Boss', 'kind': 'USER', "                                 \
    "'role': 'WORKSPACE_ROLE_ADMIN'}}"
#define BOT "{'principal': {'workspace': 'w1', 'id': 'bot', 'name': 'Bot', 'kind': 'SERVICE_ACCOUNT'}}"
#define GROUP "{'group': {'workspace': 'w1', 'id': 'team', 'name': 'Team'}}"
#define MEMBER "{'membership': {'workspace': 'w1', 'group': 'team', 'principal': 'bot'}}"
#define VOICE "{'resource': {'workspace': 'w1', 'ref': {'type': 'voice', 'id': 'v1'}, 'creator': 'boss'}}"
#define GRANT                                                                                                          \
    "{'grant': {'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}, "                                        \
    "'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER', 'creator': true, 'grantedAt': '1600000001'}}"
#define KEY_OF(id, principal, rest)                                                                                    \
    "{'apiKey': {'key': {'workspace': 'w1', 'id': '" id "', 'principal': '" principal "', 'name': 'K', "               \
    "'permissions': {'all': true}" rest "}}}"
#define BASE WORKSPACE ", " ADMIN ", " BOT

enum { FIRST_BLOCK_BYTES = 64 * 1024, ARENA_BYTES = 256 * 1024 * 1024 };

struct scene {
    struct admin_fixture fixture;
    struct sp_arena arena;                   /* of the last import */
    Sallyport__V1__ImportResponse *response; /* NULL where it told none */
    struct sp_admin_import_refusals refusals;
    const char *options; /* of the next requests, with a comma; NULL: none */
    atomic_bool gone;    /* the client of the next requests */
    struct sp_error error;
};

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    admin_fixture_open(&scene->fixture, NULL);
    assert_int_equal(sp_arena_init(&scene->arena, FIRST_BLOCK_BYTES, ARENA_BYTES), SP_OK);
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    sp_arena_fini(&scene->arena);
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* Imports records given as JSON, and commits where it works. */
static enum sp_status import_as(struct scene *scene, const char *key, const char *records) {
    sp_arena_reset(&scene->arena);
    char *text =
        sp_arena_printf(&scene->arena, "{%s\"records\": [%s]}", scene->options != NULL ? scene->options : "", records);
    assert_non_null(text);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    json_t *json = NULL;
    ProtobufCMessage *request = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_json_parse(sp_str_from(text), &json, &error), SP_OK);
    if (sp_json_to_message(&sallyport__v1__import_request__descriptor, json, &scene->arena, &request, &error) != SP_OK)
        fail_msg("%s: %s", records, error.message);
    json_decref(json);
    struct sp_admin_caller caller = {
        .credential = sp_str_from(key), .now_s = scene->fixture.now_s, .gone = &scene->gone};
    struct sp_write *write = NULL;
    scene->response = NULL;
    scene->refusals = (struct sp_admin_import_refusals){0};
    scene->error = (struct sp_error){0};
    assert_int_equal(sp_write_begin(scene->fixture.store, &write, &error), SP_OK);
    enum sp_status status = sp_admin_import(write, &caller, (const Sallyport__V1__ImportRequest *)(void *)request,
                                            &scene->arena, &scene->refusals, &scene->response, &scene->error);
    if (status == SP_OK)
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
    else
        sp_write_abort(write);
    return status;
}

static void import_ok(struct scene *scene, const char *records) {
    if (import_as(scene, scene->fixture.operator_key, records) != SP_OK)
        fail_msg("%s: %s", records, scene->error.message);
}

static void import_fails(struct scene *scene, const char *records, enum sp_status status, uint64_t line,
                         const char *says) {
    enum sp_status got = import_as(scene, scene->fixture.operator_key, records);
    if (got != status || strstr(scene->error.message, says) == NULL)
        fail_msg("%s: %s: %s", records, got == SP_OK ? "OK" : sp_status_name(got), scene->error.message);
    assert_int_equal(scene->error.status, status);
    char names[32];
    snprintf(names, sizeof(names), "line %llu: ", (unsigned long long)line);
    assert_null(scene->response);
    assert_memory_equal(scene->error.message, names, strlen(names));
}

static void records_build_on_each_other_within_one_change(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t before = admin_revision(fixture);
    import_ok(scene, BASE ", " GROUP ", " MEMBER ", " VOICE ", " GRANT ", " KEY_OF("k1", "boss", "") ", " KEY_OF(
                         "k2", "bot", ", 'createdAt': '1600000002', 'rotatedFrom': 'k0'"));
    assert_int_equal(admin_revision(fixture), before + 1);
    assert_int_equal(scene->response->applied, 9);
    assert_int_equal(scene->response->revision->number, before + 1);
    assert_int_equal(scene->response->n_secrets, 2);
    assert_int_equal(scene->response->secrets[0]->line, 8);
    assert_string_equal(scene->response->secrets[1]->key_id, "k2");
    const char *boss = admin_keep(fixture, scene->response->secrets[0]->secret);
    const char *bot = admin_keep(fixture, scene->response->secrets[1]->secret);
    admin_ok(fixture, bot, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "apiKey.rotatedFrom"), "k0");
    assert_int_equal(admin_number(fixture, "apiKey.createdAt"), 1600000002);
    assert_string_equal(admin_text(fixture, "apiKey.hint"), bot + strlen(bot) - 4);
    admin_ok(fixture, boss, "ExplainKey",
             "{'keyId': 'k2', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}");
    assert_string_equal(admin_text(fixture, "answer.reason"), "ALLOWED");
    admin_ok(fixture, boss, "ListShares", "{'resource': {'type': 'voice', 'id': 'v1'}}");
    assert_int_equal(admin_length(fixture, "grants"), 1);
    assert_true(admin_flag(fixture, "grants.0.creator"));
    assert_int_equal(admin_number(fixture, "grants.0.grantedAt"), 1600000001);
    admin_ok(fixture, boss, "GetWorkspace", "{}");
    assert_int_equal(admin_number(fixture, "createdAt"), 1600000000);
}

static const char *foreign_key(struct scene *scene, const char *id, const char *hex_of) {
    uint8_t digest[SP_DIGEST_BYTES];
    char hex[2 * SP_DIGEST_BYTES + 1];
    sp_sha256(hex_of, strlen(hex_of), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return admin_format(&scene->fixture,
                        "{'apiKey': {'key': {'workspace': 'w1', 'id': '%s', 'principal': 'bot', 'name': 'F', 'hint': "
                        "'0001', 'permissions': {'all': true}}, 'sha256': '%s'}}",
                        id, hex);
}

static void keys_of_other_systems_work_by_their_digest(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE);
    admin_fails(fixture, foreign_text, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_MALFORMED");
    import_ok(scene, foreign_key(scene, "f1", foreign_text));
    assert_int_equal(scene->response->n_secrets, 0);
    admin_ok(fixture, foreign_text, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "apiKey.id"), "f1");
    assert_string_equal(admin_text(fixture, "apiKey.hint"), "0001");
    admin_fails(fixture, "another-text-of-that-system-0002", "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_UNKNOWN");
    import_fails(scene, foreign_key(scene, "f2", foreign_text), SP_ERR_EXISTS, 1, "already has a key");
    const char *twice =
        admin_format(fixture, "%s, %s", foreign_key(scene, "f3", "some-text"), foreign_key(scene, "f4", "some-text"));
    import_fails(scene, twice, SP_ERR_EXISTS, 2, "sha256");
}

#define FOREIGN_KEY(id, rest, sha256)                                                                                  \
    "{'apiKey': {'key': {'workspace': 'w1', 'id': '" id "', 'principal': 'bot', 'name': 'F', 'hint': '0001', "         \
    "'permissions': {'all': true}" rest "}, 'sha256': '" sha256 "'}}"

/* The SHA-256 of foreign_text, in the forms that exports have. */
static void digests_are_taken_in_the_forms_that_exports_have(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint8_t digest[SP_DIGEST_BYTES];
    char hex[2 * SP_DIGEST_BYTES + 1];
    sp_sha256(foreign_text, strlen(foreign_text), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(hex + 2 * i, 3, "%02X", digest[i]);
    import_ok(scene, BASE);
    import_ok(scene, admin_format(fixture, FOREIGN_KEY("f1", "", "SHA256:%s"), hex));
    admin_ok(fixture, foreign_text, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "apiKey.id"), "f1");
}

static void a_key_that_expired_is_imported_as_expired(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE ", " KEY_OF("k1", "bot", ", 'expiresAt': '1600000000'") ", " KEY_OF(
                         "k2", "bot", ", 'notAfter': '1650000000'"));
    for (size_t i = 0; i < 2; i++) {
        const char *key = admin_keep(fixture, scene->response->secrets[i]->secret);
        admin_fails(fixture, key, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "KEY_EXPIRED");
    }
    admin_ok(fixture, fixture->operator_key, "GetApiKey", "{'workspace': 'w1', 'id': 'k1'}");
    assert_int_equal(admin_number(fixture, "expiresAt"), 1600000000);
    admin_ok(fixture, fixture->operator_key, "GetApiKey", "{'workspace': 'w1', 'id': 'k2'}");
    assert_int_equal(admin_number(fixture, "expiresAt"), 1650000000);
}

/* ---- going on ---- */

#define EVERY_KIND                                                                                                     \
    BASE ", " GROUP ", " MEMBER ", " VOICE ", " GRANT                                                                  \
         ", " KEY_OF("k1", "boss", ", 'allowedIps': ['203.0.113.4']") ", " FOREIGN_KEY(                                \
             "f1", ", 'notAfter': '1650000000'", "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646")
enum { EVERY_KIND_COUNT = 9 };

static void an_import_that_goes_on_skips_what_is_equal(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE ", " GROUP);
    uint64_t revision = admin_revision(fixture);
    scene->options = "'skipEqual': true, ";
    import_ok(scene, EVERY_KIND);
    assert_int_equal(scene->response->skipped, 4);
    assert_int_equal(scene->response->applied, EVERY_KIND_COUNT - 4);
    assert_int_equal(scene->response->n_secrets, 1);
    assert_int_equal(admin_revision(fixture), revision + 1);
    fixture->now_s += 3600;
    import_ok(scene, EVERY_KIND);
    assert_int_equal(scene->response->skipped, EVERY_KIND_COUNT);
    assert_int_equal(scene->response->applied, 0);
    assert_int_equal(scene->response->n_secrets, 0);
    assert_int_equal(scene->response->revision->number, revision + 1);
    assert_int_equal(admin_revision(fixture), revision + 1);
    scene->options = NULL;
    import_fails(scene, EVERY_KIND, SP_ERR_EXISTS, 1, "w1 already exists");
}

#define NAMELESS_KEY(name, rest)                                                                                       \
    "{'apiKey': {'key': {'workspace': 'w1', 'principal': 'bot', 'name': '" name "', 'permissions': {'all': true}" rest \
    "}}}"

static void keys_without_ids_are_known_by_their_text_or_name(void **state) {
    static const char of_text[] =
        FOREIGN_KEY("", "", "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646");
    static const char other_text[] =
        FOREIGN_KEY("", ", 'disabled': true", "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646");
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, admin_format(fixture, "%s, %s, %s", BASE, of_text, NAMELESS_KEY("n1", "")));
    scene->options = "'skipEqual': true, ";
    const char *more = admin_format(fixture, "%s, %s, %s, %s, %s", BASE, of_text, NAMELESS_KEY("n1", ""),
                                    NAMELESS_KEY("n2", ", 'allowedIps': ['203.0.113.0/25', '203.0.113.128/25']"),
                                    NAMELESS_KEY("n3", ", 'expiresAt': '4000000000'"));
    import_ok(scene, more);
    assert_int_equal(scene->response->skipped, 5);
    assert_int_equal(scene->response->n_secrets, 2);
    fixture->now_s += 3600;
    import_ok(scene, more);
    assert_int_equal(scene->response->skipped, 7);
    assert_int_equal(scene->response->n_secrets, 0);
    import_fails(scene, other_text, SP_ERR_EXISTS, 1, " already exists, but its disabled differs");
    import_fails(scene, NAMELESS_KEY("n1", ", 'allowedIps': ['203.0.113.4']"), SP_ERR_EXISTS, 1,
                 " already exists, but its allowed_ips differs");
    import_ok(scene, NAMELESS_KEY("n4", "") ", " NAMELESS_KEY("n4", ""));
    assert_int_equal(scene->response->applied, 1);
    assert_int_equal(scene->response->skipped, 1);
    admin_ok(fixture, fixture->operator_key, "ListApiKeys", "{'workspace': 'w1'}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 5);
}

/* An import without skip_equal made two keys of one name: the one that is equal counts. */
static void of_several_keys_with_one_name_the_equal_one_is_skipped(void **state) {
    struct scene *scene = *state;
    const char *both = NAMELESS_KEY("n", "") ", " NAMELESS_KEY("n", ", 'allowedIps': ['203.0.113.4']");
    import_ok(scene, BASE);
    import_ok(scene, both);
    scene->options = "'skipEqual': true, ";
    import_ok(scene, both);
    assert_int_equal(scene->response->skipped, 2);
    import_fails(scene, NAMELESS_KEY("n", ", 'allowedIps': ['203.0.113.5']"), SP_ERR_EXISTS, 1, "allowed_ips differs");
}

static void the_text_of_another_workspaces_key_is_not_skipped(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE);
    import_ok(scene, FOREIGN_KEY("", "", "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646"));
    scene->options = "'skipEqual': true, ";
    import_ok(scene, "{'workspace': {'id': 'w2', 'name': 'Two', 'seats': 2}}");
    import_ok(scene, "{'principal': {'workspace': 'w2', 'id': 'bot', 'name': 'Bot', 'kind': 'SERVICE_ACCOUNT'}}");
    import_fails(scene,
                 "{'apiKey': {'key': {'workspace': 'w2', 'principal': 'bot', 'name': 'F', 'hint': '0001', "
                 "'permissions': {'all': true}}, "
                 "'sha256': 'c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646'}}",
                 SP_ERR_EXISTS, 1, "sha256: the store already has a key with this text");
    admin_ok(fixture, fixture->operator_key, "ListApiKeys", "{'workspace': 'w2'}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 0);
}

static void an_import_that_goes_on_refuses_what_differs(void **state) {
    static const struct {
        const char *record;
        enum sp_status status;
        const char *says;
    } rows[] = {
        {"{'workspace': {'id': 'w1', 'name': 'Two', 'seats': 5, 'plan': 'PLAN_ENTERPRISE', "
         "'features': ['FEATURE_IP_ALLOWLIST'], 'createdAt': '1600000000'}}",
         SP_ERR_EXISTS, "workspace w1 already exists, but its name differs"},
        {"{'workspace': {'id': 'w1', 'name': 'One', 'seats': 5, 'plan': 'PLAN_ENTERPRISE', 'createdAt': '1600000000'}}",
         SP_ERR_EXISTS, "its features differs"},
        {"{'workspace': {'id': 'w1', 'name': 'One', 'seats': 5, 'plan': 'PLAN_ENTERPRISE', "
         "'features': ['FEATURE_IP_ALLOWLIST'], 'createdAt': '1600000001'}}",
         SP_ERR_EXISTS, "its created_at differs"},
        {"{'principal': {'workspace': 'w1', 'id': 'bot', 'name': 'Bot', 'kind': 'USER'}}", SP_ERR_EXISTS,
         "principal bot already exists, but its kind differs"},
        {"{'principal': {'workspace': 'w1', 'id': 'bot', 'name': 'Bot', 'kind': 'SERVICE_ACCOUNT', 'disabled': true}}",
         SP_ERR_EXISTS, "its disabled differs"},
        {"{'principal': {'workspace': 'w1', 'name': 'Bot', 'kind': 'SERVICE_ACCOUNT'}}", SP_ERR_INVALID,
         "principal.id: required when continuing an import"},
        {"{'group': {'workspace': 'w1', 'id': 'team', 'name': 'Squad'}}", SP_ERR_EXISTS,
         "group team already exists, but its name differs"},
        {"{'membership': {'workspace': 'w1', 'group': 'team', 'principal': 'bot', 'addedAt': '1600000000'}}",
         SP_ERR_EXISTS, "this membership already exists, but its added_at differs"},
        {"{'resource': {'workspace': 'w1', 'ref': {'type': 'voice', 'id': 'v1'}, 'creator': 'bot'}}", SP_ERR_EXISTS,
         "voice v1 already exists, but its creator differs"},
        {"{'grant': {'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'group': 'team'}, "
         "'role': 'ROLE_EDITOR', 'creator': true, 'grantedAt': '1600000001'}}",
         SP_ERR_EXISTS, "this grant already exists, but its role differs"},
        {KEY_OF("k1", "boss", ", 'allowedIps': ['203.0.113.5']"), SP_ERR_EXISTS,
         "key k1 already exists, but its allowed_ips differs"},
        {KEY_OF("k1", "bot", ", 'allowedIps': ['203.0.113.4']"), SP_ERR_EXISTS, "its principal differs"},
        {KEY_OF("k1", "boss", ""), SP_ERR_EXISTS, "its allowed_ips differs"},
        {"{'apiKey': {'key': {'workspace': 'w1', 'principal': 'boss', 'name': 'K', 'permissions': {'all': true}}}}",
         SP_ERR_EXISTS, "key k1 already exists, but its allowed_ips differs"},
        {FOREIGN_KEY("f1", ", 'notAfter': '1650000000'",
                     "d775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646"),
         SP_ERR_EXISTS, "key f1 already exists, but its sha256 differs"},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, EVERY_KIND);
    uint64_t revision = admin_revision(fixture);
    scene->options = "'skipEqual': true, ";
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        import_fails(scene, rows[i].record, rows[i].status, 1, rows[i].says);
    assert_int_equal(admin_revision(fixture), revision);
}

/* ---- several bad records ---- */

/* "line: message; line: message". */
static char *told_refusals(const struct scene *scene) {
    static char text[8192];
    text[0] = '\0';
    for (size_t i = 0; i < scene->refusals.count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu: %.60s", i > 0 ? "; " : "",
                 (unsigned long long)scene->refusals.kept[i]->line, scene->refusals.kept[i]->message);
    return text;
}

static void several_bad_records_are_told_at_once_and_what_builds_on_them_is_not(void **state) {
    static const char records[] =
        BASE ", {'principal': {'workspace': 'w1', 'id': 'a/b c', 'name': 'X', 'kind': 'USER'}}, " /* 4: its id */
             "{'group': {'workspace': 'w1', 'id': 'g1', 'name': ''}}, "                           /* 5: its name */
             "{'membership': {'workspace': 'w1', 'group': 'g1', 'principal': 'bot'}}, "           /* builds on 5 */
        KEY_OF("k1", "nobody", "") ", "                                                           /* 7: its principal */
        KEY_OF("k2", "bot",
               "") ", "                                                                               /* good */
                   "{'workspace': {'id': 'w2', 'name': 'Two', 'seats': 2000000}}, "                   /* 9: its seats */
                   "{'principal': {'workspace': 'w2', 'id': 'ann', 'name': 'Ann', 'kind': 'USER'}}, " /* builds on 9 */
                   "{'resource': {'workspace': 'w1', 'ref': {'type': 'vioce', 'id': 'v1'}}}, "        /* 11: its type */
        BOT;                                                                                          /* 12: is there */
    struct scene *scene = *state;
    uint64_t revision = admin_revision(&scene->fixture);
    scene->options = "'maxRefusals': 20, ";
    import_fails(scene, records, SP_ERR_INVALID, 4, "id:");
    assert_int_equal(scene->refusals.count, 6);
    const char *told = told_refusals(scene);
    static const char *const parts[] = {"4: id:", "; 5: name:", "; 7: ", "nobody", "; 9: ", "; 11: ", "; 12: "};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (strstr(told, parts[i]) == NULL)
            fail_msg("%s is not in: %s", parts[i], told);
    scene->options = "'maxRefusals': 2, ";
    import_fails(scene, records, SP_ERR_INVALID, 4, "id:");
    assert_int_equal(scene->refusals.count, 2);
    scene->options = NULL;
    import_fails(scene, records, SP_ERR_INVALID, 4, "id:");
    assert_int_equal(scene->refusals.count, 0);
    assert_int_equal(admin_revision(&scene->fixture), revision);
    import_ok(scene, BASE); /* nothing of the refused ones is there */
}

static void at_most_twenty_bad_records_are_told(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *records = WORKSPACE;
    for (unsigned i = 0; i < 30; i++)
        records = admin_format(fixture, "%s, {'group': {'workspace': 'w1', 'id': 'g%u', 'name': ''}}", records, i);
    scene->options = "'maxRefusals': 20, ";
    import_fails(scene, records, SP_ERR_INVALID, 2, "name:");
    assert_int_equal(scene->refusals.count, 20);
    assert_int_equal(scene->refusals.kept[19]->line, 21);
}

struct refusal {
    const char *records;
    enum sp_status status;
    uint64_t line;
    const char *says;
};

static void one_bad_record_refuses_the_batch_and_is_named(void **state) {
    static const struct refusal refusals[] = {
        {WORKSPACE ", " WORKSPACE, SP_ERR_EXISTS, 2, "w1 already exists"},
        {BASE ", " BOT, SP_ERR_EXISTS, 4, "bot already exists"},
        {BASE ", " GROUP ", " GROUP, SP_ERR_EXISTS, 5, "team already exists"},
        {BASE ", " GROUP ", " MEMBER ", " MEMBER, SP_ERR_EXISTS, 6, "already a member of group"},
        {BASE ", " VOICE ", " VOICE, SP_ERR_EXISTS, 5, "v1"},
        {BASE ", " GROUP ", " VOICE ", " GRANT ", " GRANT, SP_ERR_EXISTS, 7, "already shared"},
        {BASE ", " KEY_OF("k", "bot", "") ", " KEY_OF("k", "boss", ""), SP_ERR_EXISTS, 5, "id"},
        {BASE ", " KEY_OF("k", "nobody", ""), SP_ERR_NOT_FOUND, 4, "nobody"},
        {BASE ", " KEY_OF("k", "bot", ", 'expiresAt': '-1'"), SP_ERR_INVALID, 4, "expires_at"},
        {BASE ", " KEY_OF("k", "bot", ", 'allowedIps': ['10.0.0.1']"), SP_ERR_INVALID, 4, "10.0.0.0/8"},
        {BASE ", " KEY_OF("k", "bot", ", 'createdAt': '-1'"), SP_ERR_INVALID, 4, "created_at"},
        {BASE ", " KEY_OF("k", "bot", ", 'createdAt': '1600000000000'"), SP_ERR_INVALID, 4,
         "created_at: 1600000000000 looks like milliseconds"},
        {BASE ", " KEY_OF("k", "bot", ", 'createdAt': '1700100000'"), SP_ERR_INVALID, 4, "is in the future"},
        {BASE ", " KEY_OF("k", "bot", ", 'expiresAt': '1800000000000'"), SP_ERR_INVALID, 4,
         "expires_at: 1800000000000 looks like milliseconds"},
        {BASE ", " KEY_OF("k", "bot", ", 'notAfter': '1800000000000'"), SP_ERR_INVALID, 4,
         "not_after: 1800000000000 looks like milliseconds"},
        {BASE ", " KEY_OF("k/1", "bot", ""), SP_ERR_INVALID, 4, "id"},
        {BASE ", {'apiKey': {}}", SP_ERR_INVALID, 4, "required"},
        {BASE
         ", {'apiKey': {'key': {'workspace': 'w1', 'principal': 'bot', 'name': 'x', 'permissions': {'all': true}}, "
         "'sha256': 'ABCD'}}",
         SP_ERR_INVALID, 4, "sha256"},
        {BASE ", {'line': 70}", SP_ERR_INVALID, 70, "record: required"},
        {GROUP, SP_ERR_NOT_FOUND, 1, "workspace w1"},
        {WORKSPACE ", " GRANT, SP_ERR_NOT_FOUND, 2, "v1"},
        {"{'workspace': {'id': 'w3', 'name': 'Small'}}, {'principal': {'workspace': 'w3', 'name': 'B', 'kind': "
         "'SERVICE_ACCOUNT'}}",
         SP_ERR_PRECONDITION, 2, "more than one seat"},
    };
    struct scene *scene = *state;
    uint64_t before = admin_revision(&scene->fixture);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        import_fails(scene, refusals[i].records, refusals[i].status, refusals[i].line, refusals[i].says);
    assert_int_equal(admin_revision(&scene->fixture), before);
    admin_ok(&scene->fixture, scene->fixture.operator_key, "ListWorkspaces", "{}");
    assert_int_equal(admin_length(&scene->fixture, "workspaces"), 0);
}

static void an_allowlist_needs_the_plan_in_imports_too(void **state) {
    struct scene *scene = *state;
    import_fails(scene,
                 "{'workspace': {'id': 'w1', 'name': 'One', 'seats': 2}}, " BOT
                 ", " KEY_OF("k", "bot", ", 'allowedIps': ['203.0.113.9']"),
                 SP_ERR_PRECONDITION, 3, "ENTERPRISE");
    import_ok(scene, BASE ", " KEY_OF("k", "bot",
                                      ", 'allowedIps': ['203.0.113.9'], 'disabled': true, "
                                      "'disabledReason': 'leaked'"));
}

static void quotas_count_the_keys_of_the_batch(void **state) {
    struct scene *scene = *state;
    const char *base = "{'workspace': {'id': 'w1', 'name': 'One', 'seats': 2, 'quotas': {'keys': 2}}}, "
                       "{'workspace': {'id': 'w2', 'name': 'Two', 'seats': 2, 'quotas': {'keys': 1}}}, " BOT
                       ", {'principal': {'workspace': 'w2', 'id': 'bot', 'name': 'B', 'kind': 'SERVICE_ACCOUNT'}}";
#define OTHER_KEY                                                                                                      \
    "{'apiKey': {'key': {'workspace': 'w2', 'principal': 'bot', 'name': 'x', 'permissions': {'all': true}}}}"
    import_fails(scene,
                 admin_format(&scene->fixture, "%s, %s, %s, %s, %s", base, KEY_OF("a", "bot", ""), OTHER_KEY,
                              KEY_OF("b", "bot", ""), KEY_OF("c", "bot", "")),
                 SP_ERR_EXHAUSTED, 8, "quota keys of workspace w1");
    import_ok(scene, admin_format(&scene->fixture, "%s, %s, %s, %s", base, KEY_OF("a", "bot", ""), OTHER_KEY,
                                  KEY_OF("b", "bot", "")));
    import_fails(scene, OTHER_KEY, SP_ERR_EXHAUSTED, 1, "quota keys of workspace w2");
}

static void only_operators_import(void **state) {
    struct scene *scene = *state;
    const char *admin = admin_workspace(&scene->fixture, "w9");
    assert_int_equal(import_as(scene, admin, BASE), SP_ERR_PERMISSION);
    assert_null(scene->response);
    assert_int_equal(import_as(scene, "sp_nothing", BASE), SP_ERR_UNAUTHENTICATED);
    uint64_t before = admin_revision(&scene->fixture);
    import_ok(scene, "");
    assert_int_equal(admin_revision(&scene->fixture), before);
}

static void each_workspace_sees_only_its_part_of_the_change(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE ", {'workspace': {'id': 'w2', 'name': 'Two'}}, " KEY_OF("k1", "boss", ""));
    const char *boss = admin_keep(fixture, scene->response->secrets[0]->secret);
    admin_ok(fixture, boss, "ListChanges", "{}");
    assert_int_equal(admin_length(fixture, "changes"), 1);
    assert_int_equal(admin_length(fixture, "changes.0.entities"), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(admin_text(fixture, admin_format(fixture, "changes.0.entities.%zu.workspace", i)), "w1");
    admin_ok(fixture, fixture->operator_key, "ListChanges", "{'workspace': 'w2'}");
    assert_int_equal(admin_length(fixture, "changes.0.entities"), 1);
}

static void thousands_of_keys_go_in_at_once(void **state) {
    enum { KEYS = 3000 };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    import_ok(scene, BASE);
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'keys': 3000}}, 'updateMask': ['quotas']}");
    size_t room = (size_t)KEYS * 160;
    char *records = test_malloc(room);
    size_t size = 0;
    for (int i = 0; i < KEYS; i++)
        size += (size_t)snprintf(records + size, room - size,
                                 "%s{'apiKey': {'key': {'workspace': 'w1', 'id': 'k%d', 'principal': '%s', 'name': "
                                 "'K', 'permissions': {'names': ['voices_read']}}}}",
                                 i == 0 ? "" : ",", i, i % 2 == 0 ? "bot" : "boss");
    assert_true(size < room);
    import_ok(scene, records);
    assert_int_equal(scene->response->n_secrets, KEYS);
    const char *one = admin_keep(fixture, scene->response->secrets[1234]->secret);
    admin_ok(fixture, one, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "apiKey.id"), "k1234");
    test_free(records);
}

static void nothing_is_imported_for_a_client_that_has_gone(void **state) {
    struct scene *scene = *state;
    uint64_t before = admin_revision(&scene->fixture);
    atomic_store(&scene->gone, true);
    assert_int_equal(import_as(scene, scene->fixture.operator_key, BASE), SP_ERR_CANCELLED);
    assert_null(scene->response);
    assert_int_equal(admin_revision(&scene->fixture), before);
    atomic_store(&scene->gone, false);
    import_ok(scene, BASE);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(records_build_on_each_other_within_one_change),
        CASE(keys_of_other_systems_work_by_their_digest),
        CASE(digests_are_taken_in_the_forms_that_exports_have),
        CASE(a_key_that_expired_is_imported_as_expired),
        CASE(an_import_that_goes_on_skips_what_is_equal),
        CASE(keys_without_ids_are_known_by_their_text_or_name),
        CASE(of_several_keys_with_one_name_the_equal_one_is_skipped),
        CASE(the_text_of_another_workspaces_key_is_not_skipped),
        CASE(an_import_that_goes_on_refuses_what_differs),
        CASE(several_bad_records_are_told_at_once_and_what_builds_on_them_is_not),
        CASE(at_most_twenty_bad_records_are_told),
        CASE(one_bad_record_refuses_the_batch_and_is_named),
        CASE(an_allowlist_needs_the_plan_in_imports_too),
        CASE(quotas_count_the_keys_of_the_batch),
        CASE(only_operators_import),
        CASE(each_workspace_sees_only_its_part_of_the_change),
        CASE(thousands_of_keys_go_in_at_once),
        CASE(nothing_is_imported_for_a_client_that_has_gone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
