#include "etcd/endpoint.h"

#include <string.h>

enum { HOST_BYTES_MAX = 200, PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static enum sp_status refuse_endpoint(struct sp_str endpoint, const char *why, struct sp_error *error) {
    return sp_error_set(error, SP_ERR_INVALID, "endpoint \"%.*s\": %s", SP_STR_ARG(endpoint), why);
}

static bool is_endpoint_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_character(char c) {
    return is_endpoint_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

/* What gRPC resolves is not judged further: only that nothing else can be meant. */
static bool is_host(struct sp_str host) {
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (host.size == 0 || host.size > HOST_BYTES_MAX)
        return false;
    for (size_t i = bracketed ? 1 : 0; i < host.size - (bracketed ? 1 : 0); i++)
        if (!is_name_character(host.data[i]) && !(bracketed && (host.data[i] == ':' || host.data[i] == '%')))
            return false;
    return true;
}

static bool is_endpoint_port(struct sp_str port) {
    unsigned number = 0;
    if (port.size == 0 || port.size > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < port.size; i++) {
        if (!is_endpoint_digit(port.data[i]))
            return false;
        number = number * 10 + (unsigned)(port.data[i] - '0');
    }
    return number > 0 && number <= PORT_MAX;
}

/* A service may well be called etcd, so that only an empty port tells. */
static bool is_scheme(struct sp_str host) {
    return sp_str_equal(host, SP_STR_LITERAL("http")) || sp_str_equal(host, SP_STR_LITERAL("https")) ||
           sp_str_equal(host, SP_STR_LITERAL("etcd"));
}

static enum sp_status check_endpoint(struct sp_str endpoint, struct sp_error *error) {
    if (endpoint.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "an endpoint is empty");
    if (memchr(endpoint.data, '@', endpoint.size) != NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "an endpoint holds a user name or password; give them with --etcd-user and "
                            "--etcd-password-file");
    const char *colon = memrchr(endpoint.data, ':', endpoint.size);
    if (colon == NULL)
        return refuse_endpoint(endpoint, "it has no port", error);
    const struct sp_str host = {endpoint.data, (size_t)(colon - endpoint.data)};
    const struct sp_str port = {colon + 1, endpoint.size - host.size - 1};
    if (port.size == 0)
        return refuse_endpoint(endpoint, is_scheme(host) ? "a scheme is not part of it" : "it has no port", error);
    if (!is_endpoint_port(port))
        return refuse_endpoint(endpoint, "its port is not a number from 1 to 65535", error);
    if (!is_host(host))
        return refuse_endpoint(endpoint, "its host is not a name, an IPv4 address, or an IPv6 address in brackets",
                               error);
    return SP_OK;
}

enum sp_status sp_etcd_take_endpoint(struct sp_str *list, struct sp_str *ret_endpoint, struct sp_error *error) {
    const char *comma = list->size == 0 ? NULL : memchr(list->data, ',', list->size);
    const struct sp_str endpoint = {list->data, comma == NULL ? list->size : (size_t)(comma - list->data)};
    enum sp_status status = check_endpoint(endpoint, error);
    if (status != SP_OK)
        return status;
    if (comma != NULL && endpoint.size + 1 == list->size)
        return sp_error_set(error, SP_ERR_INVALID, "the list of endpoints ends in a comma");
    *list = comma == NULL ? (struct sp_str){list->data + list->size, 0}
                          : (struct sp_str){comma + 1, list->size - endpoint.size - 1};
    *ret_endpoint = endpoint;
    return SP_OK;
}
