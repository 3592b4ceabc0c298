/* What sallyportd is told about AuthZEN. */
#ifndef SP_SERVER_AUTHZEN_SETTINGS_H
#define SP_SERVER_AUTHZEN_SETTINGS_H

#include "config/options.h"

struct sp_authzen_settings {
    const char *workspace;             /* of users and service accounts where the request names none; NULL: it must */
    const char *url;                   /* NULL: no metadata */
    struct sp_option_texts properties; /* "action.NAME", "resource.NAME": those that choose a variant of an action */
};

enum { SP_AUTHZEN_OPTION_ROWS = 3 };
void sp_authzen_option_rows(struct sp_authzen_settings *settings,
                            struct sp_option ret_rows[static SP_AUTHZEN_OPTION_ROWS]);

/* SP_ERR_INVALID naming the option. */
enum sp_status sp_authzen_check_settings(const struct sp_authzen_settings *settings,
                                         struct sp_error *error) SP_MUST_USE;

#endif
