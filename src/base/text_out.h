/* Writing text piece by piece into memory of a fixed size: plain, and as JSON.
 *
 * What does not fit is left out completely, and `full` is set. In lines and JSON texts, what looks
 * like a key is masked (base/mask.h). Thread-safe: no state but the
 * caller's. */
#ifndef SP_BASE_TEXT_OUT_H
#define SP_BASE_TEXT_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_text_out {
    char *text; /* not terminated */
    size_t used;
    size_t room;
    bool full; /* something was left out */
};

static inline void sp_text_out_init(struct sp_text_out *out, char *memory, size_t room) {
    *out = (struct sp_text_out){memory, 0, room, false};
}

void sp_text_put(struct sp_text_out *out, struct sp_str text);
void sp_text_printf(struct sp_text_out *out, const char *format, ...) SP_PRINTF(2, 3);

/* As much of the text as fits, at a character's boundary, and as one line whatever it holds:
 * control characters are escaped as in JSON, bytes that are not UTF-8 become '?'. */
void sp_text_put_line(struct sp_text_out *out, struct sp_str text);

/* ---- one JSON object: open, members, close ---- */

/* Keeps a byte of room for the closing brace from here on. */
void sp_json_open(struct sp_text_out *out);
/* A member is written completely or left out. Names come from the program and need no escaping. In
 * text that is not UTF-8, each byte above 0x7f becomes '?'; control characters are escaped. */
void sp_json_text(struct sp_text_out *out, const char *name, struct sp_str value);
/* As sp_json_text, of the longest beginning that fits, at a character's boundary. */
void sp_json_text_cut(struct sp_text_out *out, const char *name, struct sp_str value);
void sp_json_number(struct sp_text_out *out, const char *name, uint64_t value);
void sp_json_bool(struct sp_text_out *out, const char *name, bool value);
/* {"time":"2026-01-31T12:00:00.123456Z"}: RFC 3339 in UTC. */
void sp_json_time(struct sp_text_out *out, const char *name, int64_t seconds, uint32_t nanoseconds);
void sp_json_close(struct sp_text_out *out);

/* A member that is an object; close it with sp_json_close. If `full` is set afterwards, what was
 * written is no JSON. */
void sp_json_open_member(struct sp_text_out *out, const char *name);

#endif
