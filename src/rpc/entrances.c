#include "rpc/entrances.h"

#include <string.h>

enum {
    MAX_CONNECTIONS = 10000,
    HEALTH_MAX_CONNECTIONS = 256,
    /* In the gRPC C core: headers, and what a client may send of a message that was not asked
     * for. */
    MOST_UNANSWERED = (64 + 64 + 16) * 1024,
    IDLE_MS = 30 * 1000, /* when an idle connection may be closed for a new one */
};

static bool is_unix_address(const char *address) {
    return strncmp(address, "unix:", 5) == 0;
}

static struct connection_cap cap_of_listeners(const struct sp_rpc_server_options *options) {
    const struct sp_rpc_connection_limits *limits = &options->limits;
    unsigned most = limits->max_connections == 0 ? MAX_CONNECTIONS : limits->max_connections;
    unsigned per_peer = limits->max_connections_per_peer == 0 ? most / 2 + most % 2 : limits->max_connections_per_peer;
    return (struct connection_cap){.self_bounded = options->engine == SP_RPC_ENGINE_H2,
                                   .most = most,
                                   .most_per_peer = per_peer < most ? per_peer : most,
                                   .most_unanswered = MOST_UNANSWERED,
                                   .idle_ms = IDLE_MS};
}

/* A probe lasts for milliseconds: at the cap, the connection that has been idle longest is not a
 * probe. */
static struct connection_cap cap_of_health(const struct sp_rpc_connection_limits *limits) {
    unsigned most = limits->max_health_connections == 0 ? HEALTH_MAX_CONNECTIONS : limits->max_health_connections;
    return (struct connection_cap){.self_bounded = true, .most = most, .most_per_peer = most};
}

enum sp_status sp_rpc_entrances_bind(const struct sp_rpc_server_options *options, const struct entrances *entrances,
                                     struct listeners *listeners, struct sp_error *error) {
    bool anywhere = options->insecure || options->tls.certificate != NULL;
    const struct connection_cap cap = cap_of_listeners(options), health_cap = cap_of_health(&options->limits);
    for (size_t i = 0; i < options->listen_count; i++) {
        const struct entrance *to = is_unix_address(options->listen[i]) ? &entrances->unix_socket : &entrances->tcp;
        enum sp_status status =
            sp_rpc_listeners_bind(listeners, options->listen[i], anywhere, &cap, to->take, to->user, error);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < options->health_listen_count; i++) {
        const struct entrance *to = &entrances->health;
        enum sp_status status =
            sp_rpc_listeners_bind(listeners, options->health_listen[i], true, &health_cap, to->take, to->user, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
