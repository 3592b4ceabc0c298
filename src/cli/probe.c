#include "cli/probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

enum {
    ADDRESSES_MAX = 2,
    CONNECT_MS = 1000,
    ANSWER_MS = 1000,
    FRAME_HEADER_BYTES = 9,
    SETTINGS_FRAME = 4,
    TLS_ALERT = 0x15,
    TLS_HANDSHAKE = 0x16
};

/* The preface with an empty SETTINGS frame. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* A ClientHello for TLS 1.3 and 1.2. It has no key share, so that nothing comes of it: a server of
 * 1.3 asks for one. */
static const char client_hello[] = "\x16\3\1\0\x68"                   /* a handshake record of 104 bytes */
                                   "\1\0\0\x64"                       /* a ClientHello of 100 bytes */
                                   "\3\3"                             /* as of TLS 1.2 */
                                   "0123456789abcdef0123456789abcdef" /* random bytes; these will do */
                                   "\0"                               /* no session */
                                   "\0\x0c\x13\1\x13\2\xc0\x2b\xc0\x2c\xc0\x2f\xc0\x30" /* six suites */
                                   "\1\0"                                               /* no compression */
                                   "\0\x2f"                                             /* 47 bytes of extensions: */
                                   "\0\x0a\0\6\0\4\0\x1d\0\x17"                         /* groups: X25519, P-256 */
                                   "\0\x0b\0\2\1\0"                                     /* points: uncompressed */
                                   "\0\x0d\0\x0c\0\x0a\4\3\5\3\x08\4\4\1\5\1"           /* signatures: ECDSA, RSA */
                                   "\0\x2b\0\5\4\3\4\3\3"                               /* versions: 1.3, 1.2 */
                                   "\0\x33\0\2\0\0";                                    /* key shares: none */
static const struct sp_bytes http2_words = {(const uint8_t *)preface, sizeof(preface) - 1},
                             tls_words = {(const uint8_t *)client_hello, sizeof(client_hello) - 1};
_Static_assert(sizeof(client_hello) - 1 == 5 + 104, "the lengths in the record are wrong");

enum cli_peer sp_cli_peer_of(const unsigned char *bytes, size_t size) {
    if (size >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        return CLI_PEER_HTTP;
    if (size >= 2 && (bytes[0] == TLS_ALERT || bytes[0] == TLS_HANDSHAKE) && bytes[1] == 3)
        return CLI_PEER_TLS;
    if (size >= FRAME_HEADER_BYTES && bytes[3] == SETTINGS_FRAME)
        return CLI_PEER_GRPC;
    return CLI_PEER_UNKNOWN;
}

/* -1: nobody accepts connections within the time. */
static int connect_within(const struct addrinfo *to, int timeout_ms) {
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failure = 0;
    socklen_t size = sizeof(failure);
    if (fd < 0)
        return -1;
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && poll(&waiting, 1, timeout_ms) == 1 &&
         getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0))
        return fd;
    (void)close(fd);
    return -1;
}

static enum cli_peer read_answer(int fd, struct sp_bytes words) {
    unsigned char answer[64];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (send(fd, words.data, words.size, MSG_NOSIGNAL) < 0 || poll(&waiting, 1, ANSWER_MS) != 1)
        return CLI_PEER_UNKNOWN;
    ssize_t got = recv(fd, answer, sizeof(answer), 0);
    return got <= 0 ? CLI_PEER_UNKNOWN : sp_cli_peer_of(answer, (size_t)got);
}

static enum cli_peer ask_peer(const struct addrinfo *found, struct sp_bytes words) {
    int fd = -1, tries = ADDRESSES_MAX;
    for (const struct addrinfo *to = found; to != NULL && fd < 0 && tries > 0; to = to->ai_next, tries--)
        fd = connect_within(to, CONNECT_MS / ADDRESSES_MAX);
    if (fd < 0)
        return CLI_PEER_NONE;
    enum cli_peer peer = read_answer(fd, words);
    (void)close(fd);
    return peer;
}

enum cli_peer sp_cli_probe(const struct cli_address *address) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (address->host[0] == '\0' || getaddrinfo(address->host, address->port, &hints, &found) != 0)
        return CLI_PEER_UNKNOWN;
    enum cli_peer peer = ask_peer(found, http2_words);
    if (peer == CLI_PEER_UNKNOWN)
        peer = ask_peer(found, tls_words);
    freeaddrinfo(found);
    return peer;
}
