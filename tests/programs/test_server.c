/* sallyportd as a client sees it: answers, mistakes, revisions, damage, its beginning and its
 * end. */
#include <arpa/inet.h>
#include <lmdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/digest.h"
#include "store/lmdb/databases.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define CHECK "/sallyport.v1.Authorization/Check"

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES];
static char user_key[PROGRAMS_KEY_BYTES];
static char checked_key[PROGRAMS_KEY_BYTES]; /* of a user who has nothing */
static struct caller admin;

/* Workspace w1: u1 views v1 and edits v2; u2 has nothing; v3 is shared with nobody. Workspace w2
 * owns w2-voice. */
static int make_world(void **state) {
    char other_key[PROGRAMS_KEY_BYTES];
    (void)state;
    sp_rpc_global_init();
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", admin_key);
    programs_workspace(&programs, "w2", other_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "u1", user_key);
    programs_user(&admin, "u2", checked_key);
    static const char *const voices[] = {"v1", "v2", "v3"};
    for (size_t i = 0; i < COUNT(voices); i++)
        operator_ok(&programs, "Admin/RegisterResource",
                    "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': '%s'}}", voices[i]);
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'w2', 'resource': {'type': 'voice', 'id': 'w2-v'}}");
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'u1'}, 'role': 'ROLE_VIEWER'}");
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v2'}, 'subject': {'principal': 'u1'}, 'role': 'ROLE_EDITOR'}");
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* ---- answers ---- */

static void tells_everything_about_an_allowed_call(void **state) {
    (void)state;
    assert_string_equal(check_reason(&programs.checker, user_key, "voice", "v1", "use"), "ALLOWED");
    assert_string_equal(caller_text(&programs.checker, "decision"), "ALLOW");
    assert_int_equal(caller_number(&programs.checker, "httpStatus"), 200);
    assert_string_equal(caller_text(&programs.checker, "workspace"), "w1");
    assert_string_equal(caller_text(&programs.checker, "principal"), "u1");
    assert_string_equal(caller_text(&programs.checker, "principalKind"), "USER");
    assert_string_equal(caller_text(&programs.checker, "keyId"), "u1-key");
    assert_string_equal(caller_text(&programs.checker, "role"), "ROLE_VIEWER");
    assert_int_equal(caller_number(&programs.checker, "revision.epoch"), 1);
    assert_true(caller_number(&programs.checker, "revision.number") > 10);
    char id[64];
    snprintf(id, sizeof(id), "%s", caller_text(&programs.checker, "decisionId"));
    assert_string_equal(check_reason(&programs.checker, user_key, "voice", "v1", "use"), "ALLOWED");
    assert_string_not_equal(caller_text(&programs.checker, "decisionId"), id);
}

static void gives_the_first_reason_that_denies(void **state) {
    (void)state;
    static const struct {
        const char *key, *type, *resource, *action, *reason;
        int http;
    } rows[] = {
        {user_key, "voice", "v1", "use", "ALLOWED", 200},
        {user_key, "voice", "v2", "edit", "ALLOWED", 200},
        {user_key, "voice", "", "preview", "ALLOWED", 200},
        {admin_key, "voice", "v3", "share", "ALLOWED", 200},
        {user_key, "voice", "v1", "edit", "ROLE_TOO_LOW", 403},
        {user_key, "voice", "v3", "use", "NOT_SHARED", 403},
        {checked_key, "voice", "v1", "use", "NOT_SHARED", 403},
        {user_key, "voice", "none", "use", "RESOURCE_UNKNOWN", 403},
        {user_key, "voice", "w2-v", "use", "RESOURCE_UNKNOWN", 403},
        {user_key, "voice", "v1", "sing", "ACTION_UNKNOWN", 403},
        {user_key, "Voice", "v1", "use", "ACTION_UNKNOWN", 403},
        {"sp_nonsense", "voice", "v1", "use", "KEY_MALFORMED", 401},
        {"sp_00000000000000000000000000000000000000000003B7ouu", "voice", "v1", "use", "KEY_MALFORMED", 401},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *reason =
            check_reason(&programs.checker, rows[i].key, rows[i].type, rows[i].resource, rows[i].action);
        if (strcmp(reason, rows[i].reason) != 0)
            fail_msg("row %zu: %s instead of %s", i, reason, rows[i].reason);
        assert_int_equal(caller_number(&programs.checker, "httpStatus"), rows[i].http);
        assert_string_equal(caller_text(&programs.checker, "decision"), rows[i].http == 200 ? "ALLOW" : "DENY");
    }
}

