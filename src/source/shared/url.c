#include "source/shared/url.h"

#include <stdio.h>
#include <string.h>

static const char scheme[] = "etcd://";
static const char default_prefix[] = "/sallyport/v1/";

enum sp_status sp_source_read_url(const char *url, struct sp_str *ret_endpoints, struct sp_str *ret_prefix,
                                  struct sp_error *error) {
    size_t skip = sizeof(scheme) - 1;
    if (strncmp(url, scheme, skip) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "invalid source \"%s\": expected etcd://HOST:PORT,HOST:PORT/PREFIX/",
                            url);
    const char *slash = strchr(url + skip, '/');
    struct sp_str prefix = sp_str_from(slash == NULL ? default_prefix : slash);
    size_t endpoints_size = slash == NULL ? strlen(url + skip) : (size_t)(slash - url) - skip;
    if (endpoints_size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "invalid source \"%s\": it names no endpoint", url);
    if (prefix.size < 2 || prefix.data[prefix.size - 1] != '/')
        return sp_error_set(error, SP_ERR_INVALID, "invalid source \"%s\": the prefix must begin and end with a slash",
                            url);
    *ret_endpoints = (struct sp_str){url + skip, endpoints_size};
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
