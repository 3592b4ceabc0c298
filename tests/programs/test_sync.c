/* sallyport-sync as its clients see it: mistakes, shared commits, crashes, a full map, streams, and
 * the commands. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sallyport/v1/admin.pb-c.h"
#include "support/programs.h"
#include "wire/wire.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES];
static struct caller admin;

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORT_SYNC_MAX_STREAMS", "200", 1); /* more than a workspace may have watches */
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

static void still_answers(const char *after) {
    if (caller_call(&admin, "Admin/WhoAmI", "{}") != SP_OK)
        fail_msg("after %s: %s", after, admin.error.message);
    assert_string_equal(caller_text(&admin, "principal.id"), "w1-admin");
}

/* ---- mistakes ---- */

static void a_mistake_gets_its_status_and_the_next_call_is_answered(void **state) {
    (void)state;
    static const struct {
        const char *method, *request;
        enum sp_status status;
        const char *fragment;
    } rows[] = {
        {"Admin/CreateUser", "{'name': ''}", SP_ERR_INVALID, "name"},
        {"Admin/CreateUser", "{'id': '-', 'name': 'x'}", SP_ERR_INVALID, "id"},
        {"Admin/GetPrincipal", "{'id': 'nobody'}", SP_ERR_NOT_FOUND, "nobody"},
        {"Admin/CreateUser", "{'workspace': 'w9', 'name': 'x'}", SP_ERR_NOT_FOUND, "w9"},
        {"Admin/CreateWorkspace", "{'name': 'x'}", SP_ERR_PERMISSION, "operator"},
        {"Admin/DeletePrincipal", "{'id': 'w1-admin'}", SP_ERR_PRECONDITION, ""},
        {"Admin/CreateUser", "{'id': 'w1-admin', 'name': 'x'}", SP_ERR_EXISTS, "w1-admin"},
        {"Admin/ListPrincipals", "{'pageSize': 1001}", SP_ERR_INVALID, "page_size"},
        {"Admin/ListPrincipals", "{'pageToken': '!'}", SP_ERR_INVALID, "page_token"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum sp_status status = caller_call(&admin, rows[i].method, rows[i].request);
        if (status != rows[i].status || strstr(admin.error.message, rows[i].fragment) == NULL)
            fail_msg("%s %s: %s: %s", rows[i].method, rows[i].request, sp_status_name(status), admin.error.message);
        still_answers(rows[i].request);
    }
}

#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static void bytes_that_are_no_request_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *path;
        struct sp_bytes bytes;
        enum sp_status status;
    } rows[] = {
        {"an unknown method", "/sallyport.v1.Admin/Nope", BYTES(""), SP_ERR_UNIMPLEMENTED},
        {"a server's method", "/sallyport.v1.Authorization/Check", BYTES(""), SP_ERR_UNIMPLEMENTED},
        {"garbage", "/sallyport.v1.Admin/CreateUser", BYTES("\xff\xff\xff"), SP_ERR_INVALID},
        {"an unknown role", "/sallyport.v1.Admin/CreateUser", BYTES("\x22\x01x\x28\x63"), SP_ERR_INVALID},
        {"bad UTF-8", "/sallyport.v1.Admin/CreateUser", BYTES("\x22\x01\xff"), SP_ERR_INVALID},
        {"a NUL", "/sallyport.v1.Admin/CreateUser", BYTES("\x22\x02x\0"), SP_ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_bytes reply;
        enum sp_status status = caller_raw(&admin, rows[i].path, rows[i].bytes, &reply);
        if (status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].name, sp_status_name(status), admin.error.message);
        still_answers(rows[i].name);
    }
}

static void a_message_over_the_limit_is_refused(void **state) {
    (void)state;
    enum { LARGE = 5 * 1024 * 1024 };
    struct sp_bytes reply;
    uint8_t *bytes = calloc(1, LARGE);
    assert_non_null(bytes);
    assert_int_equal(caller_raw(&admin, "/sallyport.v1.Admin/CreateUser", (struct sp_bytes){bytes, LARGE}, &reply),
                     SP_ERR_EXHAUSTED);
    free(bytes);
    still_answers("five megabytes");
}

static void only_a_key_that_works_gets_an_answer(void **state) {
    (void)state;
    static const char *const keys[] = {"", "sp_nonsense", "sp_00000000000000000000000000000000000000000003B7ouu"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct caller caller;
        assert_true(caller_open(&caller, programs.sync_target, keys[i]));
        assert_int_equal(caller_call(&caller, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
        assert_int_equal(caller_call(&caller, "Admin/CreateUser", "{'name': 'x'}"), SP_ERR_UNAUTHENTICATED);
        caller_close(&caller);
    }
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    assert_string_equal(caller_text(&admin, "address"), "127.0.0.1");
}

static void a_request_id_gives_the_same_reply_without_the_secret(void **state) {
    (void)state;
    char id[96];
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'requestId': 'r1', 'principal': 'w1-admin', 'name': 'k', 'permissions': {'all': true}}");
    assert_true(caller_text(&admin, "secret")[0] != '\0');
    long long number = caller_number(&admin, "revision.number");
    snprintf(id, sizeof(id), "%s", caller_text(&admin, "apiKey.id"));
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'requestId': 'r1', 'principal': 'w1-admin', 'name': 'k', 'permissions': {'all': true}}");
    assert_string_equal(caller_text(&admin, "secret"), "");
    assert_true(json_is_true(caller_at(&admin, "secretAlreadyIssued")));
    assert_string_equal(caller_text(&admin, "apiKey.id"), id);
    assert_int_equal(caller_number(&admin, "revision.number"), number);
    assert_int_equal(caller_call(&admin, "Admin/CreateApiKey",
                                 "{'requestId': 'r1', 'principal': 'w1-admin', 'name': 'other', "
                                 "'permissions': {'all': true}}"),
                     SP_ERR_INVALID);
}

