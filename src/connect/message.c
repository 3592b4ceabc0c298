#include "connect/message.h"

#include <string.h>

#include "connect/gzip.h"
#include "wire/json_peek.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

enum { TEXT_FIRST_BYTES = 1024 };

/* ---- reading ---- */

static enum sp_status read_json_message(const struct sp_connect_form *form, struct sp_bytes text,
                                        struct sp_arena *arena, struct sp_bytes *ret_message, struct sp_error *error) {
    json_t *json = NULL;
    ProtobufCMessage *message = NULL;
    struct sp_error why = {0};
    enum sp_status status = sp_json_parse_request((struct sp_str){(const char *)text.data, text.size}, &json, &why);
    if (status != SP_OK)
        return sp_error_set(error, status, "the body is not a JSON object: %s", why.message);
    status = sp_json_to_message_with(form->descriptor, form->any_types, json, arena, &message, error);
    json_decref(json);
    if (status != SP_OK)
        return status;
    status = sp_wire_pack(message, arena, ret_message);
    if (status != SP_OK)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the message exceeds the memory limit of one call");
    return SP_OK;
}

static enum sp_status check_message_size(size_t size, size_t most, struct sp_error *error) {
    if (size <= most)
        return SP_OK;
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the message has %zu bytes, more than this method accepts (%zu)", size,
                        most);
}

/* What was sent, decompressed. */
static enum sp_status open_message_text(enum sp_connect_codec codec, bool is_gzip, struct sp_bytes body, size_t most,
                                        struct sp_arena *arena, struct sp_bytes *ret_text, struct sp_error *error) {
    struct sp_bytes text = body;
    size_t most_text = codec == SP_CONNECT_JSON ? most * SP_CONNECT_JSON_TIMES : most;
    enum sp_status status = SP_OK;
    if (is_gzip && body.size > 0)
        status = sp_connect_gunzip(body, most_text, arena, &text, error);
    if (status != SP_OK)
        return status;
    status = check_message_size(text.size, most_text, error);
    if (status != SP_OK)
        return status;
    *ret_text = text;
    return SP_OK;
}

enum sp_status sp_connect_read_message(const struct sp_connect_form *form, bool is_gzip, struct sp_bytes body,
                                       size_t most, struct sp_arena *arena, struct sp_bytes *ret_message,
                                       struct sp_error *error) {
    struct sp_bytes text;
    enum sp_status status = open_message_text(form->codec, is_gzip, body, most, arena, &text, error);
    if (status != SP_OK)
        return status;
    if (form->codec == SP_CONNECT_PROTO) {
        *ret_message = text;
        return SP_OK;
    }
    status = read_json_message(form, text, arena, ret_message, error);
    if (status != SP_OK)
        return status;
    return check_message_size(ret_message->size, most, error);
}

bool sp_connect_peek_number(const struct sp_connect_form *form, bool is_gzip, struct sp_bytes body, size_t most,
                            uint32_t field, struct sp_arena *arena, uint64_t *ret_value) {
    struct sp_bytes text;
    struct sp_error ignored = {0};
    if (form->codec != SP_CONNECT_JSON ||
        open_message_text(form->codec, is_gzip, body, most, arena, &text, &ignored) != SP_OK)
        return false;
    return sp_json_peek_number(form->descriptor, (struct sp_str){(const char *)text.data, text.size}, field, arena,
                               ret_value);
}

/* ---- writing ---- */

struct json_text {
    struct sp_arena *arena;
    char *text;
    size_t used, room;
};

static int append_json(const char *bytes, size_t size, void *user) {
    struct json_text *out = user;
    if (size > out->room - out->used) {
        size_t room = out->room < TEXT_FIRST_BYTES ? TEXT_FIRST_BYTES : out->room * 2;
        while (room - out->used < size)
            room *= 2;
        char *text = sp_arena_alloc(out->arena, room);
        if (text == NULL)
            return -1;
        if (out->used > 0)
            memcpy(text, out->text, out->used);
        out->text = text;
        out->room = room;
    }
    memcpy(out->text + out->used, bytes, size);
    out->used += size;
    return 0;
}

enum sp_status sp_connect_write_json(const json_t *json, struct sp_arena *arena, struct sp_bytes *ret_text) {
    struct json_text out = {.arena = arena};
    if (json == NULL || json_dump_callback(json, append_json, &out, JSON_COMPACT) != 0)
        return SP_ERR_EXHAUSTED;
    *ret_text = (struct sp_bytes){(const uint8_t *)out.text, out.used};
    return SP_OK;
}

enum sp_status sp_connect_write_message(const struct sp_connect_form *form, struct sp_bytes message,
                                        struct sp_arena *arena, struct sp_bytes *ret_text, struct sp_error *error) {
    ProtobufCMessage *unpacked = NULL;
    if (form->codec == SP_CONNECT_PROTO) {
        *ret_text = message;
        return SP_OK;
    }
    enum sp_status status = sp_wire_unpack_trusted(form->descriptor, message, arena, &unpacked);
    if (status == SP_OK) {
        json_t *json = sp_json_from_message_with(unpacked, form->any_types, false);
        status = sp_connect_write_json(json, arena, ret_text);
        json_decref(json);
    }
    if (status == SP_ERR_CORRUPT)
        return sp_error_set(error, SP_ERR_INTERNAL, "the reply is not a message of this method");
    if (status != SP_OK)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the reply needs more memory than one call may use");
    return SP_OK;
}
