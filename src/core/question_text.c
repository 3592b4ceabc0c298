#include "core/question_text.h"

#include "base/text.h"
#include "core/key_text.h"

static const struct {
    bool required;
    size_t most_bytes;
    const char *too_long;
} rules[SP_QUESTION_FIELD_COUNT] = {
    [SP_QUESTION_KEY] = {true, SP_KEY_PRESENTED_MAX_BYTES, "is longer than 512 bytes"},
    [SP_QUESTION_TYPE] = {true, SP_ID_MAX_BYTES, "is longer than 64 bytes"},
    [SP_QUESTION_ACTION] = {true, SP_ID_MAX_BYTES, "is longer than 64 bytes"},
    [SP_QUESTION_ID] = {false, SP_RESOURCE_ID_MAX_BYTES, "is longer than 256 bytes"},
    [SP_QUESTION_WORKSPACE] = {false, SP_ID_MAX_BYTES, "is longer than 64 bytes"},
    [SP_QUESTION_PRINCIPAL] = {true, SP_PRINCIPAL_ID_MAX_BYTES, "is longer than 256 bytes"},
    [SP_QUESTION_SUBJECT] = {false, SP_KEY_PRESENTED_MAX_BYTES, "is longer than 512 bytes"},
};

_Static_assert(SP_KEY_PRESENTED_MAX_BYTES == 512 && SP_ID_MAX_BYTES == 64 && SP_RESOURCE_ID_MAX_BYTES == 256,
               "the sizes in the messages");

const char *sp_question_text_fault(enum sp_question_field field, struct sp_str text) {
    if (text.size == 0)
        return rules[field].required ? "is required" : NULL;
    if (text.size > rules[field].most_bytes)
        return rules[field].too_long;
    if (field != SP_QUESTION_KEY && sp_text_is_printable(text))
        return NULL;
    if (!sp_text_is_utf8(text))
        return "is not valid UTF-8";
    if (field != SP_QUESTION_KEY)
        return "contains a control character";
    return memchr(text.data, '\0', text.size) != NULL ? "contains a NUL" : NULL;
}
