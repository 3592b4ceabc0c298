/* What the validator accepts, protobuf-c must unpack within the budget or say so, and packing must
 * change nothing. The first byte chooses the message. */
#include <stdlib.h>

#include "sallyport/v1/admin.pb-c.h"
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
    ProtobufCMessage *unpacked = NULL;
    if (sp_wire_pack(message, arena, &packed) != SP_OK)
        return;
    enum sp_status status = sp_wire_unpack(message->descriptor, packed, arena, &unpacked, NULL);
    require(status == SP_OK || status == SP_ERR_EXHAUSTED);
    if (status != SP_OK || sp_wire_pack(unpacked, arena, &again) != SP_OK)
        return;
    require(packed.size == again.size && memcmp(packed.data, again.data, packed.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor = descriptors[data[0] % (sizeof(descriptors) / sizeof(*descriptors))];
    struct sp_bytes bytes = {data + 1, size - 1};
    struct sp_arena arena;
    struct sp_error error;
    ProtobufCMessage *message = NULL;
    require(sp_arena_init(&arena, 4096, 1 << 20) == SP_OK);
    enum sp_status validated = sp_wire_validate(descriptor, bytes, &error);
    enum sp_status unpacked = sp_wire_unpack(descriptor, bytes, &arena, &message, &error);
    require(validated == SP_OK || validated == SP_ERR_INVALID);
    require(unpacked == validated || (validated == SP_OK && unpacked == SP_ERR_EXHAUSTED));
    if (unpacked == SP_OK)
        round_trip(message, &arena);
    sp_arena_fini(&arena);
    return 0;
}
