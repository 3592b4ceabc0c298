/* Endpoints, tokens, and calls that go on to the next endpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#include "etcd/internal.h"
#include "wire/wire.h"

enum {
    DEFAULT_TIMEOUT_MS = 2000,
    CONNECT_MS = 1000,
    KEEPALIVE_MS = 10000, /* etcd drops clients that ping more often than every 5 s */
    CALL_TIMEOUTS = 2,    /* that a call may take over all endpoints before no other is tried */
    PASSWORD_BYTES = 1024,
    ARENA_FIRST_BYTES = 4096,
    ARENA_BUDGET_BYTES = 64 * 1024,
};

/* ---- open and close ---- */

static enum sp_status add_endpoint(struct sp_etcd *etcd, struct sp_str target, struct sp_error *error) {
    if (target.size == 0 || target.size >= SP_ETCD_ENDPOINT_BYTES || memchr(target.data, ':', target.size) == NULL ||
        memchr(target.data, '/', target.size) != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "etcd's endpoint \"%.*s\": say host:port", SP_STR_ARG(target));
    if (etcd->endpoint_count == SP_ETCD_MAX_ENDPOINTS)
        return sp_error_set(error, SP_ERR_INVALID, "etcd: at most %d endpoints", SP_ETCD_MAX_ENDPOINTS);
    memcpy(etcd->endpoints[etcd->endpoint_count++].target, target.data, target.size);
    return SP_OK;
}

static enum sp_status read_endpoints(struct sp_etcd *etcd, struct sp_str list, struct sp_error *error) {
    enum sp_status status = SP_OK;
    bool more = true;
    while (status == SP_OK && more) {
        const char *comma = list.size == 0 ? NULL : memchr(list.data, ',', list.size);
        size_t size = comma == NULL ? list.size : (size_t)(comma - list.data);
        status = add_endpoint(etcd, (struct sp_str){list.data, size}, error);
        more = comma != NULL;
        if (more)
            list = (struct sp_str){comma + 1, list.size - size - 1};
    }
    return status;
}

