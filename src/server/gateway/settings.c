#include "server/gateway/settings.h"

#include "base/text.h"
#include "core/credential.h"
#include "core/http_header.h"
#include "server/gateway/headers.h"

void sp_gateway_option_rows(struct sp_gateway_options *options,
                            struct sp_option ret_rows[static SP_GATEWAY_OPTION_ROWS]) {
    const struct sp_option rows[SP_GATEWAY_OPTION_ROWS] = {
        {.name = "key-header",
         .kind = SP_OPTION_TEXTS,
         .target = &options->key_headers,
         .environment = "SALLYPORTD_KEY_HEADERS",
         .default_text = "x-api-key,authorization",
         .argument = "NAME",
         .help = "gateways: header that carries the key; an authorization header needs a scheme of --key-scheme"},
        {.name = "key-scheme",
         .kind = SP_OPTION_TEXTS,
         .target = &options->key_schemes,
         .environment = "SALLYPORTD_KEY_SCHEMES",
         .default_text = "bearer",
         .argument = "SCHEME",
         .help = "gateways: scheme of an authorization header that carries a key: bearer, basic (the key as user name, "
                 "no password), token, apikey"},
        {.name = "deciding-key-header",
         .kind = SP_OPTION_TEXT,
         .target = &options->deciding_header,
         .environment = "SALLYPORTD_DECIDING_KEY_HEADER",
         .argument = "NAME",
         .help = "gateways: one of --key-header; if it carries a key, the others are ignored; default: requests with "
                 "different credentials are denied"},
        {.name = "route-default",
         .kind = SP_OPTION_TEXT,
         .target = &options->route_default,
         .environment = "SALLYPORTD_ROUTE_DEFAULT",
         .argument = "TYPE/ACTION",
         .help = "gateways: type and action to check, without an id, for requests that match no route; an action that "
                 "needs a role denies them all; default: deny them"},
        {.name = "plan-metadata",
         .kind = SP_OPTION_FLAG,
         .target = &options->plan_metadata,
         .environment = "SALLYPORTD_PLAN_METADATA",
         .help = "ext_authz: add the plan of the key's workspace to a decision's metadata, for rate limits; costs one "
                 "more look-up for each allowed request"},
        {.name = "forward-auth",
         .kind = SP_OPTION_TEXT,
         .target = &options->forward_auth,
         .environment = "SALLYPORTD_FORWARD_AUTH",
         .default_text = "none",
         .argument = "GATEWAY",
         .help = "answer GET /auth on the HTTP port for nginx, traefik or caddy, reading the request from that "
                 "gateway's headers (docs/forward-auth.md); needs --trusted-peers; none: do not"},
    };
    for (size_t i = 0; i < SP_GATEWAY_OPTION_ROWS; i++)
        ret_rows[i] = rows[i];
}

/* Headers that have another meaning here, or that the upstream needs: as keys they would be
 * removed. */
