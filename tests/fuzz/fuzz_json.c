/* Text that is read into a message must be written as JSON that is read into the same message. The
 * first byte chooses the message. */
#include <stdlib.h>

#include "sallyport/v1/admin.pb-c.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/json_peek.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const descriptors[] = {
    &sallyport__v1__check_request__descriptor,
    &sallyport__v1__check_batch_request__descriptor,
    &sallyport__v1__create_api_key_request__descriptor,
    &sallyport__v1__update_shares_request__descriptor,
    &sallyport__v1__list_shares_request__descriptor,
    &sallyport__v1__import_request__descriptor,
    &sallyport__v1__change__descriptor,
    &sallyport__v1__workspace__descriptor,
    &sallyport__v1__apply_policy_request__descriptor,
};

static void require(int condition) {
    if (!condition)
        abort();
}

static void round_trip(const ProtobufCMessage *message, struct sp_arena *arena) {
    struct sp_bytes packed = {0}, again = {0};
    ProtobufCMessage *reread = NULL;
    json_t *written = sp_json_from_message(message, false);
    require(written != NULL);
    if (sp_json_to_message(message->descriptor, written, arena, &reread, NULL) == SP_OK &&
        sp_wire_pack(message, arena, &packed) == SP_OK && sp_wire_pack(reread, arena, &again) == SP_OK)
        require(packed.size == again.size && memcmp(packed.data, again.data, packed.size) == 0);
    json_decref(written);
}

/* What was told of a text that is read must be what is read. */
static void peek(struct sp_str text, struct sp_arena *arena) {
    enum { CORRELATION_ID = 1 };
    static const ProtobufCMessageDescriptor *const of = &sallyport__v1__check_stream_request__descriptor;
    uint64_t number = 0;
    struct sp_error error;
    json_t *json = NULL;
    ProtobufCMessage *message = NULL;
    bool told = sp_json_peek_number(of, text, CORRELATION_ID, arena, &number);
    if (sp_json_parse_request(text, &json, &error) == SP_OK &&
        sp_json_to_message(of, json, arena, &message, &error) == SP_OK)
        require(told && number == ((const Sallyport__V1__CheckStreamRequest *)(const void *)message)->correlation_id);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor = descriptors[data[0] % (sizeof(descriptors) / sizeof(*descriptors))];
    struct sp_str text = {(const char *)data + 1, size - 1};
    struct sp_arena arena;
    struct sp_error error;
    json_t *json = NULL;
    ProtobufCMessage *message = NULL;
    require(sp_arena_init(&arena, 4096, 1 << 20) == SP_OK);
    peek(text, &arena);
    sp_arena_reset(&arena);
    if (sp_json_parse(text, &json, &error) == SP_OK &&
        sp_json_to_message(descriptor, json, &arena, &message, &error) == SP_OK)
        round_trip(message, &arena);
    json_decref(json);
    sp_arena_fini(&arena);
    return 0;
}