/* ---- many at once ---- */

struct client {
    pthread_t thread;
    unsigned index;
    const char *prefix;
    unsigned count; /* calls to make; 0: until told to stop */
    atomic_bool *stop;
    atomic_uint acknowledged; /* the first ones, in order */
    char wrong[1200];
    long long revisions[64];
};

static void *create_groups(void *user) {
    struct client *client = user;
    struct caller caller;
    if (!caller_open(&caller, programs.sync_target, admin_key)) {
        snprintf(client->wrong, sizeof(client->wrong), "no client");
        return NULL;
    }
    for (unsigned i = 0; client->count == 0 ? !atomic_load(client->stop) : i < client->count; i++) {
        enum sp_status status = caller_callf(&caller, "Admin/CreateGroup", "{'id': '%s-%u-%u', 'name': 'g'}",
                                             client->prefix, client->index, i);
        if (status != SP_OK) {
            snprintf(client->wrong, sizeof(client->wrong), "%s: %s", sp_status_name(status), caller.error.message);
            break;
        }
        client->revisions[i % COUNT(client->revisions)] = caller_number(&caller, "revision.number");
        atomic_fetch_add(&client->acknowledged, 1);
    }
    caller_close(&caller);
    return NULL;
}

static void start_clients(struct client *clients, size_t count, const char *prefix, unsigned calls, atomic_bool *stop) {
    for (size_t i = 0; i < count; i++) {
        clients[i] = (struct client){.index = (unsigned)i, .prefix = prefix, .count = calls, .stop = stop};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, create_groups, &clients[i]), 0);
    }
}

/* While they go on; fails after a minute. */
static void await_acknowledged(const struct client *clients, size_t count) {
    for (unsigned tries = 0; tries < 6000; tries++) {
        for (size_t i = 0; i < count; i++)
            if (atomic_load(&clients[i].acknowledged) > 0)
                return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("nothing is acknowledged within a minute");
}

static void join_clients(struct client *clients, size_t count) {
    for (size_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
}

/* Every group that a client was told of is there. */
static unsigned assert_acknowledged(const struct client *clients, size_t count) {
    unsigned all = 0;
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; j < clients[i].acknowledged; j++)
            caller_ok(&admin, "Admin/GetGroup", "{'id': '%s-%u-%u'}", clients[i].prefix, clients[i].index, j);
        all += clients[i].acknowledged;
    }
    return all;
}

static void fifty_clients_share_commits_and_each_gets_its_own_revision(void **state) {
    (void)state;
    enum { CLIENTS = 50, CALLS = 8 };
    static struct client clients[CLIENTS];
    long long least = 0, most = 0;
    caller_ok(&programs.operator_caller, "Admin/UpdateWorkspace",
              "{'workspace': {'id': 'w1', 'quotas': {'groups': 1000000}}, 'updateMask': ['quotas']}");
    start_clients(clients, CLIENTS, "many", CALLS, NULL);
    join_clients(clients, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_string_equal(clients[i].wrong, "");
        for (size_t j = 0; j < CALLS; j++) {
            long long revision = clients[i].revisions[j];
            least = least == 0 || revision < least ? revision : least;
            most = revision > most ? revision : most;
        }
    }
    /* As many revisions as calls, with none between them: all differ. */
    assert_int_equal(most - least + 1, CLIENTS * CALLS);
    assert_int_equal(assert_acknowledged(clients, CLIENTS), CLIENTS * CALLS);
}

static void restart_sync(void) {
    caller_close(&admin);
    programs_start_sync(&programs);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
}

static void what_was_acknowledged_survives_a_kill(void **state) {
    (void)state;
    enum { CLIENTS = 8 };
    static struct client clients[CLIENTS];
    atomic_bool stop;
    atomic_init(&stop, false);
    for (unsigned round = 0; round < 3; round++) {
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "kill%u", round);
        start_clients(clients, CLIENTS, prefix, 0, &stop);
        await_acknowledged(clients, CLIENTS);
        nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
        assert_int_equal(process_end(&programs.sync, SIGKILL), 128 + SIGKILL);
        join_clients(clients, CLIENTS);
        assert_string_equal(check_reason(&programs.checker, admin_key, "voice", "", "preview"), "ALLOWED");
        restart_sync();
        assert_true(assert_acknowledged(clients, CLIENTS) > 0);
        programs_verify(&programs);
    }
}

static void a_graceful_end_answers_what_waits_and_loses_nothing(void **state) {
    (void)state;
    enum { CLIENTS = 20 };
    static struct client clients[CLIENTS];
    atomic_bool stop;
    atomic_init(&stop, false);
    start_clients(clients, CLIENTS, "end", 0, &stop);
    await_acknowledged(clients, CLIENTS);
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000}, NULL);
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
    join_clients(clients, CLIENTS);
    restart_sync();
    for (size_t i = 0; i < CLIENTS; i++)
        if (strncmp(clients[i].wrong, "UNAVAILABLE", 11) != 0 && strncmp(clients[i].wrong, "CANCELLED", 9) != 0)
            fail_msg("%s", clients[i].wrong);
    assert_true(assert_acknowledged(clients, CLIENTS) > 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        /* Refused as UNAVAILABLE means: not done. */
        if (strstr(clients[i].wrong, "the server is stopping") != NULL)
            assert_int_equal(caller_callf(&admin, "Admin/GetGroup", "{'id': 'end-%zu-%u'}", i, clients[i].acknowledged),
                             SP_ERR_NOT_FOUND);
    }
}

