/* Messages of Envoy's external authorization, from and to short texts. */
#ifndef TEST_SUPPORT_ENVOY_H
#define TEST_SUPPORT_ENVOY_H

#include <stdbool.h>

#include "base/arena.h"
#include "envoy/service/auth/v3/external_auth.pb-c.h"

/* A request as a proxy describes it. Headers are lines "name: value", context extensions lines
 * "key=value"; NULL: absent. */
struct envoy_parts {
    const char *peer, *method, *path, *host, *headers, *raw_headers, *extensions;
};

/* Packs them into the arena. False if out of memory, or if a line cannot be read. */
bool envoy_pack(const struct envoy_parts *parts, struct sp_arena *arena, struct sp_bytes *ret_bytes);

enum { ENVOY_REPLY_TEXT_BYTES = 2048 };

/* Describes a reply: "OK\nname: value\n…-removed\n…" or "401\nname: value\n…body\n", then the
 * metadata as "key=value\n". False if it is not a reply, sets a header other than by overwriting,
 * or both allows and denies. */
bool envoy_describe(struct sp_bytes reply, struct sp_arena *arena, char ret_text[static ENVOY_REPLY_TEXT_BYTES]);

#endif