static enum sp_status keep_text(const char *text, char **ret_copy, struct sp_error *error) {
    char *copy = text == NULL ? NULL : strdup(text);
    if (text != NULL && copy == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_copy = copy;
    return SP_OK;
}

enum sp_status sp_etcd_open(const struct sp_etcd_options *options, struct sp_etcd **ret_etcd, struct sp_error *error) {
    if ((options->user == NULL) != (options->password_file == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "etcd: user and password file are given both, or neither");
    if ((options->cert_file == NULL) != (options->key_file == NULL) ||
        (options->cert_file != NULL && options->ca_file == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "etcd: a certificate needs its key and the authority's file");
    struct sp_etcd *etcd = calloc(1, sizeof *etcd);
    if (etcd == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    etcd->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    etcd->opened_timeout_ms = etcd->timeout_ms;
    enum sp_status status = read_endpoints(etcd, options->endpoints, error);
    if (status == SP_OK)
        status = keep_text(options->ca_file, &etcd->ca_file, error);
    if (status == SP_OK)
        status = keep_text(options->cert_file, &etcd->cert_file, error);
    if (status == SP_OK)
        status = keep_text(options->key_file, &etcd->key_file, error);
    if (status == SP_OK)
        status = keep_text(options->user, &etcd->user, error);
    if (status == SP_OK)
        status = keep_text(options->password_file, &etcd->password_file, error);
    if (status == SP_OK)
        *ret_etcd = etcd;
    else
        sp_etcd_close(etcd);
    return status;
}

void sp_etcd_close(struct sp_etcd *etcd) {
    if (etcd == NULL)
        return;
    for (size_t i = 0; i < etcd->endpoint_count; i++)
        sp_rpc_client_close(etcd->endpoints[i].client);
    free(etcd->ca_file);
    free(etcd->cert_file);
    free(etcd->key_file);
    free(etcd->user);
    free(etcd->password_file);
    free(etcd);
}

void sp_etcd_set_timeout(struct sp_etcd *etcd, unsigned timeout_ms) {
    etcd->timeout_ms = timeout_ms > 0 ? timeout_ms : etcd->opened_timeout_ms;
}

const char *sp_etcd_endpoint(const struct sp_etcd *etcd) {
    return etcd->endpoints[etcd->current].target;
}

void sp_etcd_next_endpoint(struct sp_etcd *etcd) {
    etcd->current = (etcd->current + 1) % etcd->endpoint_count;
}

/* ---- tokens ---- */

/* The first line of the password's file. */
static enum sp_status read_password(const struct sp_etcd *etcd, char password[static PASSWORD_BYTES],
                                    struct sp_error *error) {
    int fd = open(etcd->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, password, PASSWORD_BYTES - 1);
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd's password file %s cannot be read: %s",
                            etcd->password_file, strerror(reason));
    password[size] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    return SP_OK;
}

static enum sp_status ask_for_token(struct sp_etcd *etcd, struct sp_rpc_client *client, char *password,
                                    struct sp_arena *arena, struct sp_error *error) {
    struct sp_bytes request = {NULL, 0};
    struct sp_bytes reply;
    ProtobufCMessage *message = NULL;
    Etcdserverpb__AuthenticateRequest ask = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;
    ask.name = etcd->user;
    ask.password = password;
    enum sp_status status = sp_wire_pack(&ask.base, arena, &request);
    if (status == SP_OK)
        status = sp_rpc_client_call(client, "/etcdserverpb.Auth/Authenticate", request, arena, &reply, error);
    if (status == SP_OK)
        status = sp_wire_unpack(&etcdserverpb__authenticate_response__descriptor, reply, arena, &message, error);
    if (status == SP_ERR_INVALID)
        return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "etcd does not take user %s and the password", etcd->user);
    if (status != SP_OK)
        return status;
    const Etcdserverpb__AuthenticateResponse *answer = (const Etcdserverpb__AuthenticateResponse *)message;
    return sp_rpc_client_set_metadata(client, "token", sp_str_from(answer->token), error);
}

static enum sp_status fetch_token(struct sp_etcd *etcd, struct sp_rpc_client *client, struct sp_error *error) {
    char password[PASSWORD_BYTES];
    struct sp_arena arena;
    enum sp_status status = read_password(etcd, password, error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status == SP_OK) {
        status = ask_for_token(etcd, client, password, &arena, error);
        sp_arena_wipe(&arena);
        sp_arena_fini(&arena);
    }
    explicit_bzero(password, sizeof password);
    return status;
}

void sp_etcd_drop_token(struct sp_etcd *etcd) {
    etcd->endpoints[etcd->current].has_token = false;
}

/* ---- connections ---- */

static enum sp_status connect_to(const struct sp_etcd *etcd, struct sp_etcd_endpoint *endpoint,
                                 struct sp_error *error) {
    const struct sp_rpc_client_options options = {
        .target = endpoint->target,
        .timeout_ms = etcd->timeout_ms,
        .max_receive_bytes = SP_ETCD_MAX_RECEIVE_BYTES,
        .keepalive_ms = KEEPALIVE_MS,
        .tls = {.ca = etcd->ca_file, .certificate = etcd->cert_file, .key = etcd->key_file},
    };
    enum sp_status status = sp_rpc_client_open(&options, &endpoint->client, error);
    if (status == SP_OK)
        status = sp_rpc_client_set_metadata(endpoint->client, "hasleader", SP_STR_LITERAL("true"), error);
    return status;
}

enum sp_status sp_etcd_connection(struct sp_etcd *etcd, struct sp_rpc_client **ret_client, struct sp_error *error) {
    struct sp_etcd_endpoint *endpoint = &etcd->endpoints[etcd->current];
    enum sp_status status = endpoint->client != NULL ? SP_OK : connect_to(etcd, endpoint, error);
    /* One that is still connecting may answer in time; one that was refused is not asked before its next try. */
    if (status == SP_OK && !sp_rpc_client_connect(endpoint->client, CONNECT_MS))
        status = sp_error_set(error, SP_ERR_UNAVAILABLE, "no connection");
    if (status == SP_OK && etcd->user != NULL && !endpoint->has_token) {
        status = fetch_token(etcd, endpoint->client, error);
        endpoint->has_token = status == SP_OK;
    }
    if (status == SP_OK) {
        sp_rpc_client_set_timeout(endpoint->client, etcd->timeout_ms);
        *ret_client = endpoint->client;
    }
    return status;
}

bool sp_etcd_may_help(enum sp_status status) {
    return status == SP_ERR_UNAVAILABLE || status == SP_ERR_DEADLINE || status == SP_ERR_CANCELLED ||
           status == SP_ERR_INTERNAL;
}

/* ---- calls ---- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One try at the current endpoint; a second where the token was no longer valid. */
static enum sp_status try_endpoint(struct sp_etcd *etcd, const char *path, struct sp_bytes request,
                                   struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    enum sp_status status = sp_etcd_connection(etcd, &client, error);
    if (status == SP_OK)
        status = sp_rpc_client_call(client, path, request, arena, ret_reply, error);
    if (status != SP_ERR_UNAUTHENTICATED || client == NULL || etcd->user == NULL)
        return status;
    sp_etcd_drop_token(etcd);
    status = sp_etcd_connection(etcd, &client, error);
    return status == SP_OK ? sp_rpc_client_call(client, path, request, arena, ret_reply, error) : status;
}

static enum sp_status say_unreachable(const struct sp_etcd *etcd, struct sp_error *error) {
    char why[256];
    (void)snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, error->message);
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd does not answer (%zu endpoint%s tried, last %s: %s)",
                        etcd->endpoint_count, etcd->endpoint_count == 1 ? "" : "s", sp_etcd_endpoint(etcd), why);
}