/* ---- streams ---- */

static bool stream_send(struct caller *caller, struct sp_rpc_stream *stream, const char *method, const char *request) {
    struct sp_bytes packed;
    assert_true(caller_pack(caller, method, request, &packed));
    return sp_rpc_stream_send(stream, packed, &caller->error) == SP_OK;
}

static struct sp_rpc_stream *open_stream(struct caller *caller, const char *name, const char *request) {
    char path[64], method[64];
    struct sp_rpc_stream *stream = NULL;
    snprintf(path, sizeof(path), "/sallyport.v1.Admin/%s", name);
    snprintf(method, sizeof(method), "Admin/%s", name);
    assert_int_equal(sp_rpc_stream_open(caller->client, path, &stream, &caller->error), SP_OK);
    if (request != NULL) /* a server that has ended the stream already says why with the next receive */
        (void)stream_send(caller, stream, method, request);
    return stream;
}

static enum sp_status receive(struct caller *caller, struct sp_rpc_stream *stream,
                              const ProtobufCMessageDescriptor *descriptor, void *ret_message) {
    struct sp_bytes bytes;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_rpc_stream_receive(stream, &caller->arena, &bytes, &caller->error);
    if (status == SP_OK)
        status = sp_wire_unpack(descriptor, bytes, &caller->arena, &message, &caller->error);
    if (status == SP_OK)
        memcpy(ret_message, &message, sizeof(message));
    return status;
}

static Sallyport__V1__Change *next_change(struct caller *caller, struct sp_rpc_stream *stream) {
    Sallyport__V1__Change *change = NULL;
    if (receive(caller, stream, &sallyport__v1__change__descriptor, &change) != SP_OK)
        fail_msg("%s", caller->error.message);
    return change;
}

static void a_watch_tells_old_and_new_changes_in_order(void **state) {
    (void)state;
    struct caller watcher;
    assert_true(caller_open(&watcher, programs.sync_target, programs.operator_key));
    struct sp_rpc_stream *stream = open_stream(&watcher, "WatchChanges", "{'fromNumber': '1'}");
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    uint64_t now = (uint64_t)caller_number(&admin, "revision.number");
    for (uint64_t number = 1; number <= now; number++)
        assert_int_equal(next_change(&watcher, stream)->revision->number, number);
    for (unsigned i = 0; i < 20; i++) {
        caller_ok(&admin, "Admin/CreateGroup", "{'id': 'watched%u', 'name': 'g'}", i);
        const Sallyport__V1__Change *change = next_change(&watcher, stream);
        assert_int_equal(change->revision->number, ++now);
        assert_string_equal(change->method, "CreateGroup");
        assert_string_equal(change->address, "127.0.0.1");
        assert_string_equal(change->actor->id, "w1-admin");
    }
    sp_rpc_stream_close(stream);
    caller_close(&watcher);
}

static void a_watch_shows_a_workspace_its_own_and_ends_with_its_key(void **state) {
    (void)state;
    struct caller watcher;
    char other_key[PROGRAMS_KEY_BYTES];
    char watch_key[PROGRAMS_KEY_BYTES];
    programs_workspace(&programs, "w2", other_key);
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'id': 'watch', 'principal': 'w1-admin', 'name': 'k', 'permissions': {'all': true}}");
    snprintf(watch_key, sizeof(watch_key), "%s", caller_text(&admin, "secret"));
    long long from = caller_number(&admin, "revision.number") + 1;
    assert_true(caller_open(&watcher, programs.sync_target, watch_key));
    char request[64];
    snprintf(request, sizeof(request), "{'fromNumber': '%lld'}", from);
    struct sp_rpc_stream *stream = open_stream(&watcher, "WatchChanges", request);
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'w2', 'name': 'renamed'}, 'updateMask': ['name']}");
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'seen', 'name': 'g'}");
    const Sallyport__V1__Change *change = next_change(&watcher, stream);
    assert_string_equal(change->workspace, "w1");
    assert_string_equal(change->method, "CreateGroup");
    caller_ok(&admin, "Admin/DisableApiKey", "{'id': 'watch'}");
    enum sp_status status = receive(&watcher, stream, &sallyport__v1__change__descriptor, &change);
    assert_int_equal(status, SP_ERR_UNAUTHENTICATED);
    sp_rpc_stream_close(stream);
    caller_close(&watcher);
}

