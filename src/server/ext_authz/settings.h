/* The options for gateways, checked once at the start. */
#ifndef SP_SERVER_EXT_AUTHZ_SETTINGS_H
#define SP_SERVER_EXT_AUTHZ_SETTINGS_H

#include "config/options.h"
#include "core/forwarded.h"

/* The options' values, before they were checked. */
struct sp_ext_authz_options {
    struct sp_option_texts key_headers;
    const char *route_default;
};

struct sp_ext_authz_settings {
    struct sp_forwarded_trust trust;
    struct sp_str key_headers[SP_OPTION_TEXTS_MAX]; /* lower case, terminated */
    size_t key_header_count;
    struct sp_str default_type, default_action; /* of requests that match no route; empty: denied */
};

enum { SP_EXT_AUTHZ_OPTION_ROWS = 2 };
/* Rows for the program's table of options. */
void sp_ext_authz_option_rows(struct sp_ext_authz_options *options,
                              struct sp_option ret_rows[static SP_EXT_AUTHZ_OPTION_ROWS]);

/* Texts stay borrowed from the options. SP_ERR_INVALID names the option. */
enum sp_status sp_ext_authz_settings_read(const struct sp_ext_authz_options *options,
                                          const struct sp_forwarded_settings *forwarded,
                                          struct sp_ext_authz_settings *ret_settings,
                                          struct sp_error *error) SP_MUST_USE;

#endif
