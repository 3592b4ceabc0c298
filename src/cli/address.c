#include "cli/address.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "core/address.h"

enum { PORT_MAX = 65535 };

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* gRPC's own schemes; "dns:///host:port" names no other server of names. */
static const char *skip_scheme(const char *text) {
    static const char *const schemes[] = {"dns:///", "dns:", "ipv4:", "ipv6:"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (begins_with(text, schemes[i]))
            return text + strlen(schemes[i]);
    return text;
}

/* The host and port that an URL seems to mean. */
static void copy_authority(const char *url, const char *usual_port, char *out, size_t room) {
    const char *host = strstr(url, "://") + 3;
    size_t size = strcspn(host, "/?#");
    bool has_port = memchr(host, ':', size) != NULL;
    (void)snprintf(out, room, "%.*s%s%s", (int)size, host, has_port ? "" : ":", has_port ? "" : usual_port);
}

static enum sp_status refuse_url(const char *text, const char *names, const char *usual_port, struct sp_error *error) {
    char meant[300];
    copy_authority(text, usual_port, meant, sizeof(meant));
    return sp_error_set(error, SP_ERR_INVALID, "'%s' (%s) is a URL; write %s%s", text, names, meant,
                        begins_with(text, "https") ? ", and switch TLS on with --tls-ca FILE" : "");
}

static bool is_target_port(const char *text) {
    unsigned port = 0;
    for (; *text >= '0' && *text <= '9' && port <= PORT_MAX; text++)
        port = port * 10 + (unsigned)(*text - '0');
    return *text == '\0' && port > 0 && port <= PORT_MAX;
}

/* True: the colons are an IPv6 address's own. */
static bool is_bare_ipv6(const char *text) {
    const char *colon = strchr(text, ':');
    return text[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
}

/* Without brackets, what is behind the last colon may be a port: of four digits or more, and behind
 * an address. */
static bool has_bare_port(const char *text, const char *colon, bool *ret_ambiguous) {
    struct sp_ip ip;
    *ret_ambiguous = sp_ip_parse(sp_str_from(text), &ip, NULL) == SP_OK;
    return strlen(colon + 1) >= 4 && is_target_port(colon + 1) &&
           sp_ip_parse((struct sp_str){text, (size_t)(colon - text)}, &ip, NULL) == SP_OK;
}

static enum sp_status refuse_missing_brackets(const char *text, const char *names, const char *usual_port,
                                              struct sp_error *error) {
    const char *colon = strrchr(text, ':');
    int host = (int)(colon - text);
    bool ambiguous = false;
    if (!has_bare_port(text, colon, &ambiguous))
        return sp_error_set(error, SP_ERR_INVALID, "'%s' (%s) has no port; write [%s]:%s", text, names, text,
                            usual_port);
    if (!ambiguous)
        return sp_error_set(error, SP_ERR_INVALID, "'%s' (%s) lacks brackets around the IPv6 address; write [%.*s]%s",
                            text, names, host, text, colon);
    return sp_error_set(error, SP_ERR_INVALID,
                        "'%s' (%s) lacks brackets around the IPv6 address; write [%.*s]%s, or [%s]:%s if all of it is "
                        "the address",
                        text, names, host, text, colon, text, usual_port);
}

static enum sp_status refuse_missing_port(const char *text, const char *names, const char *usual_port,
                                          struct sp_error *error) {
    if (is_bare_ipv6(text))
        return refuse_missing_brackets(text, names, usual_port, error);
    return sp_error_set(error, SP_ERR_INVALID, "'%s' (%s) has no port; write %s:%s", text, names, text, usual_port);
}

/* "unix:/run/x.sock", "unix:x.sock", "unix:///run/x.sock" and "unix-abstract:name". */
static enum sp_status check_socket(const char *text, const char *names, struct sp_error *error) {
    enum { SOCKET_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };
    size_t size = strlen(strchr(text, ':') + 1);
    if (size > 0 && size <= SOCKET_PATH_MAX_BYTES)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "'%s' (%s) has no socket path of 1 to %d bytes; write unix:PATH, such as "
                        "unix:/run/sallyport/admin.sock",
                        text, names, SOCKET_PATH_MAX_BYTES);
}

enum sp_status sp_cli_read_address(const char *text, const char *names, const char *usual_port,
                                   struct cli_address *ret_address, struct sp_error *error) {
    struct cli_address address = {0};
    if (begins_with(text, "unix:") || begins_with(text, "unix-abstract:")) {
        enum sp_status status = check_socket(text, names, error);
        if (status == SP_OK)
            *ret_address = address;
        return status;
    }
    const char *rest = skip_scheme(text);
    if (strstr(rest, "://") != NULL)
        return refuse_url(rest, names, usual_port, error);
    const char *colon = strrchr(rest, ':'), *bracket = strchr(rest, ']');
    bool empty = rest[0] == '\0';
    if (!empty && (colon == NULL || is_bare_ipv6(rest) || (bracket != NULL && colon < bracket)))
        return refuse_missing_port(rest, names, usual_port, error);
    bool bracketed = !empty && rest[0] == '[' && bracket == colon - 1;
    size_t size = empty ? 0 : (size_t)(colon - rest) - (bracketed ? 2 : 0);
    if (size == 0 || size >= sizeof(address.host) || !is_target_port(colon + 1) || strpbrk(rest, "/ @") != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "'%s' (%s) is not an address; write HOST:PORT, such as 127.0.0.1:%s",
                            text, names, usual_port);
    memcpy(address.host, rest + bracketed, size);
    (void)snprintf(address.port, sizeof(address.port), "%s", colon + 1);
    *ret_address = address;
    return SP_OK;
}