static void streams_ask_who_calls(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *request;
    } rows[] = {{"WatchChanges", "{'workspace': 'w2'}"}, {"Backup", "{}"}, {"Import", "{}"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_bytes bytes;
        struct caller nobody;
        struct sp_rpc_stream *stream = open_stream(&admin, rows[i].name, rows[i].request);
        enum sp_status status = sp_rpc_stream_receive(stream, &admin.arena, &bytes, &admin.error);
        if (status != SP_ERR_PERMISSION && status != SP_ERR_NOT_FOUND)
            fail_msg("%s: %s %s", rows[i].name, sp_status_name(status), admin.error.message);
        sp_rpc_stream_close(stream);
        assert_true(caller_open(&nobody, programs.sync_target, ""));
        stream = open_stream(&nobody, rows[i].name, NULL); /* the server may end it before anything is sent */
        assert_int_equal(sp_rpc_stream_receive(stream, &nobody.arena, &bytes, &nobody.error), SP_ERR_UNAUTHENTICATED);
        sp_rpc_stream_close(stream);
        caller_close(&nobody);
    }
}

/* Nothing is held for a stream whose caller nobody knows, even if it never sends a request. */
static void a_stream_without_a_key_ends_before_it_sends_anything(void **state) {
    (void)state;
    static const char *const paths[] = {"/sallyport.v1.Admin/WatchChanges", "/sallyport.v1.Admin/Backup",
                                        "/sallyport.v1.Admin/Import"};
    struct caller nobody;
    assert_true(caller_open(&nobody, programs.sync_target, ""));
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct sp_rpc_stream *stream;
        struct sp_bytes bytes;
        assert_int_equal(sp_rpc_stream_open(nobody.client, paths[i], &stream, &nobody.error), SP_OK);
        assert_int_equal(sp_rpc_stream_receive(stream, &nobody.arena, &bytes, &nobody.error), SP_ERR_UNAUTHENTICATED);
        sp_rpc_stream_close(stream);
    }
    caller_close(&nobody);
}

static enum sp_status watch_one(struct caller *watcher, struct sp_rpc_stream **ret_stream) {
    const Sallyport__V1__Change *change = NULL;
    *ret_stream = open_stream(watcher, "WatchChanges", "{'fromNumber': '1', 'workspace': 'w1'}");
    return receive(watcher, *ret_stream, &sallyport__v1__change__descriptor, &change);
}

/* Each that does not read holds memory of the one writer of all tenants. */
static void a_workspace_has_a_hundred_watches_and_no_more(void **state) {
    (void)state;
    enum { MOST = 100 };
    struct caller watcher;
    struct sp_rpc_stream *streams[MOST + 1];
    char watch_key[PROGRAMS_KEY_BYTES];
    caller_ok(&admin, "Admin/CreateApiKey", "{'principal': 'w1-admin', 'name': 'k', 'permissions': {'all': true}}");
    snprintf(watch_key, sizeof(watch_key), "%s", caller_text(&admin, "secret"));
    assert_true(caller_open(&watcher, programs.sync_target, watch_key));
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(watch_one(&watcher, &streams[i]), SP_OK);
    assert_int_equal(watch_one(&watcher, &streams[MOST]), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(watcher.error.message, "100 of them on this workspace"));
    /* The operator's own, of all workspaces, is not kept out. */
    struct sp_rpc_stream *other = open_stream(&programs.operator_caller, "WatchChanges", "{'fromNumber': '1'}");
    assert_non_null(next_change(&programs.operator_caller, other));
    sp_rpc_stream_close(other);
    for (size_t i = 0; i <= MOST; i++)
        sp_rpc_stream_close(streams[i]);
    caller_close(&watcher);
}

static void a_watch_below_the_oldest_or_of_nonsense_is_refused(void **state) {
    (void)state;
    struct sp_bytes bytes;
    struct sp_rpc_stream *stream = open_stream(&programs.operator_caller, "WatchChanges", NULL);
    assert_int_equal(
        sp_rpc_stream_send(stream, (struct sp_bytes){(const uint8_t *)"\xff", 1}, &programs.operator_caller.error),
        SP_OK);
    assert_int_equal(
        sp_rpc_stream_receive(stream, &programs.operator_caller.arena, &bytes, &programs.operator_caller.error),
        SP_ERR_INVALID);
    sp_rpc_stream_close(stream);
}

static void a_backup_is_a_store_that_verifies_and_restores(void **state) {
    (void)state;
    struct caller *operator_caller = &programs.operator_caller;
    char file[128], restored[128];
    uint64_t total = 0, got = 0, number = 0;
    snprintf(file, sizeof(file), "%s/backup.mdb", programs.folder);
    snprintf(restored, sizeof(restored), "%s/restored", programs.folder);
    struct sp_rpc_stream *stream = open_stream(operator_caller, "Backup", "{}");
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    Sallyport__V1__BackupChunk *chunk = NULL;
    enum sp_status status;
    while ((status = receive(operator_caller, stream, &sallyport__v1__backup_chunk__descriptor, &chunk)) == SP_OK) {
        if (got == 0) {
            assert_non_null(chunk->revision);
            number = chunk->revision->number;
            total = chunk->total_bytes;
        }
        assert_in_range(chunk->data.len, 1, 256 * 1024);
        assert_int_equal(fwrite(chunk->data.data, 1, chunk->data.len, out), chunk->data.len);
        got += chunk->data.len;
    }
    assert_int_equal(fclose(out), 0);
    assert_int_equal(status, SP_STREAM_END);
    assert_true(total > 0);
    assert_int_equal(got, total);
    sp_rpc_stream_close(stream);
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    assert_int_equal(caller_number(&admin, "revision.number"), number);

    struct process process;
    const char *restore[] = {"sallyport-sync", "restore",      "--store", restored, "--backup", file,
                             "--later-store",  programs.store, NULL};
    if (process_run(&process, programs.folder, "restore", restore) != 0) {
        char *said = process_read(process.err);
        fail_msg("%s", said);
    }
    const char *verify[] = {"sallyport-sync", "verify", "--store", restored, NULL};
    assert_int_equal(process_run(&process, programs.folder, "verify", verify), 0);
}

