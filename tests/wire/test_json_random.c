/* Random messages of every type that a service takes or gives survive JSON: written and read, they
 * are the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sallyport/v1/admin.pb-c.h"
#include "sallyport/v1/usage.pb-c.h"
#include "wire/field.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

enum { ROUNDS = 40, MAX_DEPTH = 4, MAX_ITEMS = 4, MAX_LETTERS = 12 };

static unsigned seed;
static struct sp_arena arena;

static unsigned below(unsigned limit) {
    return (unsigned)rand_r(&seed) % limit;
}

static uint64_t random_bits(void) {
    uint64_t bits = 0;
    for (int i = 0; i < 5; i++)
        bits = bits << 15 ^ (uint64_t)rand_r(&seed);
    return bits >> below(64);
}

static char *random_text(void) {
    static const char *const letters[] = {"a", "Z", "_", "\"", "\\", "/", "\x01", "\x7f", "é", "€", "𝄞", "\n"};
    char *text = sp_arena_calloc(&arena, 1, 4 * MAX_LETTERS + 1);
    assert_non_null(text);
    for (unsigned i = below(MAX_LETTERS); i > 0; i--)
        strcat(text, letters[below(sizeof(letters) / sizeof(*letters))]);
    return text;
}

static ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *descriptor, unsigned depth);

static double random_real(void) {
    static const double special[] = {0, -1.5, INFINITY, 1e300, 5e-324};
    return special[below(sizeof(special) / sizeof(*special))];
}

static void fill_value(const ProtobufCFieldDescriptor *field, void *at, unsigned depth) {
    const ProtobufCEnumDescriptor *choices = field->descriptor;
    uint64_t bits = random_bits();
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = random_text();
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){.data = (uint8_t *)random_text()};
        ((ProtobufCBinaryData *)at)->len = strlen((const char *)((ProtobufCBinaryData *)at)->data);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = random_message(field->descriptor, depth + 1);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = choices->values[below(choices->n_values)].value;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = bits & 1;
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        *(float *)at = (float)below(1000) / 8;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)at = random_real();
        break;
    default:
        memcpy(at, &bits, sp_wire_value_bytes(field->type));
    }
}

static void fill_field(const ProtobufCFieldDescriptor *field, char *base, unsigned depth) {
    void *at = base + field->offset, *quantifier = base + field->quantifier_offset;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && depth >= MAX_DEPTH)
        return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = below(MAX_ITEMS), size = sp_wire_value_bytes(field->type);
        char *values = sp_arena_calloc(&arena, count + 1, size);
        assert_non_null(values);
        for (size_t i = 0; i < count; i++)
            fill_value(field, values + i * size, depth);
        *(char **)at = values;
        *(size_t *)quantifier = count;
        return;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*(uint32_t *)quantifier != 0)
            return;
        *(uint32_t *)quantifier = field->id;
    }
    fill_value(field, at, depth);
}

static ProtobufCMessage *random_message(const ProtobufCMessageDescriptor *descriptor, unsigned depth) {
    ProtobufCMessage *message = sp_arena_alloc(&arena, descriptor->sizeof_message);
    assert_non_null(message);
    protobuf_c_message_init(descriptor, message);
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (below(3) > 0)
            fill_field(&descriptor->fields[i], (char *)message, depth);
    return message;
}

/* Written with or without defaults, as an object or as text. */
static void assert_survives(const ProtobufCMessage *message, bool with_defaults, bool as_text) {
    struct sp_error error = {0};
    struct sp_bytes before, after;
    ProtobufCMessage *again = NULL;
    json_t *json = sp_json_from_message(message, with_defaults);
    assert_non_null(json);
    if (as_text) {
        char *text = json_dumps(json, 0);
        assert_non_null(text);
        json_decref(json);
        assert_int_equal(sp_json_parse(sp_str_from(text), &json, &error), SP_OK);
        free(text);
    }
    if (sp_json_to_message(message->descriptor, json, &arena, &again, &error) != SP_OK)
        fail_msg("%s: %s", message->descriptor->name, error.message);
    json_decref(json);
    assert_int_equal(sp_wire_pack(message, &arena, &before), SP_OK);
    assert_int_equal(sp_wire_pack(again, &arena, &after), SP_OK);
    if (!sp_bytes_equal(before, after))
        fail_msg("%s is another message after it was JSON", message->descriptor->name);
}

static void survive_services(const ProtobufCServiceDescriptor *service) {
    for (unsigned i = 0; i < service->n_methods; i++) {
        const ProtobufCMessageDescriptor *const both[] = {service->methods[i].input, service->methods[i].output};
        for (unsigned round = 0; round < ROUNDS; round++) {
            for (size_t j = 0; j < 2; j++)
                assert_survives(random_message(both[j], 0), below(2) == 0, below(2) == 0);
            sp_arena_reset(&arena);
        }
    }
}

static void every_message_of_every_service_survives_json(void **state) {
    const char *given = getenv("SP_TEST_SEED");
    (void)state;
    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    assert_int_equal(sp_arena_init(&arena, 1 << 16, 1 << 26), SP_OK);
    survive_services(&sallyport__v1__admin__descriptor);
    survive_services(&sallyport__v1__authorization__descriptor);
    survive_services(&sallyport__v1__usage__descriptor);
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_message_of_every_service_survives_json)};
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
