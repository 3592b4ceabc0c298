/* Texts of questions, and whether they may be asked: every API takes and refuses the same ones. */
#ifndef SP_TESTS_QUESTION_TEXTS_H
#define SP_TESTS_QUESTION_TEXTS_H

#include <stddef.h>

enum question_text_field {
    QUESTION_TEXT_KEY,
    QUESTION_TEXT_TYPE,
    QUESTION_TEXT_ACTION,
    QUESTION_TEXT_ID,
    QUESTION_TEXT_WORKSPACE,
    QUESTION_TEXT_FIELDS
};

struct question_text {
    const char *name;
    unsigned fields; /* bits of 1 << enum question_text_field */
    const char *text;
    size_t size;
    unsigned refused; /* of the fields: those that refuse it */
};

#define QT_BIT(field) (1U << QUESTION_TEXT_##field)
#define QT_WORDS (QT_BIT(TYPE) | QT_BIT(ACTION) | QT_BIT(ID) | QT_BIT(WORKSPACE))
#define QT_ALL (QT_WORDS | QT_BIT(KEY))
#define QT_TEXT(literal) literal, sizeof(literal) - 1

/* Texts of one letter, of each size around the limits. */
#define QT_16 "aaaaaaaaaaaaaaaa"
#define QT_64 QT_16 QT_16 QT_16 QT_16
#define QT_256 QT_64 QT_64 QT_64 QT_64

static const struct question_text question_texts[] = {
    {"nothing", QT_ALL, QT_TEXT(""), QT_BIT(KEY) | QT_BIT(TYPE) | QT_BIT(ACTION)},
    {"a word", QT_ALL, QT_TEXT("word"), 0},
    {"a blank", QT_ALL, QT_TEXT(" "), 0},
    {"letters beyond ASCII", QT_ALL, QT_TEXT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"), 0},
    {"64 bytes", QT_ALL, QT_TEXT(QT_64), 0},
    {"65 bytes", QT_ALL, QT_TEXT(QT_64 "a"), QT_BIT(TYPE) | QT_BIT(ACTION) | QT_BIT(WORKSPACE)},
    {"256 bytes", QT_BIT(KEY) | QT_BIT(ID), QT_TEXT(QT_256), 0},
    {"257 bytes", QT_BIT(KEY) | QT_BIT(ID), QT_TEXT(QT_256 "a"), QT_BIT(ID)},
    {"512 bytes", QT_BIT(KEY), QT_TEXT(QT_256 QT_256), 0},
    {"513 bytes", QT_BIT(KEY), QT_TEXT(QT_256 QT_256 "a"), QT_BIT(KEY)},
    {"a line feed", QT_ALL, QT_TEXT("a\nb"), QT_WORDS},
    {"a line feed at the end", QT_ALL, QT_TEXT("a\n"), QT_WORDS},
    {"a tab", QT_ALL, QT_TEXT("\ta"), QT_WORDS},
    {"DEL", QT_ALL, QT_TEXT("a\x7f"), QT_WORDS},
    {"U+0085, a line's end", QT_ALL,
     QT_TEXT("a\xc2\x85"
             "b"),
     QT_WORDS},
    {"U+009F", QT_ALL, QT_TEXT("\xc2\x9f"), QT_WORDS},
    {"U+00A0, no control character", QT_ALL, QT_TEXT("\xc2\xa0"), 0},
    {"NUL", QT_ALL, QT_TEXT("\0"), QT_ALL},
    {"a NUL inside", QT_ALL, QT_TEXT("use\0me"), QT_ALL},
    {"a NUL at the end", QT_ALL, QT_TEXT("use\0"), QT_ALL},
    {"bytes that no UTF-8 has", QT_ALL, QT_TEXT("\xff\xfe"), QT_ALL},
    {"a character that is cut", QT_ALL, QT_TEXT("a\xe2\x82"), QT_ALL},
    {"an overlong slash", QT_ALL, QT_TEXT("\xc0\xaf"), QT_ALL},
    {"a surrogate", QT_ALL, QT_TEXT("\xed\xa0\x80"), QT_ALL},
    {"above U+10FFFF", QT_ALL, QT_TEXT("\xf4\x90\x80\x80"), QT_ALL},
};

enum { QUESTION_TEXTS = sizeof(question_texts) / sizeof(*question_texts) };

/* What each API answers to a text that may not be asked, and nothing else; one bad item of several
 * is answered in its place. Gateways have no error to answer with: they are denied. */
enum question_dialect {
    QUESTION_CHECK,
    QUESTION_BATCH,
    QUESTION_STREAM,
    QUESTION_STREAM_JSON,
    QUESTION_EXPLAIN,
    QUESTION_LIST,
    QUESTION_EVALUATION,
    QUESTION_EVALUATIONS,
    QUESTION_GATEWAY_KEY,
    QUESTION_GATEWAY_ROUTE,
    QUESTION_DIALECTS
};

static const struct {
    const char *name;
    const char *refusal;
} question_dialects[QUESTION_DIALECTS] = {
    [QUESTION_CHECK] = {"Check", "INVALID_ARGUMENT"},
    [QUESTION_BATCH] = {"CheckBatch", "INVALID_ARGUMENT"},
    [QUESTION_STREAM] = {"CheckStream", "3 in its place"}, /* the code of INVALID_ARGUMENT */
    [QUESTION_STREAM_JSON] = {"CheckStream as JSON", "3 in its place"},
    [QUESTION_EXPLAIN] = {"Explain", "INVALID_ARGUMENT"},
    [QUESTION_LIST] = {"ListResources", "INVALID_ARGUMENT"},
    [QUESTION_EVALUATION] = {"AuthZEN evaluation", "400"},
    [QUESTION_EVALUATIONS] = {"AuthZEN evaluations", "400 in its place"}, /* but 400 for what is no JSON */
    [QUESTION_GATEWAY_KEY] = {"ext_authz, a client's key", "KEY_MALFORMED"},
    [QUESTION_GATEWAY_ROUTE] = {"ext_authz, a route's configuration", "ROUTE_UNKNOWN"},
};

#endif
