/* The options for AuthZEN. */
#ifndef SP_SERVER_AUTHZEN_SETTINGS_H
#define SP_SERVER_AUTHZEN_SETTINGS_H

#include "base/bytes.h"
#include "config/options.h"

struct sp_authzen_settings {
    const char *workspace;                /* of subjects if the request names none; or NULL */
    const char *url;                      /* NULL: no metadata */
    struct sp_option_texts properties;    /* "action.NAME", "resource.NAME": choose variants */
    struct sp_option_texts subject_types; /* "NAME=KIND": other names of user, service_account, api_key */
    struct sp_option_texts actions;       /* "NAME=ACTION": names for actions that a type lacks */
    bool searches_skip_admins;            /* searches for subjects leave out the workspace's ADMINs */
};

enum { SP_AUTHZEN_OPTION_ROWS = 6 };
void sp_authzen_option_rows(struct sp_authzen_settings *settings,
                            struct sp_option ret_rows[static SP_AUTHZEN_OPTION_ROWS]);

/* SP_ERR_INVALID naming the option. */
enum sp_status sp_authzen_check_settings(const struct sp_authzen_settings *settings,
                                         struct sp_error *error) SP_MUST_USE;

/* What a name stands for in a list of NAME=WHAT; the name itself if it is not listed. */
struct sp_str sp_authzen_translate(const struct sp_option_texts *list, struct sp_str name);

#endif
