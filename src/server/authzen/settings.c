#include "server/authzen/settings.h"

#include <string.h>

#include "base/text.h"

void sp_authzen_option_rows(struct sp_authzen_settings *settings,
                            struct sp_option ret_rows[static SP_AUTHZEN_OPTION_ROWS]) {
    const struct sp_option rows[SP_AUTHZEN_OPTION_ROWS] = {
        {.name = "authzen-workspace",
         .kind = SP_OPTION_TEXT,
         .target = &settings->workspace,
         .environment = "SALLYPORTD_AUTHZEN_WORKSPACE",
         .argument = "ID",
         .help = "AuthZEN: workspace of users and service accounts that name none in their properties; default: they "
                 "must name one"},
        {.name = "authzen-property",
         .kind = SP_OPTION_TEXTS,
         .target = &settings->properties,
         .environment = "SALLYPORTD_AUTHZEN_PROPERTIES",
         .argument = "NAME",
         .help = "AuthZEN: property that selects a variant of the action, such as action.soft or resource.status"},
        {.name = "authzen-url",
         .kind = SP_OPTION_TEXT,
         .target = &settings->url,
         .environment = "SALLYPORTD_AUTHZEN_URL",
         .argument = "URL",
         .help = "AuthZEN: https URL under which callers reach this port, for the metadata; default: no metadata"},
    };
    for (size_t i = 0; i < SP_AUTHZEN_OPTION_ROWS; i++)
        ret_rows[i] = rows[i];
}

static enum sp_status check_property(const char *property, struct sp_error *error) {
    struct sp_str text = sp_str_from(property);
    struct sp_str name = {NULL, 0};
    if (strncmp(property, "action.", 7) == 0)
        name = (struct sp_str){property + 7, text.size - 7};
    else if (strncmp(property, "resource.", 9) == 0)
        name = (struct sp_str){property + 9, text.size - 9};
    if (name.size > 0 && name.size <= SP_NAME_MAX_BYTES)
        return SP_OK;
    return sp_error_set(
        error, SP_ERR_INVALID,
        "--authzen-property: \"%s\" is not action.NAME or resource.NAME with a name of at most %d bytes", property,
        SP_NAME_MAX_BYTES);
}

static enum sp_status check_url(const char *url, struct sp_error *error) {
    size_t size = strlen(url);
    bool has_form = size > 8 && strncmp(url, "https://", 8) == 0 && url[8] != '/' && url[size - 1] != '/';
    if (has_form && strpbrk(url, "?# \"\\<>") == NULL && sp_text_is_printable(sp_str_from(url)))
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "--authzen-url: must be https://HOST[:PORT][/PATH] without a trailing '/', query or fragment");
}

enum sp_status sp_authzen_check_settings(const struct sp_authzen_settings *settings, struct sp_error *error) {
    if (settings->workspace != NULL &&
        sp_text_check_id(sp_str_from(settings->workspace), "--authzen-workspace", error) != SP_OK)
        return SP_ERR_INVALID;
    if (settings->url != NULL && check_url(settings->url, error) != SP_OK)
        return SP_ERR_INVALID;
    for (size_t i = 0; i < settings->properties.count; i++)
        if (check_property(settings->properties.values[i], error) != SP_OK)
            return SP_ERR_INVALID;
    return SP_OK;
}