static Sallyport__V1__ImportResponse *import_batch(struct caller *caller, struct sp_rpc_stream *stream,
                                                   const char *request) {
    Sallyport__V1__ImportResponse *response = NULL;
    if (!stream_send(caller, stream, "Admin/Import", request) ||
        receive(caller, stream, &sallyport__v1__import_response__descriptor, &response) != SP_OK)
        fail_msg("%s", caller->error.message);
    return response;
}

/* Sends a batch that must be refused, and closes the stream: its error names the line. */
static void refuse_batch(struct caller *caller, struct sp_rpc_stream *stream, const char *request,
                         enum sp_status status, const char *says) {
    Sallyport__V1__ImportResponse *response = NULL;
    assert_true(stream_send(caller, stream, "Admin/Import", request));
    assert_int_equal(receive(caller, stream, &sallyport__v1__import_response__descriptor, &response), status);
    if (strncmp(caller->error.message, says, strlen(says)) != 0)
        fail_msg("%s: %s", request, caller->error.message);
    sp_rpc_stream_close(stream);
}

static void assert_stream_ends(struct caller *caller, struct sp_rpc_stream *stream) {
    struct sp_bytes bytes;
    enum sp_status status = sp_rpc_stream_receive(stream, &caller->arena, &bytes, &caller->error);
    assert_int_equal(status, SP_STREAM_END);
    sp_rpc_stream_close(stream);
}

static const char import_of_a_workspace[] =
    "{'records': ["
    "{'line': 1, 'workspace': {'id': 'imported', 'name': 'x', 'plan': 'PLAN_FREE', 'seats': 5}},"
    "{'line': 2, 'principal': {'workspace': 'imported', 'id': 'ann', 'kind': 'USER', 'name': 'Ann',"
    " 'role': 'WORKSPACE_ROLE_ADMIN'}},"
    "{'line': 3, 'apiKey': {'key': {'workspace': 'imported', 'id': 'k', 'principal': 'ann', 'name': 'k',"
    " 'permissions': {'all': true}}}}]}";

static void a_dry_run_answers_the_current_revision_and_changes_nothing(void **state) {
    (void)state;
    struct caller *caller = &programs.operator_caller;
    char *dry = strdup(import_of_a_workspace);
    char request[sizeof(import_of_a_workspace) + 32];
    assert_non_null(dry);
    snprintf(request, sizeof(request), "{'dryRun': true, %s", dry + 1);
    free(dry);
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    long long number = caller_number(&admin, "revision.number");
    struct sp_rpc_stream *stream = open_stream(caller, "Import", NULL);
    Sallyport__V1__ImportResponse *response = import_batch(caller, stream, request);
    assert_int_equal(response->applied, 3);
    /* What the first batch made is there for the second. */
    response = import_batch(caller, stream,
                            "{'records': [{'line': 4, 'group': {'workspace': 'imported', 'id': 'g', 'name': 'g'}}]}");
    assert_int_equal(response->applied, 4);
    assert_int_equal(response->revision->number, number);
    refuse_batch(caller, stream,
                 "{'records': [{'line': 5, 'group': {'workspace': 'imported', 'id': 'g', 'name': 'g'}}]}",
                 SP_ERR_EXISTS, "line 5: ");
    assert_int_equal(caller_call(caller, "Admin/GetWorkspace", "{'workspace': 'imported'}"), SP_ERR_NOT_FOUND);
    operator_ok(
        &programs, "Admin/PutSchema",
        "{'dryRun': true, 'yaml': 'version: 1\\npermissions:\\n  x_read: See x\\ntypes:\\n  x:\\n    actions:\\n"
        "      read: {permission: x_read}\\n'}");
    assert_int_equal(caller_number(caller, "revision.number"), number);
    assert_true(json_array_size(caller_at(caller, "changes")) > 0);
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    assert_int_equal(caller_number(&admin, "revision.number"), number);
}

static void an_import_applies_batches_and_fails_at_the_first_mistake(void **state) {
    (void)state;
    struct caller *caller = &programs.operator_caller;
    struct sp_rpc_stream *stream = open_stream(caller, "Import", NULL);
    Sallyport__V1__ImportResponse *response = import_batch(caller, stream, import_of_a_workspace);
    assert_int_equal(response->applied, 3);
    assert_int_equal(response->n_secrets, 1);
    assert_int_equal(response->secrets[0]->line, 3);
    char request[256];
    snprintf(request, sizeof(request), "%s", response->secrets[0]->secret);
    assert_string_equal(check_reason(&programs.checker, request, "voice", "", "preview"), "ALLOWED");
    refuse_batch(caller, stream,
                 "{'records': [{'line': 7, 'group': {'workspace': 'imported', 'id': 'g', 'name': 'g'}},"
                 "{'line': 8, 'membership': {'workspace': 'imported', 'group': 'g', 'principal': 'bob'}}]}",
                 SP_ERR_NOT_FOUND, "line 8: ");
    assert_int_equal(caller_call(caller, "Admin/GetGroup", "{'workspace': 'imported', 'id': 'g'}"), SP_ERR_NOT_FOUND);
    stream = open_stream(caller, "Import", NULL);
    assert_int_equal(sp_rpc_stream_done_sending(stream, &caller->error), SP_OK);
    assert_stream_ends(caller, stream);
}

