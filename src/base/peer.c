#include "base/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static void map_v4(const struct in_addr *v4, struct sp_peer *ret_peer) {
    memset(ret_peer->host, 0, 10);
    memset(ret_peer->host + 10, 0xff, 2);
    memcpy(ret_peer->host + 12, v4, 4);
}

bool sp_peer_from_sockaddr(const struct sockaddr *address, struct sp_peer *ret_peer) {
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } from;
    if (address->sa_family == AF_INET) {
        memcpy(&from.v4, address, sizeof(from.v4));
        map_v4(&from.v4.sin_addr, ret_peer);
        ret_peer->port = ntohs(from.v4.sin_port);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&from.v6, address, sizeof(from.v6));
        memcpy(ret_peer->host, &from.v6.sin6_addr, sizeof(ret_peer->host));
        ret_peer->port = ntohs(from.v6.sin6_port);
        return true;
    }
    return false;
}

struct sp_peer sp_peer_from_uid(uint32_t uid) {
    struct sp_peer peer = {.port = 0};
    sp_store_be32(peer.host + 12, uid);
    return peer;
}

bool sp_peer_from_text(struct sp_str host, uint16_t port, struct sp_peer *ret_peer) {
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (host.size >= sizeof(text))
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    ret_peer->port = port;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(&v4, ret_peer);
        return true;
    }
    return inet_pton(AF_INET6, text, ret_peer->host) == 1;
}

void sp_peer_write(const struct sp_peer *peer, char ret_text[static SP_PEER_TEXT_BYTES]) {
    char host[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    memcpy(&v6, peer->host, sizeof(v6));
    if (peer->port == 0) {
        (void)snprintf(ret_text, SP_PEER_TEXT_BYTES, "unix, user %u", (unsigned)sp_load_be32(peer->host + 12));
    } else if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        inet_ntop(AF_INET, peer->host + 12, host, sizeof(host));
        (void)snprintf(ret_text, SP_PEER_TEXT_BYTES, "%s:%u", host, (unsigned)peer->port);
    } else {
        inet_ntop(AF_INET6, peer->host, host, sizeof(host));
        (void)snprintf(ret_text, SP_PEER_TEXT_BYTES, "[%s]:%u", host, (unsigned)peer->port);
    }
}

bool sp_peer_same_host(const struct sp_peer *a, const struct sp_peer *b) {
    return memcmp(a->host, b->host, sizeof(a->host)) == 0;
}
