/* Another name for each principal, of [A-Za-z0-9_-] alone, for APIs, paths and headers that cannot
 * carry its id: ids of identity providers and clouds hold '|', '/', ':' and '@'. Worked out from
 * the id, so that it is stable and nothing stores it. Pure.
 *
 *   narrator                    narrator
 *   auth0|5f7c8ec7c33c6c004bb   p64_YXV0aDB8NWY3YzhlYzdjMzNjNmMwMDRiYg
 *
 * An id of 1 to 64 of these characters is its own alias. Any other has "p64_" and its base64url. No
 * new principal gets an id that begins with "p64_". */
#ifndef SP_CORE_PRINCIPAL_ALIAS_H
#define SP_CORE_PRINCIPAL_ALIAS_H

#include "base/base64url.h"
#include "base/text.h"

#define SP_PRINCIPAL_ALIAS_PREFIX "p64_"

enum {
    SP_PRINCIPAL_ALIAS_BYTES = sizeof(SP_PRINCIPAL_ALIAS_PREFIX) - 1 + SP_BASE64URL_CHARS(SP_PRINCIPAL_ID_MAX_BYTES)
};

/* Whether the id is its own alias. */
bool sp_principal_id_is_plain(struct sp_str id);

/* The alias of an id of at most 256 bytes, NUL-terminated. */
void sp_principal_alias_write(struct sp_str id, char ret_alias[static SP_PRINCIPAL_ALIAS_BYTES]);

/* The id that an alias stands for. False for an id that is not an alias; *ret_size is then
 * untouched. */
bool sp_principal_alias_read(struct sp_str alias, char ret_id[static SP_PRINCIPAL_ID_MAX_BYTES],
                             size_t *ret_size) SP_MUST_USE;

#endif
