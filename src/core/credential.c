#include "core/credential.h"

#include <strings.h>

/* The token of "Bearer <token>"; empty for anything else. */
static struct sp_str bearer_token(struct sp_str value) {
    static const char scheme[] = "bearer ";
    enum { SCHEME_BYTES = sizeof(scheme) - 1 };
    if (value.size <= SCHEME_BYTES || strncasecmp(value.data, scheme, SCHEME_BYTES) != 0)
        return (struct sp_str){0};
    value = (struct sp_str){value.data + SCHEME_BYTES, value.size - SCHEME_BYTES};
    while (value.size > 0 && value.data[0] == ' ')
        value = (struct sp_str){value.data + 1, value.size - 1};
    return value;
}

void sp_credential_offer_key(struct sp_credential *credential, struct sp_str value) {
    if (value.size == 0)
        return;
    if (credential->text.size == 0)
        credential->text = value;
    else if (!sp_str_equal(credential->text, value))
        credential->differs = true;
}

void sp_credential_offer_authorization(struct sp_credential *credential, struct sp_str value) {
    struct sp_str token = bearer_token(value);
    if (token.size > 0)
        sp_credential_offer_key(credential, token);
    else if (value.size > 0)
        credential->other_scheme = true;
}

bool sp_credential_is_ambiguous(const struct sp_credential *credential) {
    return credential->differs || (credential->other_scheme && credential->text.size > 0);
}
