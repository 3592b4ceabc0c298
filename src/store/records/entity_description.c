#include "store/records/entity_description.h"

#include <stdio.h>

static const char *const nouns[] = {
    [SP_KIND_SCHEMA] = "schema",       [SP_KIND_OPERATOR] = "operator", [SP_KIND_WORKSPACE] = "workspace",
    [SP_KIND_PRINCIPAL] = "principal", [SP_KIND_GROUP] = "group",       [SP_KIND_MEMBERSHIP] = "membership",
    [SP_KIND_RESOURCE] = "resource",   [SP_KIND_GRANT] = "grant",       [SP_KIND_KEY] = "api key",
    [SP_KIND_TOMBSTONE] = "tombstone",
};

void sp_entity_describe(struct sp_bytes entity_key, char ret_text[static SP_DESCRIPTION_BYTES]) {
    unsigned kind = entity_key.size > 0 ? entity_key.data[0] : 0;
    if (kind >= sizeof(nouns) / sizeof(*nouns) || nouns[kind] == NULL) {
        (void)snprintf(ret_text, SP_DESCRIPTION_BYTES, "an entity with a damaged key");
        return;
    }
    int written = snprintf(ret_text, SP_DESCRIPTION_BYTES, "%s ", nouns[kind]);
    size_t at = written > 0 ? (size_t)written : 0;
    for (size_t i = 1; i < entity_key.size && at + 1 < SP_DESCRIPTION_BYTES; i++) {
        uint8_t byte = entity_key.data[i];
        if (byte == 0 && i + 1 == entity_key.size)
            break;
        ret_text[at] = byte == 0 ? '/' : '?';
        if (byte >= 0x20 && byte != 0x7f)
            memcpy(ret_text + at, &byte, 1);
        at++;
    }
    ret_text[at] = '\0';
}