enum sp_status sp_etcd_call(struct sp_etcd *etcd, const char *path, const ProtobufCMessage *request,
                            const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                            ProtobufCMessage **ret_reply, bool *ret_repeated, struct sp_error *error) {
    struct sp_error own = {0};
    struct sp_bytes packed = {NULL, 0};
    struct sp_bytes answer = {NULL, 0};
    bool repeated = false;
    enum sp_status status = sp_wire_pack(request, arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "the request to etcd takes more memory than was set aside");
    int64_t until_ms = now_ms() + (int64_t)etcd->timeout_ms * CALL_TIMEOUTS;
    for (size_t tries = 0; tries < etcd->endpoint_count && (tries == 0 || now_ms() < until_ms); tries++) {
        status = try_endpoint(etcd, path, packed, arena, &answer, &own);
        if (!sp_etcd_may_help(status))
            break;
        repeated = true;
        if (tries + 1 < etcd->endpoint_count)
            sp_etcd_next_endpoint(etcd);
    }
    if (sp_etcd_may_help(status))
        status = say_unreachable(etcd, &own);
    if (status == SP_OK)
        status = sp_wire_unpack(reply, answer, arena, ret_reply, &own);
    if (status != SP_OK && error != NULL)
        *error = own;
    if (ret_repeated != NULL)
        *ret_repeated = repeated;
    return status;
}

struct sp_etcd_header sp_etcd_header_of(const Etcdserverpb__ResponseHeader *header) {
    if (header == NULL)
        return (struct sp_etcd_header){0, 0};
    return (struct sp_etcd_header){header->cluster_id, header->revision > 0 ? (uint64_t)header->revision : 0};
}

struct sp_etcd_kv sp_etcd_kv_of(const Mvccpb__KeyValue *kv) {
    return (struct sp_etcd_kv){
        .key = sp_etcd_bytes(kv->key),
        .value = sp_etcd_bytes(kv->value),
        .create_revision = (uint64_t)kv->create_revision,
        .mod_revision = (uint64_t)kv->mod_revision,
    };
}
