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
         .help = "AuthZEN: workspace of users and service accounts whose properties name none; default: they must name "
                 "one"},
        {.name = "authzen-property",
         .kind = SP_OPTION_TEXTS,
         .target = &settings->properties,
         .environment = "SALLYPORTD_AUTHZEN_PROPERTIES",
         .argument = "NAME",
         .help = "AuthZEN: property that selects a variant of the action, such as action.soft or resource.status"},
        {.name = "authzen-subject-type",
         .kind = SP_OPTION_TEXTS,
         .target = &settings->subject_types,
         .environment = "SALLYPORTD_AUTHZEN_SUBJECT_TYPES",
         .argument = "NAME=TYPE",
         .help =
             "AuthZEN: another name that callers use for the subject type user, service_account or api_key, such as "
             "identity=user"},
        {.name = "authzen-action",
         .kind = SP_OPTION_TEXTS,
         .target = &settings->actions,
         .environment = "SALLYPORTD_AUTHZEN_ACTIONS",
         .argument = "NAME=ACTION",
         .help = "AuthZEN: the action that a caller's name stands for on types without an action of that name, such as "
                 "GET=read"},
        {.name = "authzen-skip-admins",
         .kind = SP_OPTION_FLAG,
         .target = &settings->searches_skip_admins,
         .environment = "SALLYPORTD_AUTHZEN_SKIP_ADMINS",
         .help = "AuthZEN: leave the workspace's ADMINs, who may do everything, out of subject searches"},
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

/* ---- other names ---- */

static bool split_translation(const char *text, struct sp_str *ret_name, struct sp_str *ret_what) {
    const char *equals = strrchr(text, '=');
    if (equals == NULL)
        return false;
    *ret_name = (struct sp_str){text, (size_t)(equals - text)};
    *ret_what = sp_str_from(equals + 1);
    return true;
}

struct sp_str sp_authzen_translate(const struct sp_option_texts *list, struct sp_str name) {
    struct sp_str listed, what;
    for (size_t i = 0; i < list->count; i++)
        if (split_translation(list->values[i], &listed, &what) && sp_str_equal(listed, name))
            return what;
    return name;
}

static bool is_subject_type(struct sp_str name) {
    return sp_str_equal(name, SP_STR_LITERAL("user")) || sp_str_equal(name, SP_STR_LITERAL("service_account")) ||
           sp_str_equal(name, SP_STR_LITERAL("api_key"));
}

static bool is_listed_before(const struct sp_option_texts *list, size_t at, struct sp_str name) {
    struct sp_str listed, what;
    for (size_t i = 0; i < at; i++)
        if (split_translation(list->values[i], &listed, &what) && sp_str_equal(listed, name))
            return true;
    return false;
}

static enum sp_status read_translation(const struct sp_option_texts *list, size_t at, const char *option,
                                       struct sp_str *ret_name, struct sp_str *ret_what, struct sp_error *error) {
    const char *text = list->values[at];
    struct sp_str name, what;
    if (!split_translation(text, &name, &what) || name.size == 0 || name.size > SP_ID_MAX_BYTES ||
        !sp_text_is_printable(name))
        return sp_error_set(error, SP_ERR_INVALID, "%s: \"%s\" has no name of 1 to %d bytes before its last '='",
                            option, text, SP_ID_MAX_BYTES);
    if (is_listed_before(list, at, name))
        return sp_error_set(error, SP_ERR_INVALID, "%s: \"%.*s\" is given twice", option, SP_STR_ARG(name));
    *ret_name = name;
    *ret_what = what;
    return SP_OK;
}

static enum sp_status check_subject_types(const struct sp_option_texts *list, struct sp_error *error) {
    static const char option[] = "--authzen-subject-type";
    struct sp_str name, what;
    for (size_t i = 0; i < list->count; i++) {
        if (read_translation(list, i, option, &name, &what, error) != SP_OK)
            return SP_ERR_INVALID;
        if (!is_subject_type(what))
            return sp_error_set(error, SP_ERR_INVALID, "%s: \"%s\" is not user, service_account or api_key", option,
                                what.data);
        if (is_subject_type(name))
            return sp_error_set(error, SP_ERR_INVALID, "%s: %.*s is a subject type itself; choose another name", option,
                                SP_STR_ARG(name));
    }
    return SP_OK;
}

static enum sp_status check_actions(const struct sp_option_texts *list, struct sp_error *error) {
    static const char option[] = "--authzen-action";
    struct sp_str name, what;
    for (size_t i = 0; i < list->count; i++) {
        if (read_translation(list, i, option, &name, &what, error) != SP_OK)
            return SP_ERR_INVALID;
        if (sp_text_check_word(what, "--authzen-action: the action", error) != SP_OK)
            return SP_ERR_INVALID;
    }
    return SP_OK;
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
    enum sp_status status = check_subject_types(&settings->subject_types, error);
    if (status != SP_OK)
        return status;
    return check_actions(&settings->actions, error);
}
