/* The options for gateways, checked once at the start. */
#ifndef SP_SERVER_GATEWAY_SETTINGS_H
#define SP_SERVER_GATEWAY_SETTINGS_H

#include "config/options.h"
#include "core/forwarded.h"

/* The options' values, before they were checked. */
struct sp_gateway_options {
    struct sp_option_texts key_headers;
    struct sp_option_texts key_schemes;
    const char *deciding_header;
    const char *route_default;
    const char *forward_auth;
    bool plan_metadata;
};

/* In which headers a gateway says what it was asked, and what it was called from. */
struct sp_forward_auth_headers {
    const char *gateway;             /* "nginx" */
    struct sp_str method, uri, host; /* the last may be missing (core/route.h) */
};

struct sp_gateway_settings {
    struct sp_forwarded_trust trust;
    struct sp_str key_headers[SP_OPTION_TEXTS_MAX]; /* lower case, terminated */
    size_t key_header_count;
    struct sp_str deciding_header; /* one of them; empty: none */
    unsigned schemes;              /* of an Authorization header that carries a key (core/credential.h) */
    const struct sp_forward_auth_headers *forward_auth; /* NULL: nobody may ask over HTTP */
    bool tells_plan;                                    /* of the key's workspace, to gateways that take metadata */
    struct sp_str default_type, default_action;         /* of requests that match no route; empty: denied */
};

enum { SP_GATEWAY_OPTION_ROWS = 6 };
/* Rows for the program's table of options. */
void sp_gateway_option_rows(struct sp_gateway_options *options,
                            struct sp_option ret_rows[static SP_GATEWAY_OPTION_ROWS]);

/* Texts stay borrowed from the options. SP_ERR_INVALID names the option. */
enum sp_status sp_gateway_settings_read(const struct sp_gateway_options *options,
                                        const struct sp_forwarded_settings *forwarded,
                                        struct sp_gateway_settings *ret_settings, struct sp_error *error) SP_MUST_USE;

#endif
