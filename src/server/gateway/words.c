#include "server/gateway/words.h"

#include <string.h>

/* "%s": where a key is looked for. */
static const struct {
    const char *code, *message;
} words[SP_REASON_COUNT] = {
    [SP_REASON_NONE] = {"unavailable", "The request cannot be authorized right now. Try again."},
    [SP_REASON_ALLOWED] = {"allowed", ""},
    [SP_REASON_STALE] = {"stale", "The authorization data is out of date. Try again later."},
    [SP_REASON_KEY_MALFORMED] = {"key_malformed", "This is not an API key."},
    [SP_REASON_KEY_UNKNOWN] = {"key_unknown", "The API key is unknown."},
    [SP_REASON_KEY_DISABLED] = {"key_disabled", "The API key is disabled."},
    [SP_REASON_KEY_EXPIRED] = {"key_expired", "The API key has expired."},
    [SP_REASON_WORKSPACE_DISABLED] = {"workspace_disabled", "The API key's workspace is disabled."},
    [SP_REASON_PRINCIPAL_DISABLED] = {"principal_disabled", "The API key's holder is disabled."},
    [SP_REASON_WORKSPACE_MISMATCH] = {"workspace_mismatch", "The API key belongs to another workspace."},
    [SP_REASON_IP_NOT_ALLOWED] = {"ip_not_allowed", "The API key may not be used from this address."},
    [SP_REASON_ACTION_UNKNOWN] = {"action_unknown", "There is no such action."},
    [SP_REASON_PERMISSION_MISSING] = {"permission_missing", "The API key lacks the required permission."},
    [SP_REASON_RESOURCE_UNKNOWN] = {"resource_unknown", "There is no such resource in the API key's workspace."},
    [SP_REASON_NOT_SHARED] = {"not_shared", "The resource is not shared with the API key's holder."},
    [SP_REASON_ROLE_TOO_LOW] = {"role_too_low", "The API key's holder has too low a role on the resource."},
    [SP_REASON_ROUTE_UNKNOWN] = {"route_unknown", "Nothing is served under this method and path."},
    [SP_REASON_CREDENTIAL_MISSING] = {"credential_missing", "The request has no API key. Send it in %s."},
    [SP_REASON_CREDENTIAL_AMBIGUOUS] = {"credential_ambiguous",
                                        "The request has different credentials. Send only one, in %s."},
    [SP_REASON_WORKSPACE_UNKNOWN] = {"workspace_unknown", "The API key's workspace does not exist."},
    [SP_REASON_PRINCIPAL_UNKNOWN] = {"principal_unknown", "The API key's holder does not exist."},
    [SP_REASON_REQUEST_MALFORMED] = {"request_malformed", "The request is not accepted in this form"},
};

static const struct {
    unsigned http_status;
    const char *type;
} types[] = {
    {400, "invalid_request"},
    {401, "authentication_error"},
    {403, "authorization_error"},
    {503, "unavailable"}, /* the last: for calls without an answer, and for any other status */
};

enum { TYPES = sizeof(types) / sizeof(*types) };

static size_t find_type(enum sp_reason reason) {
    unsigned http_status = sp_reason_http_status(reason);
    size_t i = 0;
    while (i < TYPES - 1 && types[i].http_status != http_status)
        i++;
    return i;
}

unsigned sp_gateway_denied_status(enum sp_reason reason) {
    return types[find_type(reason)].http_status;
}

/* ---- where a key is looked for ---- */

static const struct {
    enum sp_credential_scheme scheme;
    const char *form, *challenge;
} schemes[] = {
    {SP_CREDENTIAL_BEARER, "Bearer KEY", "Bearer"},
    {SP_CREDENTIAL_BASIC, "Basic with the key as user name and no password", "Basic realm=\"API key\""},
    {SP_CREDENTIAL_TOKEN, "Token KEY", "Token"},
    {SP_CREDENTIAL_API_KEY, "ApiKey KEY", "ApiKey"},
};

enum { SCHEMES = sizeof(schemes) / sizeof(*schemes) };