/* Decided in docs/threat-model.md: ids are no secret from the workspace that has them, and from
 * nobody else do they show. */
static void registered_ids_show_within_their_own_workspace_only(void **state) {
    static const char *const of_others[] = {"none", "w2-v"};
    (void)state;
    assert_string_equal(check_reason(&programs.checker, checked_key, "voice", "v3", "use"), "NOT_SHARED");
    for (size_t i = 0; i < COUNT(of_others); i++) {
        assert_string_equal(check_reason(&programs.checker, checked_key, "voice", of_others[i], "use"),
                            "RESOURCE_UNKNOWN");
        assert_string_equal(caller_text(&programs.checker, "workspace"), "w1");
        assert_string_equal(caller_text(&programs.checker, "role"), "ROLE_UNSPECIFIED");
        assert_int_equal(caller_number(&programs.checker, "httpStatus"), 403);
    }
}

static void knows_a_key_by_its_digest(void **state) {
    (void)state;
    uint8_t digest[SP_DIGEST_BYTES];
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char base64[48] = {0};
    sp_sha256(user_key, strlen(user_key), digest);
    for (size_t i = 0, at = 0; i < sizeof(digest); i += 3) {
        bool last = i + 3 > sizeof(digest);
        uint32_t bits = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | (last ? 0U : digest[i + 2]);
        for (unsigned j = 0; j < 4; j++)
            base64[at++] = j == 3 && last ? '=' : letters[bits >> (18 - 6 * j) & 63];
    }
    caller_ok(&programs.checker, "Authorization/Check",
              "{'apiKeySha256': '%s', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}", base64);
    assert_string_equal(caller_text(&programs.checker, "reason"), "ALLOWED");
    assert_string_equal(caller_text(&programs.checker, "principal"), "u1");
}

static void a_batch_answers_in_order_at_one_revision(void **state) {
    (void)state;
    caller_ok(&programs.checker, "Authorization/CheckBatch",
              "{'apiKey': '%s', 'items': ["
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'},"
              "{'resource': {'type': 'voice', 'id': 'v3'}, 'action': 'use'},"
              "{'resource': {'type': 'voice', 'id': 'v3'}, 'action': 'use', 'apiKey': '%s'},"
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use', 'workspace': 'w2'}]}",
              user_key, admin_key);
    static const char *const reasons[] = {"ALLOWED", "NOT_SHARED", "ALLOWED", "WORKSPACE_MISMATCH"};
    assert_int_equal(json_array_size(caller_at(&programs.checker, "results")), COUNT(reasons));
    for (size_t i = 0; i < COUNT(reasons); i++) {
        char path[64];
        snprintf(path, sizeof(path), "results.%zu.reason", i);
        assert_string_equal(caller_text(&programs.checker, path), reasons[i]);
        snprintf(path, sizeof(path), "results.%zu.revision", i);
        assert_null(caller_at(&programs.checker, path));
        snprintf(path, sizeof(path), "results.%zu.decisionId", i);
        assert_true(caller_text(&programs.checker, path)[0] != '\0');
    }
    assert_true(caller_number(&programs.checker, "revision.number") > 10);
}