static void who_asks_for_refusals_gets_them_before_the_error(void **state) {
    (void)state;
    struct caller *caller = &programs.operator_caller;
    struct sp_rpc_stream *stream = open_stream(caller, "Import", NULL);
    Sallyport__V1__ImportResponse *response = import_batch(
        caller, stream, "{'records': [{'line': 1, 'workspace': {'id': 'several', 'name': 'x', 'seats': 5}}]}");
    assert_int_equal(response->applied, 1);
    response = import_batch(caller, stream,
                            "{'maxRefusals': 20, 'records': ["
                            "{'line': 2, 'group': {'workspace': 'several', 'id': 'g1'}},"
                            "{'line': 3, 'group': {'workspace': 'several', 'id': 'g2', 'name': 'good'}},"
                            "{'line': 4, 'group': {'workspace': 'nowhere', 'id': 'g3', 'name': 'g'}}]}");
    assert_int_equal(response->applied, 1);
    assert_null(response->revision);
    assert_int_equal(response->n_refusals, 2);
    assert_int_equal(response->refusals[0]->line, 2);
    assert_int_equal(response->refusals[1]->line, 4);
    assert_non_null(strstr(response->refusals[1]->message, "nowhere"));
    assert_int_equal(receive(caller, stream, &sallyport__v1__import_response__descriptor, &response), SP_ERR_INVALID);
    assert_memory_equal(caller->error.message, "line 2: name", 12);
    sp_rpc_stream_close(stream);
    assert_int_equal(caller_call(caller, "Admin/GetGroup", "{'workspace': 'several', 'id': 'g2'}"), SP_ERR_NOT_FOUND);
    stream = open_stream(caller, "Import", NULL);
    refuse_batch(caller, stream, "{'maxRefusals': 21}", SP_ERR_INVALID, "max_refusals: at most 20");
}

/* The schema's text as JSON has it. */
static char *escape_lines(const char *yaml) {
    char *text = malloc(2 * strlen(yaml) + 1), *at = text;
    assert_non_null(text);
    for (; *yaml != '\0'; yaml++) {
        *at++ = *yaml == '\n' ? '\\' : *yaml;
        if (*yaml == '\n')
            *at++ = 'n';
    }
    *at = '\0';
    return text;
}

static void what_a_removed_type_leaves_is_removed_in_the_background(void **state) {
    (void)state;
    char *without = escape_lines(programs_schema);
    char *with = malloc(strlen(without) + 128);
    assert_non_null(with);
    sprintf(with, "%s  memo:\\n    ids: workspace\\n    actions:\\n      read: {role: viewer}\\n", without);
    operator_ok(&programs, "Admin/PutSchema", "{'yaml': '%s'}", with);
    for (unsigned i = 0; i < 30; i++)
        caller_ok(&admin, "Admin/ShareResource",
                  "{'resource': {'type': 'memo', 'id': 'm%u'}, 'subject': {'principal': 'w1-admin'}, 'role': "
                  "'ROLE_VIEWER'}",
                  i);
    assert_int_equal(caller_callf(&programs.operator_caller, "Admin/PutSchema", "{'yaml': '%s'}", without),
                     SP_ERR_PRECONDITION);
    operator_ok(&programs, "Admin/PutSchema", "{'yaml': '%s', 'force': true}", without);
    free(without);
    free(with);
    size_t removed = 0;
    for (unsigned i = 0; i < 3000 && removed < 30; i++) {
        operator_ok(&programs, "Admin/ListChanges",
                    "{'workspace': 'w1', 'actor': 'offline:remove what was deleted', 'object': 'memo'}");
        const json_t *changes = caller_at(&programs.operator_caller, "changes");
        removed = 0;
        for (size_t c = 0; c < json_array_size(changes); c++)
            removed += json_array_size(json_object_get(json_array_get(changes, c), "entities"));
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    assert_int_equal(removed, 30);
}

static void a_deleted_workspace_is_removed_in_the_background(void **state) {
    (void)state;
    char key[PROGRAMS_KEY_BYTES];
    struct caller owner;
    programs_workspace(&programs, "doomed", key);
    assert_true(caller_open(&owner, programs.sync_target, key));
    for (unsigned i = 0; i < 30; i++)
        caller_ok(&owner, "Admin/CreateGroup", "{'name': 'g%u'}", i);
    caller_close(&owner);
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'doomed', 'disabled': true}, 'updateMask': ['disabled']}");
    operator_ok(&programs, "Admin/DeleteWorkspace", "{'workspace': 'doomed'}");
    enum sp_status status = SP_OK;
    for (unsigned i = 0; i < 3000 && status == SP_OK; i++) {
        status = caller_call(&programs.operator_caller, "Admin/GetWorkspace", "{'workspace': 'doomed'}");
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    assert_int_equal(status, SP_ERR_NOT_FOUND);
    assert_string_equal(check_reason(&programs.checker, key, "voice", "", "preview"), "KEY_UNKNOWN");
}

/* ---- the map ---- */