static bool is_authorization(struct sp_str name) {
    return sp_str_equal(name, SP_STR_LITERAL("authorization"));
}

/* "authorization (Bearer KEY or Token KEY)". */
static const char *describe_authorization(const struct sp_gateway_settings *settings, struct sp_arena *arena) {
    const char *text = "";
    for (size_t i = 0; i < SCHEMES && text != NULL; i++)
        if ((settings->schemes & (unsigned)schemes[i].scheme) != 0)
            text = sp_arena_printf(arena, "%s%s%s", text, *text == '\0' ? "" : " or ", schemes[i].form);
    return text == NULL ? NULL : sp_arena_printf(arena, "authorization (%s)", text);
}

/* "the header x-api-key or authorization (Bearer KEY)"; NULL: out of memory. */
static const char *describe_places(const struct sp_gateway_settings *settings, struct sp_arena *arena) {
    const char *text = "";
    for (size_t i = 0; i < settings->key_header_count && text != NULL; i++) {
        struct sp_str name = settings->key_headers[i];
        const char *place = is_authorization(name) ? describe_authorization(settings, arena) : name.data;
        const char *joint = i == 0 ? "the header " : i + 1 < settings->key_header_count ? ", " : " or ";
        text = place == NULL ? NULL : sp_arena_printf(arena, "%s%s%s", text, joint, place);
    }
    return text;
}

/* RFC 6750 section 3: no error code if no credential was sent. */
char *sp_gateway_challenge(const struct sp_gateway_settings *settings, enum sp_reason reason, struct sp_arena *arena) {
    const char *error = reason == SP_REASON_CREDENTIAL_MISSING ? "" : " error=\"invalid_token\"";
    char *text = sp_arena_printf(arena, "%s", "");
    bool reads_authorization = false;
    for (size_t i = 0; i < settings->key_header_count; i++)
        reads_authorization |= is_authorization(settings->key_headers[i]);
    for (size_t i = 0; i < SCHEMES && text != NULL && reads_authorization; i++)
        if ((settings->schemes & (unsigned)schemes[i].scheme) != 0)
            text = sp_arena_printf(arena, "%s%s%s%s", text, *text == '\0' ? "" : ", ", schemes[i].challenge,
                                   schemes[i].scheme == SP_CREDENTIAL_BEARER ? error : "");
    if (text != NULL && *text == '\0')
        return sp_arena_printf(arena, "ApiKey");
    return text;
}

/* ---- the body ---- */

/* As the inside of a JSON string; only for sentences of this program and names of headers,
 * which have no control characters. */
static const char *escape_json(const char *text, struct sp_arena *arena) {
    char *escaped = sp_arena_alloc(arena, 2 * strlen(text) + 1);
    char *at = escaped;
    if (escaped == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at = '\0';
    return escaped;
}

/* What the client is told, before it is escaped; NULL: out of memory. */
static const char *write_message(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                                 enum sp_reason reason, struct sp_arena *arena) {
    const char *message = words[reason].message;
    if (reason == SP_REASON_REQUEST_MALFORMED)
        return sp_arena_printf(arena, "%s%s%s.", message, request->refusal != NULL ? ": " : "",
                               request->refusal != NULL ? request->refusal : "");
    const char *gap = strstr(message, "%s");
    if (gap == NULL)
        return message;
    const char *places = describe_places(settings, arena);
    return places == NULL ? NULL : sp_arena_printf(arena, "%.*s%s%s", (int)(gap - message), message, places, gap + 2);
}

char *sp_gateway_denied_body(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                             enum sp_reason reason, struct sp_str fallback_id, struct sp_arena *arena) {
    const char *message = write_message(settings, request, reason, arena);
    const char *escaped = message == NULL ? NULL : escape_json(message, arena);
    struct sp_str id = request->id.size > 0 ? request->id : fallback_id;
    if (escaped == NULL)
        return NULL;
    return sp_arena_printf(arena,
                           "{\"detail\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"%s\",\"request_id\":\"%.*s\"}}",
                           types[find_type(reason)].type, words[reason].code, escaped, SP_STR_ARG(id));
}