/* {"apiKey": …, "items": [count times the same item]} */
static enum sp_status ask_batch(size_t count, const char *resource) {
    char *request = malloc(count * (strlen(resource) + 96) + 256);
    assert_non_null(request);
    int used = sprintf(request, "{'apiKey': '%s', 'items': [", user_key);
    for (size_t i = 0; i < count; i++)
        used += sprintf(request + used, "%s{'resource': {'type': 'voice', 'id': '%s'}, 'action': 'use'}",
                        i == 0 ? "" : ",", resource);
    sprintf(request + used, "]}");
    enum sp_status status = caller_call(&programs.checker, "Authorization/CheckBatch", request);
    free(request);
    return status;
}

static void a_batch_has_1_to_1000_items_and_1_mib(void **state) {
    (void)state;
    char long_id[257];
    memset(long_id, 'x', 256);
    long_id[256] = '\0';
    assert_int_equal(ask_batch(1000, "v1"), SP_OK);
    assert_int_equal(json_array_size(caller_at(&programs.checker, "results")), 1000);
    assert_string_equal(caller_text(&programs.checker, "results.999.reason"), "ALLOWED");
    assert_int_equal(ask_batch(1000, long_id), SP_OK);
    assert_int_equal(ask_batch(1001, "v1"), SP_ERR_INVALID);
    assert_int_equal(strncmp(programs.checker.error.message, "items: 1001", 11), 0);
    assert_int_equal(ask_batch(0, "v1"), SP_ERR_INVALID);
    assert_int_equal(ask_batch(4000, long_id), SP_ERR_EXHAUSTED);
    assert_int_equal(ask_batch(1, "v1"), SP_OK);
}

static void explains_the_answer_that_it_gives(void **state) {
    (void)state;
    caller_ok(&programs.checker, "Authorization/Explain",
              "{'check': {'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'edit'}}", user_key);
    assert_string_equal(caller_text(&programs.checker, "answer.reason"), "ROLE_TOO_LOW");
    assert_true(caller_text(&programs.checker, "answer.decisionId")[0] != '\0');
    assert_int_equal(json_array_size(caller_at(&programs.checker, "steps")), 11);
    assert_string_equal(caller_text(&programs.checker, "steps.10.outcome"), "FAILED");
    assert_true(json_array_size(caller_at(&programs.checker, "changesNeeded")) > 0);
    assert_int_equal(caller_call(&programs.checker, "Authorization/Explain", "{}"), SP_ERR_INVALID);
    assert_string_equal(programs.checker.error.message, "check: is required");
}

/* ---- mistakes ---- */

static void still_answers(const char *after) {
    const char *reason = check_reason(&programs.checker, user_key, "voice", "v1", "use");
    if (strcmp(reason, "ALLOWED") != 0)
        fail_msg("after %s: %s", after, reason);
}