static void a_full_map_refuses_changes_and_answers_go_on(void **state) {
    (void)state;
    struct programs small;
    struct caller owner;
    char key[PROGRAMS_KEY_BYTES];
    enum sp_status status = SP_OK;
    unsigned made = 0;
    programs_start(&small, "2M");
    programs_workspace(&small, "w1", key);
    operator_ok(&small, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'w1', 'quotas': {'groups': 1000000}}, 'updateMask': ['quotas']}");
    assert_true(caller_open(&owner, small.sync_target, key));
    while (status == SP_OK && made < 100000) {
        status = caller_callf(&owner, "Admin/CreateGroup", "{'id': 'g%u', 'name': 'g'}", made);
        made += status == SP_OK ? 1 : 0;
    }
    assert_int_equal(status, SP_ERR_EXHAUSTED);
    assert_non_null(strstr(owner.error.message, "map"));
    assert_true(made > 10);
    assert_string_equal(check_reason(&small.checker, key, "voice", "", "preview"), "ALLOWED");
    caller_ok(&owner, "Admin/GetGroup", "{'id': 'g%u'}", made - 1);
    caller_close(&owner);

    /* While both programs run. */
    struct process process;
    const char *grow[] = {"sallyport-sync", "grow", "--store", small.store, "--map-size", "64M", NULL};
    assert_int_equal(process_run(&process, small.folder, "grow", grow), 0);
    process_wait_for(&small.sync, "adopted the larger map");
    assert_true(caller_open(&owner, small.sync_target, key));
    for (unsigned i = 0; i < 50; i++)
        caller_ok(&owner, "Admin/CreateGroup", "{'name': 'more'}");
    /* The server, which was open all the time, sees the larger map. */
    caller_ok(&owner, "Admin/DisableSelf", "{}");
    assert_string_equal(check_reason(&small.checker, key, "voice", "", "preview"), "KEY_DISABLED");
    caller_close(&owner);
    programs_stop(&small);
}

/* ---- commands ---- */

static int run_sync(const char *const *arguments, const char *fragment_of_stderr) {
    struct process process;
    int status = process_run(&process, programs.folder, "command", arguments);
    char *said = process_read(process.err);
    if (strstr(said, fragment_of_stderr) == NULL)
        fail_msg("\"%s\" is not in: %s", fragment_of_stderr, said);
    free(said);
    return status;
}

static void a_second_writer_is_refused_while_one_serves(void **state) {
    (void)state;
    const char *serve[] = {"sallyport-sync", "serve", "--store", programs.store, "--listen", "127.0.0.1:0", NULL};
    const char *reindex[] = {"sallyport-sync", "reindex", "--store", programs.store, NULL};
    char message[64];
    snprintf(message, sizeof(message), "another sallyport-sync with process id %d", (int)programs.sync.pid);
    assert_int_equal(run_sync(serve, message), 1);
    assert_int_equal(run_sync(reindex, message), 1);
    still_answers("others tried");
}

