#include "server/ext_authz/settings.h"

#include "base/text.h"
#include "server/ext_authz/headers.h"

void sp_ext_authz_option_rows(struct sp_ext_authz_options *options,
                              struct sp_option ret_rows[static SP_EXT_AUTHZ_OPTION_ROWS]) {
    const struct sp_option rows[SP_EXT_AUTHZ_OPTION_ROWS] = {
        {.name = "key-header",
         .kind = SP_OPTION_TEXTS,
         .target = &options->key_headers,
         .environment = "SALLYPORTD_KEY_HEADERS",
         .default_text = "x-api-key,authorization",
         .argument = "NAME",
         .help = "ext_authz: header that carries the key; authorization: as a bearer token"},
        {.name = "route-default",
         .kind = SP_OPTION_TEXT,
         .target = &options->route_default,
         .environment = "SALLYPORTD_ROUTE_DEFAULT",
         .argument = "TYPE/ACTION",
         .help = "ext_authz: type and action to check, without an id, for requests that match no route; default: deny "
                 "them"},
    };
    for (size_t i = 0; i < SP_EXT_AUTHZ_OPTION_ROWS; i++)
        ret_rows[i] = rows[i];
}

/* Headers that have another meaning here, or that the upstream needs: as keys they would be
 * removed. */
static bool is_reserved_header(struct sp_str name) {
    static const char *const reserved[] = {
        "host",        "connection", "content-length",    "transfer-encoding", "content-type",
        "te",          "upgrade",    "x-forwarded-for",   "x-request-id",      "cookie",
        "traceparent", "tracestate", "x-forwarded-proto", "x-forwarded-host"};
    static const struct sp_str own = {"x-sallyport-", 12};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (sp_str_equal(name, sp_str_from(reserved[i])))
            return true;
    return name.size >= own.size && memcmp(name.data, own.data, own.size) == 0;
}

static enum sp_status read_key_headers(const struct sp_option_texts *names, struct sp_ext_authz_settings *settings,
                                       struct sp_error *error) {
    for (size_t i = 0; i < names->count; i++) {
        struct sp_str name = sp_str_from(names->values[i]);
        if (!sp_ext_authz_is_header_name(name))
            return sp_error_set(error, SP_ERR_INVALID, "--key-header: \"%s\" is not a header name in lower case",
                                name.data);
        if (is_reserved_header(name))
            return sp_error_set(error, SP_ERR_INVALID,
                                "--key-header: %s cannot carry keys because it has another meaning", name.data);
        settings->key_headers[i] = name;
    }
    settings->key_header_count = names->count;
    return SP_OK;
}

static enum sp_status read_route_default(const char *text, struct sp_ext_authz_settings *settings,
                                         struct sp_error *error) {
    if (text == NULL || text[0] == '\0')
        return SP_OK;
    const char *slash = strchr(text, '/');
    if (slash == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--route-default: \"%s\" is not TYPE/ACTION", text);
    settings->default_type = (struct sp_str){text, (size_t)(slash - text)};
    settings->default_action = sp_str_from(slash + 1);
    enum sp_status status = sp_text_check_word(settings->default_type, "--route-default: the type", error);
    if (status != SP_OK)
        return status;
    return sp_text_check_word(settings->default_action, "--route-default: the action", error);
}

enum sp_status sp_ext_authz_settings_read(const struct sp_ext_authz_options *options,
                                          const struct sp_forwarded_settings *forwarded,
                                          struct sp_ext_authz_settings *ret_settings, struct sp_error *error) {
    struct sp_ext_authz_settings settings = {.key_header_count = 0};
    enum sp_status status = read_key_headers(&options->key_headers, &settings, error);
    if (status != SP_OK)
        return status;
    status = sp_forwarded_trust_read(forwarded, &settings.trust, error);
    if (status != SP_OK)
        return status;
    status = read_route_default(options->route_default, &settings, error);
    if (status != SP_OK)
        return status;
    *ret_settings = settings;
    return SP_OK;
}
