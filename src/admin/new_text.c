#include "admin/new_text.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/key_like.h"

enum sp_status sp_admin_refuse_key_text(struct sp_str text, const char *field, struct sp_error *error) {
    struct sp_str part;
    if (!sp_key_like_find(text, &part))
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "%s: looks like an API key: keys are secrets, and lists and the audit trail show this text; "
                        "choose another, and disable the key if it was pasted where others can see it",
                        field);
}

enum sp_status sp_admin_check_new_name(const char *name, const char *before, const char *field,
                                       struct sp_error *error) {
    enum sp_status status = sp_text_check_name(sp_str_from(name), field, error);
    if (status != SP_OK || (before != NULL && strcmp(name, before) == 0))
        return status;
    return sp_admin_refuse_key_text(sp_str_from(name), field, error);
}

void sp_admin_rename_field(struct sp_error *error, const char *from, const char *to) {
    char rest[sizeof(error->message)];
    size_t size = strlen(from);
    if (strncmp(error->message, from, size) != 0 || error->message[size] != ':')
        return;
    memcpy(rest, error->message + size, strlen(error->message + size) + 1);
    (void)snprintf(error->message, sizeof(error->message), "%s%.*s", to, (int)(sizeof(error->message) - strlen(to) - 1),
                   rest);
}