static void operators_are_added_and_revoked_while_it_serves(void **state) {
    (void)state;
    struct process process;
    struct caller carol;
    const char *add[] = {"sallyport-sync", "operator", "add", "carol", "--store", programs.store, NULL};
    const char *list[] = {"sallyport-sync", "operator", "list", "--store", programs.store, NULL};
    const char *revoke[] = {"sallyport-sync", "operator", "revoke", "carol", "--store", programs.store, NULL};
    assert_int_equal(process_run(&process, programs.folder, "command", add), 0);
    char *key = process_read(process.out);
    key[strcspn(key, "\n")] = '\0';
    assert_true(caller_open(&carol, programs.sync_target, key));
    caller_ok(&carol, "Admin/WhoAmI", "{}");
    assert_string_equal(caller_text(&carol, "actor.id"), "carol");
    assert_int_equal(process_run(&process, programs.folder, "command", list), 0);
    char *said = process_read(process.out);
    assert_non_null(strstr(said, "carol"));
    assert_non_null(strstr(said, "admin"));
    assert_null(strstr(said, key));
    assert_int_equal(run_sync(add, "carol"), 1);
    assert_int_equal(run_sync(revoke, ""), 0);
    assert_int_equal(caller_call(&carol, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
    assert_int_equal(run_sync(revoke, "carol"), 1);
    caller_close(&carol);
    free(said);
    free(key);
}

static void every_command_explains_itself_and_refuses_nonsense(void **state) {
    (void)state;
    static const char *const names[] = {"init", "serve", "operator", "verify", "reindex", "grow", "restore"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct process process;
        const char *help[] = {"sallyport-sync", names[i], "--help", NULL};
        const char *nonsense[] = {"sallyport-sync", names[i], "--nonsense", NULL};
        const char *nothing[] = {"sallyport-sync", names[i], NULL};
        assert_int_equal(process_run(&process, programs.folder, "command", help), 0);
        char *said = process_read(process.out);
        assert_non_null(strstr(said, "Examples:"));
        assert_non_null(strstr(said, "--store"));
        free(said);
        assert_int_equal(run_sync(nonsense, "--nonsense"), 2);
        assert_int_equal(run_sync(nothing, names[i]), 2);
    }
    const char *unknown[] = {"sallyport-sync", "dance", NULL};
    assert_int_equal(run_sync(unknown, "dance"), 2);
}

static void a_misspelled_variable_is_named_in_the_log(void **state) {
    struct process process;
    const char *arguments[] = {"sallyport-sync", "serve", "--store", "/nowhere/store", NULL};
    (void)state;
    setenv("SALLYPORT_SYNC_FOLOW_ONLY", "1", 1);
    assert_int_equal(process_run(&process, programs.folder, "misspelled", arguments), 1);
    unsetenv("SALLYPORT_SYNC_FOLOW_ONLY");
    char *said = process_read(process.err);
    assert_non_null(strstr(said, "unknown environment variable SALLYPORT_SYNC_FOLOW_ONLY; did you mean "
                                 "SALLYPORT_SYNC_FOLLOW_ONLY"));
    free(said);
}

static void init_makes_no_store_over_another_and_no_key_over_a_file(void **state) {
    (void)state;
    char file[128], fresh[128];
    struct stat about;
    snprintf(file, sizeof(file), "%s/operator.key", programs.folder);
    snprintf(fresh, sizeof(fresh), "%s/fresh", programs.folder);
    const char *again[] = {"sallyport-sync", "init", "--store", programs.store, NULL};
    const char *over[] = {"sallyport-sync", "init", "--store", fresh, "--key-file", file, NULL};
    assert_int_equal(run_sync(again, programs.store), 1);
    assert_int_equal(run_sync(over, "operator.key"), 1);
    assert_int_not_equal(stat(fresh, &about), 0);
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static mode_t mode_of(const char *path) {
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 0777;
}

/* As an init container runs it: at each start of the pod. */
static void init_if_missing_makes_a_store_once_and_prepare_takes_back_what_a_mount_gave_its_group(void **state) {
    (void)state;
    char folder[128], file[128], data[160];
    snprintf(folder, sizeof(folder), "%s/once", programs.folder);
    snprintf(file, sizeof(file), "%s/once.key", programs.folder);
    snprintf(data, sizeof(data), "%s/data.mdb", folder);
    const char *init[] = {"sallyport-sync", "init", "--if-missing", "--store", folder, "--key-file", file, NULL};
    fclose(fopen(file, "w")); /* of a try that was killed */
    assert_int_equal(run_sync(init, "it is shown only once"), 0);
    char *key = process_read(file);
    assert_int_equal(strlen(key), 53);
    const char *prepare[] = {"sallyport-sync", "prepare", "--store", folder, NULL};
    assert_int_equal(chmod(file, 0660) | chmod(data, 0660) | chmod(folder, 0770), 0);
    assert_int_equal(run_sync(init, "others may write to"), 1);
    assert_int_equal(run_sync(prepare, "only this user may write to it"), 0);
    assert_int_equal(run_sync(init, "which was left unchanged"), 0);
    char *same = process_read(file);
    assert_string_equal(same, key);
    assert_int_equal(mode_of(file), 0600);
    assert_int_equal(mode_of(data), 0640);
    assert_int_equal(mode_of(folder), 0750);
    assert_int_equal(unlink(file), 0); /* the operator took it */
    assert_int_equal(run_sync(init, "which was left unchanged"), 0);
    assert_int_not_equal(access(file, F_OK), 0);
    free(key);
    free(same);
}

static void nothing_is_left_in_the_store_folder(void **state) {
    (void)state;
    assert_int_equal(folder_count(programs.store, "scratch-"), 0);
    assert_int_equal(folder_count(programs.store, ""), 4); /* data.mdb, lock.mdb, sync.lock, usage */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_gets_its_status_and_the_next_call_is_answered),
        cmocka_unit_test(bytes_that_are_no_request_are_refused),
        cmocka_unit_test(a_message_over_the_limit_is_refused),
        cmocka_unit_test(only_a_key_that_works_gets_an_answer),
        cmocka_unit_test(a_request_id_gives_the_same_reply_without_the_secret),
        cmocka_unit_test(fifty_clients_share_commits_and_each_gets_its_own_revision),
        cmocka_unit_test(what_was_acknowledged_survives_a_kill),
        cmocka_unit_test(a_graceful_end_answers_what_waits_and_loses_nothing),
        cmocka_unit_test(a_watch_tells_old_and_new_changes_in_order),
        cmocka_unit_test(a_watch_shows_a_workspace_its_own_and_ends_with_its_key),
        cmocka_unit_test(streams_ask_who_calls),
        cmocka_unit_test(a_stream_without_a_key_ends_before_it_sends_anything),
        cmocka_unit_test(a_workspace_has_a_hundred_watches_and_no_more),
        cmocka_unit_test(a_watch_below_the_oldest_or_of_nonsense_is_refused),
        cmocka_unit_test(a_backup_is_a_store_that_verifies_and_restores),
        cmocka_unit_test(a_dry_run_answers_the_current_revision_and_changes_nothing),
        cmocka_unit_test(an_import_applies_batches_and_fails_at_the_first_mistake),
        cmocka_unit_test(who_asks_for_refusals_gets_them_before_the_error),
        cmocka_unit_test(a_deleted_workspace_is_removed_in_the_background),
        cmocka_unit_test(what_a_removed_type_leaves_is_removed_in_the_background),
        cmocka_unit_test(a_full_map_refuses_changes_and_answers_go_on),
        cmocka_unit_test(a_second_writer_is_refused_while_one_serves),
        cmocka_unit_test(operators_are_added_and_revoked_while_it_serves),
        cmocka_unit_test(every_command_explains_itself_and_refuses_nonsense),
        cmocka_unit_test(a_misspelled_variable_is_named_in_the_log),
        cmocka_unit_test(init_makes_no_store_over_another_and_no_key_over_a_file),
        cmocka_unit_test(init_if_missing_makes_a_store_once_and_prepare_takes_back_what_a_mount_gave_its_group),
        cmocka_unit_test(nothing_is_left_in_the_store_folder),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
