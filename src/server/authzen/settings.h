/* The options for AuthZEN. */
#ifndef SP_SERVER_AUTHZEN_SETTINGS_H
#define SP_SERVER_AUTHZEN_SETTINGS_H

#include "config/options.h"

struct sp_authzen_settings {
    const char *workspace;             /* of subjects if the request names none; or NULL */
    const char *url;                   /* NULL: no metadata */
    struct sp_option_texts properties; /* "action.NAME", "resource.NAME": choose variants */
};

enum { SP_AUTHZEN_OPTION_ROWS = 3 };
void sp_authzen_option_rows(struct sp_authzen_settings *settings,
                            struct sp_option ret_rows[static SP_AUTHZEN_OPTION_ROWS]);

/* SP_ERR_INVALID naming the option. */
enum sp_status sp_authzen_check_settings(const struct sp_authzen_settings *settings,
                                         struct sp_error *error) SP_MUST_USE;

#endif
