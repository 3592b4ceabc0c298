#include "core/credential.h"

#include "base/base64url.h"
#include "base/text.h"
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

static void note_credential(struct sp_credential *credential, struct sp_str value) {
    if (credential->text.size == 0)
        credential->text = value;
    else if (!sp_str_equal(credential->text, value))
        credential->differs = true;
}

void sp_credential_offer_key(struct sp_credential *credential, struct sp_str value) {
    struct sp_str one;
    while (next_value(&value, &one))
        note_credential(credential, one);
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

/* How many bytes of a token (RFC 9110 section 5.6.2) the text begins with. */
static size_t count_token_bytes(struct sp_str text) {
    size_t count = 0;
    while (count < text.size && sp_text_is_token_char(text.data[count]))
        count++;
    return count;
}

/* `nc=1`: commas stand between parameters too (RFC 9110 section 11.4). */
static bool is_parameter(struct sp_str value) {
    size_t name = count_token_bytes(value);
    struct sp_str rest = sp_str_trim_blanks((struct sp_str){value.data + name, value.size - name});
    return name > 0 && rest.size > 0 && rest.data[0] == '=';
}

/* Whether a quoted string (RFC 9110 section 5.6.4) is open behind the value, of a list that was cut
 * at every comma. */
static bool leaves_quotes_open(struct sp_str value, bool open) {
    for (size_t i = 0; i < value.size; i++) {
        if (open && value.data[i] == '\\')
            i++;
        else if (value.data[i] == '"')
            open = !open;
    }
    return open;
}

/* The key of "<scheme> <key>"; empty: there is none. */
static struct sp_str key_of_scheme(const struct sp_credential *credential, unsigned scheme, struct sp_str rest) {
    if (scheme != SP_CREDENTIAL_BASIC)
        return rest;
    return credential->arena == NULL ? (struct sp_str){0} : decode_user_name(rest, credential->arena);
}

static void offer_authorization_value(struct sp_credential *credential, struct sp_str value) {
    unsigned accepted = credential->schemes == 0 ? SP_CREDENTIAL_BEARER : credential->schemes;
    size_t name = count_token_bytes(value);
    unsigned scheme = sp_credential_scheme_find((struct sp_str){value.data, name}) & accepted;
    bool has_scheme = name > 0 && name < value.size && value.data[name] == ' ';
    struct sp_str rest = sp_str_trim_blanks((struct sp_str){value.data + name, value.size - name});
    struct sp_str key = {0};
    if (has_scheme && scheme != 0)
        key = key_of_scheme(credential, scheme, rest);
    if (key.size > 0) {
        credential->in_authorization = true;
        note_credential(credential, key);
    } else if (has_scheme && scheme == 0) {
        credential->other_scheme = true;
    } else {
        credential->unclear = true;
    }
}

/* The parameters of another scheme are no credentials. */
void sp_credential_offer_authorization(struct sp_credential *credential, struct sp_str value) {
    struct sp_str one;
    bool had_other_scheme = credential->other_scheme, in_quotes = false;
    credential->other_scheme = false;
    while (next_value(&value, &one)) {
        if (!credential->other_scheme || !(in_quotes || is_parameter(one)))
            offer_authorization_value(credential, one);
        in_quotes = credential->other_scheme && leaves_quotes_open(one, in_quotes);
    }
    credential->other_scheme |= had_other_scheme;
}

bool sp_credential_is_ambiguous(const struct sp_credential *credential) {
    bool is_unclear = credential->unclear || (credential->other_scheme && credential->in_authorization);
    return credential->differs || (is_unclear && credential->text.size > 0);
}
