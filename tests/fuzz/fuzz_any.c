/* Messages with an Any in them, as JSON and as bytes in which nobody has looked at what the Any
 * holds: what can be written can be read again and is the same, unless it is nested too deep. */
#include <stdlib.h>
#include <string.h>

#include "connectrpc/conformance/v1/conformance.pb-c.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

#define ERROR &connectrpc__conformance__v1__error__descriptor

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const known[] = {
    &connectrpc__conformance__v1__header__descriptor, ERROR,
    &connectrpc__conformance__v1__conformance_payload__request_info__descriptor};
static const struct sp_any_types types = {known, sizeof(known) / sizeof(*known)};

static void require(bool condition) {
    if (!condition)
        abort();
}

/* NULL: it cannot be read. */
static ProtobufCMessage *read_input(const uint8_t *data, size_t size, struct sp_arena *arena) {
    ProtobufCMessage *message = NULL;
    struct sp_error error = {0};
    json_t *json = NULL;
    if ((data[0] & 1) != 0)
        return sp_wire_unpack(ERROR, (struct sp_bytes){data + 1, size - 1}, arena, &message, &error) == SP_OK ? message
                                                                                                              : NULL;
    if (sp_json_parse_request((struct sp_str){(const char *)data + 1, size - 1}, &json, &error) != SP_OK)
        return NULL;
    enum sp_status status = sp_json_to_message_with(ERROR, &types, json, arena, &message, &error);
    json_decref(json);
    return status == SP_OK ? message : NULL;
}

static void write_and_read(const ProtobufCMessage *message, bool was_json, struct sp_arena *arena) {
    ProtobufCMessage *again = NULL;
    struct sp_error error = {0};
    json_t *json = sp_json_from_message_with(message, &types, false);
    require(json != NULL || !was_json);
    if (json == NULL)
        return;
    enum sp_status status = sp_json_to_message_with(ERROR, &types, json, arena, &again, &error);
    if (status == SP_OK) {
        json_t *written = sp_json_from_message_with(again, &types, false);
        require(json_equal(written, json));
        json_decref(written);
    } else {
        require(status == SP_ERR_EXHAUSTED || strstr(error.message, "more than 16 levels") != NULL);
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    if (size == 0)
        return 0;
    require(sp_arena_init(&arena, 4096, 1 << 20) == SP_OK);
    const ProtobufCMessage *message = read_input(data, size, &arena);
    if (message != NULL)
        write_and_read(message, (data[0] & 1) == 0, &arena);
    sp_arena_fini(&arena);
    return 0;
}
