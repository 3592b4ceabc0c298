/* Messages of Envoy's external authorization, made of and described in short texts. */
#ifndef TEST_SUPPORT_ENVOY_H
#define TEST_SUPPORT_ENVOY_H

#include <stdbool.h>

#include "base/arena.h"
#include "envoy/service/auth/v3/external_auth.pb-c.h"

/* A request as a proxy tells of it. Headers are lines "name: value", context extensions lines "key=value"; NULL: not there. */
struct envoy_parts {
    const char *peer, *method, *path, *headers, *raw_headers, *extensions;
};

/* Packs them into the arena. False when out of memory, or where a line cannot be read. */
bool envoy_pack(const struct envoy_parts *parts, struct sp_arena *arena, struct sp_bytes *ret_bytes);

enum { ENVOY_REPLY_TEXT_BYTES = 2048 };

/* Writes a reply down: "OK\nname: value\n…-removed\n…" or "401\nname: value\n…body\n", then the metadata as "key=value\n". False for what
 * is no reply, sets a header otherwise than by overwriting, or says yes and no at once. */
bool envoy_describe(struct sp_bytes reply, struct sp_arena *arena, char ret_text[static ENVOY_REPLY_TEXT_BYTES]);

#endif
