#include "rpc/health.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "grpc/health/v1/health.pb-c.h"
#include "rpc/call.h"
#include "wire/wire.h"

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

struct watcher {
    struct sp_rpc_call *call;
    struct watcher *previous, *next;
    bool linked;
    bool known; /* the service that it asked for */
    bool of_liveness;
    bool sending;
    serving_status told; /* last sent; UNKNOWN: nothing yet */
};

struct health {
    pthread_mutex_t lock; /* over what follows; held while watchers are woken, so that none goes meanwhile */
    bool serving, alive;
    struct watcher *watchers;
    struct sp_arena names_arena;
    struct sp_str *names; /* fixed once the server runs */
    size_t name_count, name_capacity;
};

enum {
    NAMES_BUDGET_BYTES = 1024 * 1024,
    REQUEST_BYTES = 1024, /* the name of a service */
};

/* For liveness probes: SERVING unless the server is stuck. One that waits for its store or is cut
 * off from its source is NOT_SERVING, and a restart would not help it. */
static const char liveness[] = "liveness";

static bool is_liveness(struct sp_str service) {
    return sp_str_equal(service, sp_str_from(liveness));
}

enum sp_status sp_rpc_health_create(struct health **ret_health, struct sp_error *error) {
    struct health *health = calloc(1, sizeof(*health));
    if (health == NULL || sp_arena_init(&health->names_arena, 1024, NAMES_BUDGET_BYTES) != SP_OK) {
        free(health);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    pthread_mutex_init(&health->lock, NULL);
    health->alive = true;
    *ret_health = health;
    return SP_OK;
}

void sp_rpc_health_free(struct health *health) {
    if (health == NULL)
        return;
    sp_arena_fini(&health->names_arena);
    free(health->names);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

static bool is_known_service(const struct health *health, struct sp_str name) {
    for (size_t i = 0; i < health->name_count; i++)
        if (sp_str_equal(health->names[i], name))
            return true;
    return name.size == 0 || is_liveness(name);
}

enum sp_status sp_rpc_health_add_service(struct health *health, struct sp_str name, struct sp_error *error) {
    if (is_known_service(health, name))
        return SP_OK;
    struct sp_str *names = sp_array_reserve(health->names, health->name_count, &health->name_capacity, sizeof(*names));
    if (names == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    health->names = names;
    char *copy = sp_arena_strdup(&health->names_arena, name);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    names[health->name_count++] = (struct sp_str){copy, name.size};
    return SP_OK;
}

static serving_status read_serving(struct health *health, bool of_liveness) {
    pthread_mutex_lock(&health->lock);
    serving_status status = health->alive && (health->serving || of_liveness) ? STATUS(SERVING) : STATUS(NOT_SERVING);
    pthread_mutex_unlock(&health->lock);
    return status;
}

/* `half`: one of the two that make the status. */
static void set_half_of_status(struct health *health, bool *half, bool value) {
    pthread_mutex_lock(&health->lock);
    if (*half != value) {
        *half = value;
        for (struct watcher *watcher = health->watchers; watcher != NULL; watcher = watcher->next)
            sp_rpc_wake(watcher->call);
    }
    pthread_mutex_unlock(&health->lock);
}

void sp_rpc_health_set(struct health *health, bool serving) {
    set_half_of_status(health, &health->serving, serving);
}

void sp_rpc_health_set_alive(struct health *health, bool alive) {
    set_half_of_status(health, &health->alive, alive);
}

/* ---- messages ---- */

static enum sp_status read_health_request(struct sp_rpc_call *call, struct sp_bytes bytes, struct sp_str *ret_service,
                                          struct sp_error *error) {
    ProtobufCMessage *message;
    enum sp_status status = sp_wire_unpack(&grpc__health__v1__health_check_request__descriptor, bytes,
                                           sp_rpc_call_arena(call), &message, error);
    if (status != SP_OK)
        return status;
    *ret_service = sp_str_from(((Grpc__Health__V1__HealthCheckRequest *)message)->service);
    return SP_OK;
}

struct response_bytes {
    uint8_t data[16];
    size_t size;
};

static struct response_bytes pack_response(serving_status status) {
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct response_bytes bytes;
    response.status = status;
    bytes.size = grpc__health__v1__health_check_response__pack(&response, bytes.data);
    return bytes;
}

/* ---- Check ---- */

static void check_health(struct sp_rpc_call *call, void *user) {
    struct health *health = user;
    struct sp_str service;
    struct sp_error error;
    enum sp_status status = read_health_request(call, sp_rpc_call_request(call), &service, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
    } else if (!is_known_service(health, service)) {
        sp_rpc_fail(call, SP_ERR_NOT_FOUND, "this server has no such service");
    } else {
        struct response_bytes bytes = pack_response(read_serving(health, is_liveness(service)));
        sp_rpc_reply(call, (struct sp_bytes){bytes.data, bytes.size});
    }
}

/* ---- List ---- */

struct listed_status {
    Grpc__Health__V1__HealthListResponse__StatusesEntry entry;
    Grpc__Health__V1__HealthCheckResponse response;
};

/* NULL: out of memory. */
static Grpc__Health__V1__HealthListResponse__StatusesEntry *make_listed_status(struct sp_str service,
                                                                               serving_status status,
                                                                               struct sp_arena *arena) {
    struct listed_status *listed = sp_arena_alloc(arena, sizeof(*listed));
    if (listed == NULL)
        return NULL;
    grpc__health__v1__health_list_response__statuses_entry__init(&listed->entry);
    grpc__health__v1__health_check_response__init(&listed->response);
    listed->response.status = status;
    listed->entry.value = &listed->response;
    listed->entry.key = sp_arena_strdup(arena, service);
    return listed->entry.key == NULL ? NULL : &listed->entry;
}

/* Every service, the server as a whole and its liveness. */
static enum sp_status pack_list(struct health *health, struct sp_arena *arena, struct sp_bytes *ret_bytes) {
    Grpc__Health__V1__HealthListResponse response = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
    serving_status all = read_serving(health, false);
    response.n_statuses = health->name_count + 2;
    response.statuses = sp_arena_alloc(arena, response.n_statuses * sizeof(*response.statuses));
    if (response.statuses == NULL)
        return SP_ERR_MEMORY;
    response.statuses[0] = make_listed_status(sp_str_from(""), all, arena);
    response.statuses[1] = make_listed_status(sp_str_from(liveness), read_serving(health, true), arena);
    for (size_t i = 0; i < health->name_count; i++)
        response.statuses[i + 2] = make_listed_status(health->names[i], all, arena);
    for (size_t i = 0; i < response.n_statuses; i++)
        if (response.statuses[i] == NULL)
            return SP_ERR_MEMORY;
    return sp_wire_pack(&response.base, arena, ret_bytes);
}

static void list_health(struct sp_rpc_call *call, void *user) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    struct sp_bytes bytes;
    struct sp_error error;
    ProtobufCMessage *message;
    enum sp_status status = sp_wire_unpack(&grpc__health__v1__health_list_request__descriptor,
                                           sp_rpc_call_request(call), arena, &message, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    status = pack_list(user, arena, &bytes);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, "out of memory");
        return;
    }
    sp_rpc_reply(call, bytes);
}

/* ---- Watch ---- */

static void link_watcher(struct health *health, struct watcher *watcher) {
    pthread_mutex_lock(&health->lock);
    watcher->next = health->watchers;
    if (health->watchers != NULL)
        health->watchers->previous = watcher;
    health->watchers = watcher;
    watcher->linked = true;
    pthread_mutex_unlock(&health->lock);
}

static void unlink_watcher(struct health *health, struct watcher *watcher) {
    pthread_mutex_lock(&health->lock);
    if (watcher->next != NULL)
        watcher->next->previous = watcher->previous;
    if (watcher->previous != NULL)
        watcher->previous->next = watcher->next;
    else
        health->watchers = watcher->next;
    pthread_mutex_unlock(&health->lock);
}

/* Sends the status if the client does not know it yet. */
static void send_news(struct health *health, struct watcher *watcher) {
    serving_status status = watcher->known ? read_serving(health, watcher->of_liveness) : STATUS(SERVICE_UNKNOWN);
    if (watcher->sending || watcher->told == status)
        return;
    struct response_bytes bytes = pack_response(status);
    watcher->sending = true;
    watcher->told = status;
    sp_rpc_send(watcher->call, (struct sp_bytes){bytes.data, bytes.size});
}

static void watch_opened(struct sp_rpc_call *call, void *user) {
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    (void)user;
    if (watcher == NULL) {
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    watcher->call = call;
    sp_rpc_set_state(call, watcher);
    sp_rpc_read(call);
}

static void watch_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct health *health = user;
    struct watcher *watcher = sp_rpc_state(call);
    struct sp_str service;
    struct sp_error error;
    enum sp_status status = read_health_request(call, message, &service, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    watcher->known = is_known_service(health, service);
    watcher->of_liveness = is_liveness(service);
    link_watcher(health, watcher);
    send_news(health, watcher);
}

static void watch_half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call carries no message");
}

static void watch_sent(struct sp_rpc_call *call, void *user) {
    struct watcher *watcher = sp_rpc_state(call);
    watcher->sending = false;
    send_news(user, watcher);
}

static void watch_woken(struct sp_rpc_call *call, void *user) {
    send_news(user, sp_rpc_state(call));
}

static void watch_closed(struct sp_rpc_call *call, void *user) {
    struct watcher *watcher = sp_rpc_state(call);
    if (watcher != NULL && watcher->linked)
        unlink_watcher(user, watcher);
    free(watcher);
}

static const struct sp_rpc_stream_ops watch_ops = {
    .opened = watch_opened,
    .received = watch_received,
    .half_closed = watch_half_closed,
    .sent = watch_sent,
    .woken = watch_woken,
    .closed = watch_closed,
};

size_t sp_rpc_health_methods(struct health *health, struct sp_rpc_method *ret_methods) {
    ret_methods[0] = (struct sp_rpc_method){.path = "/grpc.health.v1.Health/Check",
                                            .kind = SP_RPC_UNARY,
                                            .unary = check_health,
                                            .user = health,
                                            .max_request_bytes = REQUEST_BYTES};
    ret_methods[1] = (struct sp_rpc_method){.path = "/grpc.health.v1.Health/Watch",
                                            .kind = SP_RPC_STREAM,
                                            .stream = &watch_ops,
                                            .user = health,
                                            .max_request_bytes = REQUEST_BYTES};
    ret_methods[2] = (struct sp_rpc_method){.path = "/grpc.health.v1.Health/List",
                                            .kind = SP_RPC_UNARY,
                                            .unary = list_health,
                                            .user = health,
                                            .max_request_bytes = REQUEST_BYTES};
    return 3;
}

bool sp_rpc_health_owns(const struct sp_rpc_method *method) {
    static const char service[] = "/grpc.health.v1.Health/";
    return strncmp(method->path, service, sizeof(service) - 1) == 0;
}