static bool is_reserved_header(struct sp_str name) {
    static const char *const reserved[] = {"x-forwarded-for",   "x-request-id",       "cookie",
                                           "traceparent",       "tracestate",         "x-forwarded-proto",
                                           "x-forwarded-host",  "x-forwarded-method", "x-forwarded-uri",
                                           "x-original-method", "x-original-uri",     "x-original-host",
                                           "x-real-ip"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (sp_str_equal(name, sp_str_from(reserved[i])))
            return true;
    return sp_http_header_is_of_message(name) || sp_str_begins_with(name, SP_STR_LITERAL("x-sallyport-"));
}

static enum sp_status read_key_headers(const struct sp_option_texts *names, struct sp_gateway_settings *settings,
                                       struct sp_error *error) {
    for (size_t i = 0; i < names->count; i++) {
        struct sp_str name = sp_str_from(names->values[i]);
        if (!sp_gateway_is_header_name(name))
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

static enum sp_status read_key_schemes(const struct sp_option_texts *names, struct sp_gateway_settings *settings,
                                       struct sp_error *error) {
    for (size_t i = 0; i < names->count; i++) {
        unsigned scheme = sp_credential_scheme_find(sp_str_from(names->values[i]));
        if (scheme == 0)
            return sp_error_set(error, SP_ERR_INVALID, "--key-scheme: \"%s\" is not bearer, basic, token or apikey",
                                names->values[i]);
        settings->schemes |= scheme;
    }
    if (names->count == 0)
        settings->schemes = SP_CREDENTIAL_BEARER;
    return SP_OK;
}

static enum sp_status read_deciding_header(const char *name, struct sp_gateway_settings *settings,
                                           struct sp_error *error) {
    if (name == NULL || name[0] == '\0')
        return SP_OK;
    for (size_t i = 0; i < settings->key_header_count; i++)
        if (sp_str_equal(settings->key_headers[i], sp_str_from(name)))
            settings->deciding_header = settings->key_headers[i];
    if (settings->deciding_header.size > 0)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID, "--deciding-key-header: \"%s\" is not one of --key-header", name);
}

/* An upstream must not get a key as somebody's address, nor the log. */
static enum sp_status check_address_is_no_key(const struct sp_gateway_settings *settings, struct sp_error *error) {
    for (size_t i = 0; i < settings->key_header_count; i++)
        if (sp_str_equal(settings->key_headers[i], settings->trust.header))
            return sp_error_set(error, SP_ERR_INVALID,
                                "--address-header: %.*s carries keys (--key-header); name the header in which your "
                                "proxy writes the client's address",
                                SP_STR_ARG(settings->trust.header));
    return SP_OK;
}

static enum sp_status read_route_default(const char *text, struct sp_gateway_settings *settings,
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

/* Other gateways' headers are not read: a client could send them past this one. */
static const struct sp_forward_auth_headers forward_auth_headers[] = {
    {"nginx", {"x-original-method", 17}, {"x-original-uri", 14}, {"x-original-host", 15}},
    {"traefik", {"x-forwarded-method", 18}, {"x-forwarded-uri", 15}, {"x-forwarded-host", 16}},
    {"caddy", {"x-forwarded-method", 18}, {"x-forwarded-uri", 15}, {"x-forwarded-host", 16}},
};

static enum sp_status read_forward_auth(const char *gateway, struct sp_gateway_settings *settings,
                                        struct sp_error *error) {
    if (gateway == NULL || strcmp(gateway, "none") == 0)
        return SP_OK;
    for (size_t i = 0; i < sizeof(forward_auth_headers) / sizeof(*forward_auth_headers); i++)
        if (strcmp(forward_auth_headers[i].gateway, gateway) == 0)
            settings->forward_auth = &forward_auth_headers[i];
    if (settings->forward_auth == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--forward-auth: \"%s\" is not nginx, traefik, caddy or none",
                            gateway);
    if (!settings->trust.names_peers)
        return sp_error_set(error, SP_ERR_INVALID,
                            "--forward-auth: without --trusted-peers, anybody could forge the request and the client's "
                            "address: list your gateways' addresses there, or \"uds\" for Unix sockets");
    return SP_OK;
}

enum sp_status sp_gateway_settings_read(const struct sp_gateway_options *options,
                                        const struct sp_forwarded_settings *forwarded,
                                        struct sp_gateway_settings *ret_settings, struct sp_error *error) {
    struct sp_gateway_settings settings = {.tells_plan = options->plan_metadata};
    enum sp_status status = read_key_headers(&options->key_headers, &settings, error);
    if (status != SP_OK)
        return status;
    status = read_key_schemes(&options->key_schemes, &settings, error);
    if (status != SP_OK)
        return status;
    status = read_deciding_header(options->deciding_header, &settings, error);
    if (status != SP_OK)
        return status;
    status = sp_forwarded_trust_read(forwarded, &settings.trust, error);
    if (status != SP_OK)
        return status;
    status = check_address_is_no_key(&settings, error);
    if (status != SP_OK)
        return status;
    status = read_route_default(options->route_default, &settings, error);
    if (status != SP_OK)
        return status;
    status = read_forward_auth(options->forward_auth, &settings, error);
    if (status != SP_OK)
        return status;
    *ret_settings = settings;
    return SP_OK;
}
