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
         .help = "AuthZEN: workspace of a user or service_account whose properties name none; default: they must"},
        {.name = "authzen-property",
         .kind = SP_OPTION_TEXTS,
         .target = &settings->properties,
         .environment = "SALLYPORTD_AUTHZEN_PROPERTIES",
         .argument = "NAME",
         .help = "AuthZEN: property that chooses a variant of the action: action.soft, resource.status"},
        {.name = "authzen-url",
         .kind = SP_OPTION_TEXT,
         .target = &settings->url,
         .environment = "SALLYPORTD_AUTHZEN_URL",
         .argument = "URL",
         .help = "AuthZEN: https URL that callers reach this port at, for the metadata; default: no metadata"},
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
    return sp_error_set(error, SP_ERR_INVALID,
                        "--authzen-property: \"%s\" is no action.NAME or resource.NAME of at most %d bytes", property,
                        SP_NAME_MAX_BYTES);
}

static enum sp_status check_url(const char *url, struct sp_error *error) {
    size_t size = strlen(url);
    bool whole = size > 8 && strncmp(url, "https://", 8) == 0 && url[8] != '/' && url[size - 1] != '/';
    if (whole && strpbrk(url, "?# \"\\<>") == NULL && sp_text_is_printable(sp_str_from(url)))
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "--authzen-url: must be https://HOST[:PORT][/PATH] without '/' at its end, query or fragment");
}

enum sp_status sp_authzen_check_settings(const struct sp_authzen_settings *settings, struct sp_error *error) {
    enum sp_status status = SP_OK;
    if (settings->workspace != NULL)
        status = sp_text_check_id(sp_str_from(settings->workspace), "--authzen-workspace", error);
    if (status == SP_OK && settings->url != NULL)
        status = check_url(settings->url, error);
    for (size_t i = 0; status == SP_OK && i < settings->properties.count; i++)
        status = check_property(settings->properties.values[i], error);
    return status;
}
