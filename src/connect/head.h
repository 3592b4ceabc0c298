/* What the headers of a Connect request say: how its messages are written and compressed, and how
 * long the caller waits. Pure but for the exchange that it reads. Any thread that may read the
 * exchange. */
#ifndef SP_CONNECT_HEAD_H
#define SP_CONNECT_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "http/exchange.h"

enum sp_connect_codec { SP_CONNECT_JSON, SP_CONNECT_PROTO };

enum {
    SP_CONNECT_MAX_TIMEOUT_DIGITS = 10,
    SP_CONNECT_UNPROVEN_BYTES = 16384, /* of a body that is read before its caller is known */
};

struct sp_connect_head {
    enum sp_connect_codec codec;
    bool is_gzip;       /* the body, or those messages of a stream that say so */
    bool accepts_gzip;  /* of the reply */
    int64_t timeout_ms; /* INT64_MAX: none was given */
};

/* The codec of a media type: "application/json" and "application/proto", and for streams
 * "application/connect+json" and "application/connect+proto", in any case. False for every other,
 * and for a charset other than UTF-8. */
bool sp_connect_find_codec(struct sp_str media_type, bool is_stream, enum sp_connect_codec *ret_codec);

/* The media type of messages. A constant. */
const char *sp_connect_media_type(enum sp_connect_codec codec, bool is_stream);

/* Whether a list of encodings, as in Accept-Encoding, names gzip and does not rule it out with
 * q=0. */
bool sp_connect_accepts_gzip(struct sp_str list);

/* Reads the headers of a request whose codec is known. SP_ERR_INVALID: another version of the
 * protocol, a timeout that is not 1 to 10 digits, or a header given twice; SP_ERR_UNIMPLEMENTED: an
 * encoding other than gzip and identity. */
enum sp_status sp_connect_read_head(const struct sp_http_exchange *exchange, bool is_stream,
                                    struct sp_connect_head *head, struct sp_error *error) SP_MUST_USE;

#endif
