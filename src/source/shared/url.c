#include "source/shared/url.h"

#include <stdio.h>
#include <string.h>

#include "etcd/endpoint.h"

static const char scheme[] = "etcd://";
static const char default_prefix[] = "/sallyport/v1/";

static const char form[] = "expected etcd://HOST:PORT,HOST:PORT/PREFIX/";

static enum sp_status check_endpoints(struct sp_str endpoints, struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_str endpoint;
    if (endpoints.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "invalid source: it has no endpoint; %s", form);
    while (endpoints.size > 0)
        if (sp_etcd_take_endpoint(&endpoints, &endpoint, &why) != SP_OK)
            return sp_error_set(error, SP_ERR_INVALID, "invalid source: %s; %s", why.message, form);
    return SP_OK;
}

/* What no prefix holds for a good reason: the rest of a URL that was put together wrongly. */
static bool is_in_prefix(char c) {
    return c > ' ' && c < 0x7f && strchr(",?#\"\\", c) == NULL;
}

/* The prefix begins and ends with a slash. */
static bool has_dot_segment(struct sp_str prefix) {
    for (size_t i = 1, begin = 1; i < prefix.size; i++) {
        if (prefix.data[i] != '/')
            continue;
        bool one = i - begin == 1 && prefix.data[begin] == '.';
        bool two = i - begin == 2 && prefix.data[begin] == '.' && prefix.data[begin + 1] == '.';
        if (one || two)
            return true;
        begin = i + 1;
    }
    return false;
}

/* The first segment that is "HOST:PORT" or "HOST:", an endpoint behind a slash instead of a comma.
 * Empty: there is none. The prefix begins and ends with a slash. */
static struct sp_str find_endpoint_segment(struct sp_str prefix) {
    for (size_t i = 1, begin = 1; i < prefix.size; i++) {
        if (prefix.data[i] != '/')
            continue;
        size_t digits = 0;
        while (i - digits > begin && prefix.data[i - digits - 1] >= '0' && prefix.data[i - digits - 1] <= '9')
            digits++;
        if (i - digits > begin && prefix.data[i - digits - 1] == ':')
            return (struct sp_str){prefix.data + begin, i - begin};
        begin = i + 1;
    }
    return (struct sp_str){0};
}

static enum sp_status check_prefix(struct sp_str prefix, struct sp_error *error) {
    if (prefix.size < 2 || prefix.data[prefix.size - 1] != '/')
        return sp_error_set(error, SP_ERR_INVALID,
                            "invalid source: the prefix \"%.*s\" must begin and end with a slash and name something "
                            "between; %s",
                            SP_STR_ARG(prefix), form);
    if (has_dot_segment(prefix))
        return sp_error_set(error, SP_ERR_INVALID,
                            "invalid source: the prefix \"%.*s\" has a segment \".\" or \"..\", which etcd would take "
                            "as letters of the keys; write the prefix that is meant: %s",
                            SP_STR_ARG(prefix), form);
    for (size_t i = 0; i < prefix.size; i++) {
        if (prefix.data[i] == '/' && i > 0 && prefix.data[i - 1] == '/')
            return sp_error_set(error, SP_ERR_INVALID,
                                "invalid source: \"%.*s\" has two slashes in a row, as if a scheme or an endpoint were "
                                "part of the prefix; separate endpoints with commas, without schemes: %s",
                                SP_STR_ARG(prefix), form);
        if (!is_in_prefix(prefix.data[i]))
            return sp_error_set(error, SP_ERR_INVALID,
                                "invalid source: character %zu of the prefix is not allowed; a prefix is printable "
                                "ASCII without blanks, commas, quotes, backslashes, \"?\" and \"#\"; %s",
                                i + 1, form);
    }
    const struct sp_str endpoint = find_endpoint_segment(prefix);
    if (endpoint.size > 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "invalid source: the prefix \"%.*s\" has a segment \"%.*s\", which looks like an endpoint; "
                            "separate endpoints with commas: %s",
                            SP_STR_ARG(prefix), SP_STR_ARG(endpoint), form);
    return SP_OK;
}

enum sp_status sp_source_read_url(const char *url, struct sp_str *ret_endpoints, struct sp_str *ret_prefix,
                                  struct sp_error *error) {
    size_t skip = sizeof(scheme) - 1;
    if (strncmp(url, scheme, skip) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "invalid source: it does not begin with etcd://; %s", form);
    const char *slash = strchr(url + skip, '/');
    const struct sp_str endpoints = {url + skip, slash == NULL ? strlen(url + skip) : (size_t)(slash - url) - skip};
    const struct sp_str prefix = sp_str_from(slash == NULL ? default_prefix : slash);
    enum sp_status status = check_endpoints(endpoints, error);
    if (status != SP_OK)
        return status;
    status = check_prefix(prefix, error);
    if (status != SP_OK)
        return status;
    *ret_endpoints = endpoints;
    *ret_prefix = prefix;
    return SP_OK;
}

enum sp_status sp_source_make_name(const char *url, char ret_name[static SP_SOURCE_NAME_BYTES],
                                   struct sp_error *error) {
    struct sp_str endpoints;
    struct sp_str prefix;
    enum sp_status status = sp_source_read_url(url, &endpoints, &prefix, error);
    if (status != SP_OK)
        return status;
    if (prefix.size > SP_SOURCE_NAME_BYTES - sizeof("etcd:"))
        return sp_error_set(error, SP_ERR_INVALID, "the etcd prefix is longer than %zu bytes",
                            SP_SOURCE_NAME_BYTES - sizeof("etcd:"));
    (void)snprintf(ret_name, SP_SOURCE_NAME_BYTES, "etcd:%.*s", SP_STR_ARG(prefix));
    return SP_OK;
}
