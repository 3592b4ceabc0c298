#include "etcd/call.h"

#include <stdio.h>

#include "base/clock.h"
#include "etcd/client.h"
#include "etcd/client_state.h"
#include "etcd/failure.h"
#include "etcd/token.h"
#include "wire/wire.h"

enum {
    CONNECT_MS = 1000,
    KEEPALIVE_MS = 10000, /* etcd drops clients that ping more often than every 5 s */
    TOKENS_MAX = 4,       /* for one call */
    CALL_TIMEOUTS = 2,    /* after this many timeouts a call tries no further endpoint */
    ROUND_PAUSE_MS = 100,
};

void sp_etcd_next_endpoint(struct sp_etcd *etcd) {
    etcd->current = (etcd->current + 1) % etcd->endpoint_count;
}

/* ---- connections ---- */

static enum sp_status open_connection(const struct sp_etcd *etcd, struct sp_etcd_server *endpoint,
                                      struct sp_error *error) {
    const struct sp_rpc_client_options options = {
        .target = endpoint->target,
        .timeout_ms = etcd->timeout_ms,
        .max_receive_bytes = SP_ETCD_MAX_RECEIVE_BYTES,
        .keepalive_ms = KEEPALIVE_MS,
        .tls = {.ca = etcd->ca_file, .certificate = etcd->cert_file, .key = etcd->key_file},
    };
    enum sp_status status = etcd->transport->open(etcd->transport->context, &options, &endpoint->connection, error);
    if (status != SP_OK)
        return status;
    return etcd->transport->set_metadata(endpoint->connection, "hasleader", SP_STR_LITERAL("true"), error);
}

enum sp_status sp_etcd_connect(struct sp_etcd *etcd, void **ret_connection, struct sp_error *error) {
    struct sp_etcd_server *endpoint = &etcd->endpoints[etcd->current];
    enum sp_status status = endpoint->connection != NULL ? SP_OK : open_connection(etcd, endpoint, error);
    if (status != SP_OK)
        return status;
    /* One that is still connecting may answer in time; one that was refused is not asked before
     * its next try. */
    if (!etcd->transport->connect(endpoint->connection, CONNECT_MS))
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "no connection");
    status = sp_etcd_provide_token(etcd, endpoint, error);
    if (status != SP_OK)
        return status;
    *ret_connection = endpoint->connection;
    return SP_OK;
}

bool sp_etcd_may_help(enum sp_status status) {
    return status == SP_ERR_UNAVAILABLE || status == SP_ERR_DEADLINE || status == SP_ERR_CANCELLED ||
           status == SP_ERR_INTERNAL;
}

/* ---- calls ---- */

static enum sp_status call_endpoint(struct sp_etcd *etcd, const char *path, struct sp_bytes request,
                                    struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    void *connection = NULL;
    enum sp_status status = sp_etcd_connect(etcd, &connection, error);
    if (status != SP_OK)
        return status;
    status = etcd->transport->call(connection, etcd->timeout_ms, path, request, arena, ret_reply, error);
    return sp_etcd_read_failure(status, error->message);
}

/* One try at the current endpoint, and more if its token was no longer valid: each of several
 * changes of etcd's users makes the tokens before it old. */
static enum sp_status try_endpoint(struct sp_etcd *etcd, const char *path, struct sp_bytes request,
                                   struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    enum sp_status status = call_endpoint(etcd, path, request, arena, ret_reply, error);
    for (int tokens = 1; status == SP_ERR_UNAUTHENTICATED && tokens < TOKENS_MAX && sp_etcd_drop_token(etcd); tokens++)
        status = call_endpoint(etcd, path, request, arena, ret_reply, error);
    return status;
}

static enum sp_status report_unreachable(const struct sp_etcd *etcd, struct sp_error *error) {
    char reason[256];
    (void)snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(reason) - 1, error->message);
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd does not answer (%zu endpoint%s tried, last %s: %s)",
                        etcd->endpoint_count, etcd->endpoint_count == 1 ? "" : "s", sp_etcd_endpoint(etcd), reason);
}

/* Turns to the next endpoint. False: it is time to give up. */
static bool go_on_to_next_endpoint(struct sp_etcd *etcd, size_t tried, int64_t began_ms) {
    int64_t now_ms = sp_clock_monotonic_ms();
    bool patient = now_ms < began_ms + etcd->patience_ms;
    bool round_over = tried % etcd->endpoint_count == 0;
    if (round_over && !patient)
        return false;
    sp_etcd_next_endpoint(etcd);
    if (round_over)
        sp_clock_sleep_ms(ROUND_PAUSE_MS);
    return patient || now_ms < began_ms + (int64_t)etcd->timeout_ms * CALL_TIMEOUTS;
}

/* Tries the endpoints, beginning with the current one, until one answers. */
static enum sp_status call_some_endpoint(struct sp_etcd *etcd, const char *path, struct sp_bytes request,
                                         struct sp_arena *arena, struct sp_bytes *ret_reply, bool *ret_repeated,
                                         struct sp_error *error) {
    int64_t began_ms = sp_clock_monotonic_ms();
    size_t tried = 0;
    do {
        enum sp_status status = try_endpoint(etcd, path, request, arena, ret_reply, error);
        if (!sp_etcd_may_help(status)) {
            error->status = status;
            return status;
        }
        *ret_repeated = true;
        tried++;
    } while (go_on_to_next_endpoint(etcd, tried, began_ms));
    return report_unreachable(etcd, error);
}

enum sp_status sp_etcd_call(struct sp_etcd *etcd, const char *path, const ProtobufCMessage *request,
                            const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                            ProtobufCMessage **ret_reply, bool *ret_repeated, struct sp_error *error) {
    struct sp_error ignored = {0};
    struct sp_bytes packed = {NULL, 0};
    struct sp_bytes answer = {NULL, 0};
    bool repeated = false;
    if (error == NULL)
        error = &ignored;
    enum sp_status status = sp_wire_pack(request, arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "the request to etcd exceeds its memory budget");
    status = call_some_endpoint(etcd, path, packed, arena, &answer, &repeated, error);
    if (status != SP_OK)
        return status;
    status = sp_wire_unpack(reply, answer, arena, ret_reply, error);
    if (status != SP_OK)
        return status;
    if (ret_repeated != NULL)
        *ret_repeated = repeated;
    return SP_OK;
}