static void a_mistake_in_a_field_is_invalid_and_names_it(void **state) {
    (void)state;
    static const struct {
        const char *request, *message;
    } rows[] = {
        {"{}", "api_key or api_key_sha256 is required"},
        {"{'apiKey': ''}", "api_key or api_key_sha256 is required"},
        {"{'apiKeySha256': 'AAAA'}", "api_key_sha256: "},
        {"{'apiKey': 'x', 'ip': '300.1.1.1'}", "ip: "},
        {"{'apiKey': 'x', 'ip': '192.0.2.1 '}", "ip: "},
        {"{'apiKey': 'x', 'ip': '192.0.2.0/24'}", "ip: "},
        {"{'apiKey': 'x'}", "resource.type: "},
        {"{'apiKey': 'x', 'resource': {'type': 'voice'}}", "action: "},
        {"{'apiKey': 'x', 'resource': {'type': 'voice', 'id': 'a\\nb'}, 'action': 'use'}", "resource.id: "},
        {"{'apiKey': 'x', 'workspace': '\\u0001', 'resource': {'type': 'voice'}, 'action': 'use'}", "workspace: "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum sp_status status = caller_call(&programs.checker, "Authorization/Check", rows[i].request);
        if (status != SP_ERR_INVALID ||
            strncmp(programs.checker.error.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: %s: %s", rows[i].request, sp_status_name(status), programs.checker.error.message);
        still_answers(rows[i].request);
    }
}

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static void bytes_that_are_no_request_are_refused_and_the_next_call_is_answered(void **state) {
    (void)state;
    static const struct {
        const char *name, *path;
        struct sp_bytes bytes;
        enum sp_status status;
    } rows[] = {
        {"an unknown method", "/sallyport.v1.Authorization/Nope", BYTES(""), SP_ERR_UNIMPLEMENTED},
        {"an unknown service", "/nope.Nope/Nope", BYTES("\x0a\x01x"), SP_ERR_UNIMPLEMENTED},
        {"an admin method", "/sallyport.v1.Admin/WhoAmI", BYTES(""), SP_ERR_UNIMPLEMENTED},
        {"no bytes", CHECK, BYTES(""), SP_ERR_INVALID},
        {"garbage", CHECK, BYTES("\xff\xfe\xfd\xfc garbage"), SP_ERR_INVALID},
        {"a field cut short", CHECK, BYTES("\x0a\x7f\x41"), SP_ERR_INVALID},
        {"a length beyond 64 bits", CHECK, BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), SP_ERR_INVALID},
        {"a number where text belongs", CHECK, BYTES("\x08\x01"), SP_ERR_INVALID},
        {"bad UTF-8", CHECK, BYTES("\x0a\x02\xc3\x28"), SP_ERR_INVALID},
        {"an overlong form", CHECK, BYTES("\x0a\x02\xc0\xaf"), SP_ERR_INVALID},
        {"a NUL in a text", CHECK, BYTES("\x0a\x03x\0y"), SP_ERR_INVALID},
        {"a field twice", CHECK, BYTES("\x2a\x01x\x2a\x01y"), SP_ERR_INVALID},
        {"two credentials", CHECK, BYTES("\x0a\x01x\x12\x01y"), SP_ERR_INVALID},
        {"a group", CHECK, BYTES("\x0b\x0c"), SP_ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_bytes reply;
        enum sp_status status = caller_raw(&programs.checker, rows[i].path, rows[i].bytes, &reply);
        if (status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].name, sp_status_name(status), programs.checker.error.message);
        still_answers(rows[i].name);
    }
}

static void deep_and_large_messages_are_refused_and_the_next_call_is_answered(void **state) {
    (void)state;
    enum { DEPTH = 2000, LARGE = 1000 * 1000 };
    uint8_t *bytes = malloc(LARGE + 16);
    struct sp_bytes reply;
    assert_non_null(bytes);

    /* A resource within a resource within …: from the inside out, tag 0x22 and a length of up to
     * three bytes. */
    size_t size = 0;
    for (size_t i = 0; i < DEPTH; i++) {
        uint8_t head[4] = {0x22, (uint8_t)(size & 0x7f), 0, 0};
        size_t head_size = 2;
        for (size_t rest = size >> 7; rest > 0; rest >>= 7) {
            head[head_size - 1] |= 0x80;
            head[head_size++] = (uint8_t)(rest & 0x7f);
        }
        size += head_size;
        memcpy(bytes + LARGE - size, head, head_size);
    }
    assert_int_equal(caller_raw(&programs.checker, CHECK, (struct sp_bytes){bytes + LARGE - size, size}, &reply),
                     SP_ERR_INVALID);
    still_answers("2,000 levels");

    memset(bytes, 0x0b, DEPTH);
    assert_int_equal(caller_raw(&programs.checker, CHECK, (struct sp_bytes){bytes, DEPTH}, &reply), SP_ERR_INVALID);
    still_answers("2,000 groups");

    /* An api_key of a megabyte. */
    memset(bytes, 'x', LARGE);
    memcpy(bytes, "\x0a\xbc\x84\x3d", 4);
    assert_int_equal(caller_raw(&programs.checker, CHECK, (struct sp_bytes){bytes, 4 + 1000000 - 4}, &reply),
                     SP_ERR_EXHAUSTED);
    still_answers("a key of a megabyte");

    /* A quarter of a million empty items: more than a call may use, and cheap to refuse. */
    for (size_t i = 0; i + 1 < LARGE; i += 2)
        memcpy(bytes + i, "\x2a\x00", 2);
    enum sp_status status = caller_raw(&programs.checker, "/sallyport.v1.Authorization/CheckBatch",
                                       (struct sp_bytes){bytes, LARGE}, &reply);
    assert_true(status == SP_ERR_EXHAUSTED || status == SP_ERR_INVALID);
    still_answers("empty items");
    free(bytes);
}

/* ---- revisions ---- */

static enum sp_status check_at(struct caller *caller, long long epoch, long long number) {
    return caller_callf(caller, "Authorization/Check",
                        "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use',"
                        " 'minRevision': {'epoch': %lld, 'number': %lld}}",
                        user_key, epoch, number);
}

static void says_that_a_later_revision_is_not_reached(void **state) {
    (void)state;
    still_answers("nothing");
    long long number = caller_number(&programs.checker, "revision.number");
    char fragment[64];
    assert_int_equal(check_at(&programs.checker, 1, number), SP_OK);
    assert_int_equal(check_at(&programs.checker, 1, number + 1000), SP_ERR_UNAVAILABLE);
    snprintf(fragment, sizeof(fragment), "revision %lld has not arrived here yet", number + 1000);
    assert_non_null(strstr(programs.checker.error.message, fragment));
    snprintf(fragment, sizeof(fragment), "the store is at %lld", number);
    assert_non_null(strstr(programs.checker.error.message, fragment));
    assert_int_equal(check_at(&programs.checker, 2, 1), SP_ERR_PRECONDITION);
    assert_non_null(strstr(programs.checker.error.message, "ask again"));
}

/* The server keeps some of the caller's time for its answer. A stalled machine may use that up, but
 * not each time. */
static void a_short_deadline_ends_the_wait_for_a_revision(void **state) {
    (void)state;
    enum { TRIES = 5 };
    struct caller hasty;
    enum sp_status status = SP_ERR_DEADLINE;
    assert_true(caller_open_limited(&hasty, programs.server_target, "", 400));
    for (int i = 0; i < TRIES && status == SP_ERR_DEADLINE; i++)
        status = check_at(&hasty, 1, 1000000);
    assert_int_equal(status, SP_ERR_UNAVAILABLE);
    assert_non_null(strstr(hasty.error.message, "revision 1000000 has not arrived here yet; the store is at "));
    caller_close(&hasty);
    still_answers("a deadline");
}

static void reads_its_own_writes(void **state) {
    (void)state;
    for (int i = 0; i < 30; i++) {
        const char *method = i % 2 == 0 ? "Admin/DisableApiKey" : "Admin/EnableApiKey";
        caller_ok(&admin, method, "{'id': 'u1-key'}");
        assert_int_equal(check_at(&programs.checker, 1, caller_number(&admin, "revision.number")), SP_OK);
        assert_string_equal(caller_text(&programs.checker, "reason"), i % 2 == 0 ? "KEY_DISABLED" : "ALLOWED");
    }
}

struct waiter {
    long long number;
    enum sp_status status;
};

static void *wait_for_revision(void *user) {
    struct waiter *waiter = user;
    struct caller caller;
    waiter->status = SP_ERR_INTERNAL;
    if (caller_open(&caller, programs.server_target, ""))
        waiter->status = check_at(&caller, 1, waiter->number);
    caller_close(&caller);
    return NULL;
}

static void waits_for_a_revision_that_comes(void **state) {
    (void)state;
    /* On a machine that is busy the change may come too late for one try. */
    for (int tries = 0; tries < 20; tries++) {
        pthread_t thread;
        struct waiter waiter;
        still_answers("nothing");
        waiter.number = caller_number(&programs.checker, "revision.number") + 1;
        assert_int_equal(pthread_create(&thread, NULL, wait_for_revision, &waiter), 0);
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
        caller_ok(&admin, "Admin/CreateGroup", "{'name': 'later'}");
        pthread_join(thread, NULL);
        if (waiter.status == SP_OK)
            return;
        assert_int_equal(waiter.status, SP_ERR_UNAVAILABLE);
    }
    fail_msg("it never waited long enough");
}

/* ---- damage ---- */

static void a_damaged_record_is_data_loss_and_never_an_answer(void **state) {
    (void)state;
    char damaged_key[PROGRAMS_KEY_BYTES];
    programs_user(&admin, "u3", damaged_key);
    assert_string_equal(check_reason(&programs.checker, damaged_key, "voice", "", "preview"), "ALLOWED");
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_digest_from_text(sp_str_from(damaged_key), digest);
    programs_damage_key(programs.store, digest);
    assert_string_equal(check_reason(&programs.checker, damaged_key, "voice", "", "preview"), "DATA_LOSS");
    process_wait_for(&programs.server, "fails its checksum");
    still_answers("damage");
    programs_damage_key(programs.store, digest);
    assert_string_equal(check_reason(&programs.checker, damaged_key, "voice", "", "preview"), "ALLOWED");
}

static void no_key_is_ever_logged(void **state) {
    (void)state;
    const char *keys[] = {admin_key, user_key, checked_key, programs.operator_key};
    const char *files[] = {programs.server.err, programs.server.out, programs.sync.err, programs.sync.out};
    for (size_t i = 0; i < COUNT(files); i++) {
        char *said = process_read(files[i]);
        for (size_t j = 0; j < COUNT(keys); j++)
            assert_null(strstr(said, keys[j] + 3));
        free(said);
    }
}

/* ---- beginning and end ---- */

static void waits_for_a_store_that_is_not_there_yet(void **state) {
    (void)state;
    struct programs late;
    char store[128], waiting[400];
    programs_make_store(&late, NULL);
    snprintf(store, sizeof(store), "%s-later", late.store);
    assert_int_equal(rename(late.store, store), 0);
    const char *arguments[] = {"sallyportd", "--store", late.store, "--listen", "127.0.0.1:0", NULL};
    process_start(&late.server, late.folder, "server", arguments);
    snprintf(late.server_target, sizeof(late.server_target), "127.0.0.1:%d", process_port(&late.server));
    snprintf(waiting, sizeof(waiting),
             "waiting for the store: there is no store in %s: make one with `sallyport-sync init --store %s`",
             late.store, late.store);
    process_wait_for(&late.server, waiting);
    programs_wait_for_health(late.server_target, false);
    assert_true(caller_open(&late.checker, late.server_target, ""));
    assert_string_equal(check_reason(&late.checker, user_key, "voice", "v1", "use"), "UNAVAILABLE");
    assert_int_equal(rename(store, late.store), 0);
    programs_wait_for_health(late.server_target, true);
    assert_string_equal(check_reason(&late.checker, user_key, "voice", "v1", "use"), "KEY_UNKNOWN");
    programs_stop(&late);
}

/* What `sallyportd` finds in a store that a later version wrote. */
static void write_format(const char *store, uint8_t version) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    uint8_t bytes[4] = {0, 0, 0, version};
    char name[] = "format";
    MDB_val key = {6, name}, value = {sizeof(bytes), bytes};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 32), 0);
    assert_int_equal(mdb_env_open(env, store, 0, 0640), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    assert_int_equal(mdb_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void refuses_to_serve_a_store_of_another_format(void **state) {
    (void)state;
    struct programs other;
    programs_make_store(&other, NULL);
    char data_file[160], kept[160];
    snprintf(data_file, sizeof(data_file), "%s/data.mdb", other.store);
    snprintf(kept, sizeof(kept), "%s/kept.mdb", other.folder);
    struct process process;
    assert_int_equal(process_run(&process, other.folder, "copy", (const char *[]){"/bin/cp", data_file, kept, NULL}),
                     0);
    write_format(other.store, 99);
    const char *arguments[] = {"sallyportd", "--store", other.store, "--listen", "127.0.0.1:0", NULL};
    assert_int_equal(process_run(&process, other.folder, "refused", arguments), 1);
    char *said = process_read(process.err);
    assert_non_null(strstr(said, "format"));
    free(said);
    assert_int_equal(rename(kept, data_file), 0);
    programs_stop(&other);
}

struct load {
    pthread_t thread;
    const char *target;
    atomic_bool *stop;
    long answered, unanswered;
    char wrong[1200]; /* the first answer that should not be */
};

static void *run_load(void *user) {
    struct load *load = user;
    struct caller caller;
    if (!caller_open(&caller, load->target, "")) {
        snprintf(load->wrong, sizeof(load->wrong), "no client");
        return NULL;
    }
    while (!atomic_load(load->stop) && load->wrong[0] == '\0') {
        const char *reason = check_reason(&caller, user_key, "voice", "v1", "use");
        if (strcmp(reason, "ALLOWED") == 0)
            load->answered++;
        else if (strcmp(reason, "UNAVAILABLE") == 0 || strcmp(reason, "CANCELLED") == 0)
            /* The second is what gRPC says to calls that cross its own goodbye on the wire. */
            load->unanswered++;
        else
            snprintf(load->wrong, sizeof(load->wrong), "%s %s", reason, caller.error.message);
    }
    caller_close(&caller);
    return NULL;
}

static void drains_under_load_without_a_wrong_answer(void **state) {
    (void)state;
    struct process server;
    static struct load loads[8];
    atomic_bool stop;
    char target[64];
    const char *arguments[] = {"sallyportd", "--store", programs.store, "--listen", "127.0.0.1:0", NULL};
    process_start(&server, programs.folder, "drained", arguments);
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(&server));
    programs_wait_for_health(target, true);
    atomic_init(&stop, false);
    for (size_t i = 0; i < COUNT(loads); i++) {
        loads[i] = (struct load){.target = target, .stop = &stop};
        assert_int_equal(pthread_create(&loads[i].thread, NULL, run_load, &loads[i]), 0);
    }
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000}, NULL);
    assert_int_equal(process_end(&server, SIGTERM), 0);
    atomic_store(&stop, true);
    long answered = 0;
    for (size_t i = 0; i < COUNT(loads); i++) {
        pthread_join(loads[i].thread, NULL);
        assert_string_equal(loads[i].wrong, "");
        answered += loads[i].answered;
    }
    assert_true(answered > 0);
}

