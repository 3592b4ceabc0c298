#include "core/credential.h"

#include "base/base64url.h"
#include "core/key_text.h"

static const struct {
    enum sp_credential_scheme scheme;
    struct sp_str name;
} schemes[] = {
    {SP_CREDENTIAL_BEARER, {"Bearer", 6}},
    {SP_CREDENTIAL_BASIC, {"Basic", 5}},
    {SP_CREDENTIAL_TOKEN, {"Token", 5}},
    {SP_CREDENTIAL_API_KEY, {"ApiKey", 6}},
};

enum { SCHEMES = sizeof(schemes) / sizeof(*schemes) };

const char *sp_credential_scheme_name(enum sp_credential_scheme scheme) {
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes[i].scheme == scheme)
            return schemes[i].name.data;
    return NULL;
}

unsigned sp_credential_scheme_find(struct sp_str name) {
    for (size_t i = 0; i < SCHEMES; i++)
        if (sp_str_equal_ignoring_case(name, schemes[i].name))
            return schemes[i].scheme;
    return 0;
}

/* ---- values ---- */

/* Takes the first value off a list; false when there is none left. */
static bool next_value(struct sp_str *list, struct sp_str *ret_value) {
    while (list->size > 0) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma == NULL ? list->size : (size_t)(comma - list->data);
        size_t taken = comma == NULL ? size : size + 1;
        *ret_value = sp_str_trim_blanks((struct sp_str){list->data, size});
        *list = (struct sp_str){list->data + taken, list->size - taken};
        if (ret_value->size > 0)
            return true;
    }
    return false;
}

static void offer_value(struct sp_credential *credential, struct sp_str value) {
    if (credential->text.size == 0)
        credential->text = value;
    else if (!sp_str_equal(credential->text, value))
        credential->differs = true;
}

void sp_credential_offer_key(struct sp_credential *credential, struct sp_str value) {
    struct sp_str one;
    while (next_value(&value, &one))
        offer_value(credential, one);
}

/* ---- Authorization ---- */

/* "c3BfYWJjOg==" is "sp_abc:". Empty for anything but canonical base64 of a user name without a
 * password. */
static struct sp_str decode_user_name(struct sp_str encoded, struct sp_arena *arena) {
    enum { NAME_ROOM = SP_KEY_PRESENTED_MAX_BYTES + 2, ENCODED_MAX = (NAME_ROOM + 2) / 3 * 4 };
    char url[ENCODED_MAX];
    uint8_t *decoded = sp_arena_alloc(arena, NAME_ROOM);
    size_t size = 0;
    if (decoded == NULL || encoded.size > sizeof(url) || encoded.size % 4 != 0)
        return (struct sp_str){0};
    for (int padding = 0; padding < 2 && encoded.size > 0 && encoded.data[encoded.size - 1] == '='; padding++)
        encoded.size--;
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        url[i] = '=';
        if (c != '-' && c != '_')
            url[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    bool good = sp_base64url_decode((struct sp_str){url, encoded.size}, decoded, NAME_ROOM, &size);
    explicit_bzero(url, sizeof(url));
    if (!good || size < 2 || memchr(decoded, ':', size) != decoded + size - 1)
        return (struct sp_str){0};
    return (struct sp_str){(const char *)decoded, size - 1};
}

/* The key of "<scheme> <key>"; empty for anything else. */
static struct sp_str key_of_authorization(const struct sp_credential *credential, struct sp_str value) {
    unsigned accepted = credential->schemes == 0 ? SP_CREDENTIAL_BEARER : credential->schemes;
    const char *space = memchr(value.data, ' ', value.size);
    if (space == NULL)
        return (struct sp_str){0};
    struct sp_str name = {value.data, (size_t)(space - value.data)};
    struct sp_str rest = sp_str_trim_blanks((struct sp_str){space, value.size - name.size});
    unsigned scheme = sp_credential_scheme_find(name) & accepted;
    if (scheme == 0)
        return (struct sp_str){0};
    if (scheme != SP_CREDENTIAL_BASIC)
        return rest;
    return credential->arena == NULL ? (struct sp_str){0} : decode_user_name(rest, credential->arena);
}

void sp_credential_offer_authorization(struct sp_credential *credential, struct sp_str value) {
    struct sp_str one;
    while (next_value(&value, &one)) {
        struct sp_str key = key_of_authorization(credential, one);
        if (key.size > 0)
            offer_value(credential, key);
        else
            credential->other_scheme = true;
    }
}

bool sp_credential_is_ambiguous(const struct sp_credential *credential) {
    return credential->differs || (credential->other_scheme && credential->text.size > 0);
}
