/* Texts that a change gives to something, and that lists, exports and the audit trail show from
 * then on. What has such a text already keeps it, so that a store of an earlier release can be
 * tidied up. Thread-safe: no state. */
#ifndef SP_ADMIN_NEW_TEXT_H
#define SP_ADMIN_NEW_TEXT_H

#include "base/bytes.h"
#include "base/status.h"

/* INVALID_ARGUMENT if the text looks like an API key (core/key_like.h). */
enum sp_status sp_admin_refuse_key_text(struct sp_str text, const char *field, struct sp_error *error) SP_MUST_USE;

/* A display name or reason (sp_text_check_name) that is no key, unless it is what was there
 * `before`; NULL: nothing was. */
enum sp_status sp_admin_check_new_name(const char *name, const char *before, const char *field,
                                       struct sp_error *error) SP_MUST_USE;

/* In a message that begins with "id: ", the field is called otherwise in the request at hand. */
void sp_admin_rename_field(struct sp_error *error, const char *from, const char *to);

#endif