static void refuses_to_start_with_what_it_cannot_do(void **state) {
    (void)state;
    static const struct {
        const char *option, *value;
        int status;
        const char *message;
    } rows[] = {
        {"--listen", "0.0.0.0:0", 2, "--insecure"},
        {"--listen", "nonsense", 2, "nonsense"},
        {"--drain-ms", "never", 2, "--drain-ms"},
        {"--log-level", "loud", 2, "--log-level"},
        {"--nope", "x", 2, "unknown option"},
        {"stray", "words", 2, "stray"},
        /* TLS alone would give nobody a role. */
        {"--tls-cert", "server.pem", 2, "--tls-client-ca"},
        /* Anybody could send these headers. */
        {"--trusted-hops", "1", 2, "--trusted-peers"},
        {"--address-header", "cf-connecting-ip", 2, "--trusted-peers"},
        {"--address-header", "authorization", 2, "carries credentials"},
        {"--tls-client-crl", "crl.pem", 2, "--tls-client-ca"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process process;
        const char *arguments[] = {"sallyportd", "--store", programs.store, rows[i].option, rows[i].value, NULL};
        assert_int_equal(process_run(&process, programs.folder, "refused", arguments), rows[i].status);
        char *said = process_read(process.err);
        if (strstr(said, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].option, said);
        free(said);
    }
}

static void start_with_default(struct process *process, const char *target) {
    const char *arguments[] = {"sallyportd",    "--store",     programs.store,    "--listen", "127.0.0.1:0",
                               "--http-listen", "127.0.0.1:0", "--route-default", target,     NULL};
    process_start(process, programs.folder, "default", arguments);
}

static void warns_of_a_default_that_can_never_allow(void **state) {
    (void)state;
    struct process process;
    start_with_default(&process, "voice/use");
    process_wait_for(&process, "--route-default: use of voice needs the role viewer on a resource, and the default "
                               "names none, so that requests which match no route are denied; choose an action "
                               "without a role, or leave out the option");
    assert_int_equal(process_end(&process, SIGTERM), 0);
    start_with_default(&process, "voice/sing");
    process_wait_for(&process, "--route-default: the schema has no action sing of a type voice, so that requests");
    assert_int_equal(process_end(&process, SIGTERM), 0);
}

static void looks_at_the_default_again_when_the_schema_changes(void **state) {
    (void)state;
    struct programs changed;
    programs_start_with(&changed, programs_schema);
    char target[] = "voice/preview";
    struct process process;
    const char *arguments[] = {"sallyportd",    "--store",     changed.store,     "--listen", "127.0.0.1:0",
                               "--http-listen", "127.0.0.1:0", "--route-default", target,     NULL};
    process_start(&process, changed.folder, "default", arguments);
    process_wait_for(&process, "serving the store");
    operator_ok(&changed, "Admin/PutSchema",
                "{'yaml': 'version: 1\\ntypes:\\n  voice:\\n    actions:\\n      preview: "
                "{role: viewer}\\n', 'force': true}");
    process_wait_for(&process, "--route-default: preview of voice needs the role viewer");
    char *said = process_read(process.err);
    char *first = strstr(said, "--route-default");
    assert_null(strstr(first + 1, "--route-default"));
    free(said);
    assert_int_equal(process_end(&process, SIGTERM), 0);
    programs_stop(&changed);
}

static void tells_its_options_and_version(void **state) {
    (void)state;
    static const char *const rows[][2] = {{"--help", "--max-staleness"}, {"--version", "sallyportd 0."}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process process;
        const char *arguments[] = {"sallyportd", rows[i][0], NULL};
        assert_int_equal(process_run(&process, programs.folder, "help", arguments), 0);
        char *said = process_read(process.out);
        assert_non_null(strstr(said, rows[i][1]));
        free(said);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_everything_about_an_allowed_call),
        cmocka_unit_test(gives_the_first_reason_that_denies),
        cmocka_unit_test(registered_ids_show_within_their_own_workspace_only),
        cmocka_unit_test(knows_a_key_by_its_digest),
        cmocka_unit_test(a_batch_answers_in_order_at_one_revision),
        cmocka_unit_test(a_batch_has_1_to_1000_items_and_1_mib),
        cmocka_unit_test(explains_the_answer_that_it_gives),
        cmocka_unit_test(a_mistake_in_a_field_is_invalid_and_names_it),
        cmocka_unit_test(bytes_that_are_no_request_are_refused_and_the_next_call_is_answered),
        cmocka_unit_test(deep_and_large_messages_are_refused_and_the_next_call_is_answered),
        cmocka_unit_test(says_that_a_later_revision_is_not_reached),
        cmocka_unit_test(a_short_deadline_ends_the_wait_for_a_revision),
        cmocka_unit_test(reads_its_own_writes),
        cmocka_unit_test(waits_for_a_revision_that_comes),
        cmocka_unit_test(a_damaged_record_is_data_loss_and_never_an_answer),
        cmocka_unit_test(waits_for_a_store_that_is_not_there_yet),
        cmocka_unit_test(refuses_to_serve_a_store_of_another_format),
        cmocka_unit_test(drains_under_load_without_a_wrong_answer),
        cmocka_unit_test(refuses_to_start_with_what_it_cannot_do),
        cmocka_unit_test(warns_of_a_default_that_can_never_allow),
        cmocka_unit_test(looks_at_the_default_again_when_the_schema_changes),
        cmocka_unit_test(tells_its_options_and_version),
        cmocka_unit_test(no_key_is_ever_logged),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
