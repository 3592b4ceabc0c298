/* What text from outside must be before anything else reads it. Thread-safe: no state. */
#ifndef SP_BASE_TEXT_H
#define SP_BASE_TEXT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_ID_MAX_BYTES = 64,            /* ids of workspaces, groups, keys, operators; types, actions, permissions */
    SP_PRINCIPAL_ID_MAX_BYTES = 256, /* ids of principals, which identity providers and clouds give out */
    SP_RESOURCE_ID_MAX_BYTES = 256,  /* ids of resources */
    SP_NAME_MAX_BYTES = 128,         /* names and reasons */
};

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
bool sp_text_is_utf8(struct sp_str text);

/* UTF-8 without NUL and other control characters (U+0000-U+001F, U+007F-U+009F). */
bool sp_text_is_printable(struct sp_str text);

/* The value of a hexadecimal digit of either case; 16 for anything else. */
unsigned sp_text_hex_value(char c);

/* tchar of RFC 9110 section 5.6.2, of which tokens are made. */
bool sp_text_is_token_char(char c);

/* Whitespace of RFC 8259 section 2. */
bool sp_text_is_json_blank(char c);

/* The text after a byte order mark of UTF-8, which some editors and exports put before it. */
struct sp_str sp_text_skip_bom(struct sp_str text);

/* Whether the text begins with a byte order mark of UTF-16, or with two ASCII characters of it. */
bool sp_text_is_utf16(struct sp_str text);

/* 1 to 64 bytes of [A-Za-z0-9][A-Za-z0-9_.@:+-]*. SP_ERR_INVALID with a message that begins with
 * `field`. */
enum sp_status sp_text_check_id(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* 1 to 256 bytes of [A-Za-z0-9][A-Za-z0-9_.@:+|/-]*. */
enum sp_status sp_text_check_principal_id(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* 1 to 64 bytes of [a-z][a-z0-9_]*: permissions, types, actions. */
enum sp_status sp_text_check_word(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* 1 to 128 bytes, printable. */
enum sp_status sp_text_check_name(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* 1 to 256 bytes, printable. */
enum sp_status sp_text_check_resource_id(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* Reads the decimal number behind `before`, with which a message of ours begins ("line 7: …"):
 * returns what follows it, or NULL if there is no such thing, or `text` is NULL. */
const char *sp_text_read_number(const char *text, const char *before, unsigned long *ret_number);

#endif
