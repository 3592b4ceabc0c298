/* AuthZEN's entities (subject, action, resource and context) read from JSON into questions.
 * Mistakes are named by their place in the body. Pure; docs/authzen.md describes the mapping.
 * Texts of a question are borrowed from the JSON. */
#ifndef SP_SERVER_AUTHZEN_REQUEST_H
#define SP_SERVER_AUTHZEN_REQUEST_H

#include <jansson.h>

#include "base/text.h"
#include "core/digest.h"
#include "decide/check.h"
#include "server/authzen/settings.h"

/* A member of an object; NULL if it is missing or null, which means the same, or if the value is
 * not an object. */
json_t *sp_authzen_member(const json_t *object, const char *name);

/* An entity of the request and its place: "subject", "evaluations[3].subject". `json` NULL: it
 * is missing. */
struct sp_authzen_entity {
    const json_t *json;
    char at[40];
};

struct sp_authzen_entities {
    struct sp_authzen_entity subject, action, resource, context;
};

/* Takes the four from an object; those that it lacks are taken from `defaults` (NULL: missing).
 * `prefix` begins their places: "" or "evaluations[3].". */
void sp_authzen_entities(const json_t *object, const char *prefix, const struct sp_authzen_entities *defaults,
                         struct sp_authzen_entities *ret_entities);

/* Which parts a request has: a search lacks the id that it searches for. */
enum sp_authzen_shape {
    SP_AUTHZEN_EVALUATION,
    SP_AUTHZEN_SUBJECT_SEARCH,
    SP_AUTHZEN_RESOURCE_SEARCH,
    SP_AUTHZEN_ACTION_SEARCH,
};

enum sp_authzen_subject {
    SP_AUTHZEN_NOBODY, /* an unknown type */
    SP_AUTHZEN_KEY,
    SP_AUTHZEN_PRINCIPAL,
};

enum { SP_AUTHZEN_VARIANTS = SP_OPTION_TEXTS_MAX };

/* A question as it was asked. Do not copy by value after it was filled: the query may point to
 * the address. */
struct sp_authzen_question {
    enum sp_authzen_subject subject;
    struct sp_str subject_type;      /* as the caller calls it */
    uint8_t principal_kind;          /* of PRINCIPAL */
    struct sp_str subject_id;        /* of PRINCIPAL */
    struct sp_str workspace;         /* of PRINCIPAL; asserted of KEY. Empty: none */
    uint8_t sha256[SP_DIGEST_BYTES]; /* of KEY, if the id is "sha256:…" */
    struct sp_ip ip;
    /* Resource, action, address, what is asserted of the resource and, of KEY, the credential. */
    struct sp_query query;
    /* Words that the properties chose: the action "x" becomes "x_word" if the type has such an
     * action. */
    struct sp_str words[SP_AUTHZEN_VARIANTS];
    size_t word_count;
};

/* SP_ERR_INVALID with a message that begins with the place. */
enum sp_status sp_authzen_read(const struct sp_authzen_entities *entities, enum sp_authzen_shape shape,
                               const struct sp_authzen_settings *settings, struct sp_authzen_question *ret_question,
                               struct sp_error *error) SP_MUST_USE;

#endif
