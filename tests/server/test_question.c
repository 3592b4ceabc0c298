/* What a request's fields become, and which mistake is told in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/question.h"
#include "support/question_texts.h"
#include "wire/wire.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char key[] = "sp_secret";
static char type[] = "voice";
static char id[] = "v1";
static char action[] = "use";
static uint8_t digest[32] = {1, 2, 3};

static char *text_of(const char *text) {
    static char texts[8][1024];
    static size_t next;
    char *copy = texts[next++ % COUNT(texts)];
    snprintf(copy, sizeof(texts[0]), "%s", text);
    return copy;
}

static char *long_text(size_t size) {
    static char texts[8][1024];
    static size_t next;
    char *copy = texts[next++ % COUNT(texts)];
    memset(copy, 'x', size);
    copy[size] = '\0';
    return copy;
}

struct request {
    Sallyport__V1__CheckRequest check;
    Sallyport__V1__ResourceRef resource;
};

static void good_request(struct request *request) {
    request->check = (Sallyport__V1__CheckRequest)SALLYPORT__V1__CHECK_REQUEST__INIT;
    request->resource = (Sallyport__V1__ResourceRef)SALLYPORT__V1__RESOURCE_REF__INIT;
    request->resource.type = type;
    request->resource.id = id;
    request->check.resource = &request->resource;
    request->check.action = action;
    request->check.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request->check.api_key = key;
}

static void takes_every_field_of_a_request(void **state) {
    (void)state;
    struct request request;
    struct sp_question question;
    struct sp_error error = {0};
    good_request(&request);
    request.check.ip = text_of("2001:db8::7");
    request.check.workspace = text_of("w1");
    assert_int_equal(sp_question_from_check(&request.check, &question, &error), SP_OK);
    assert_int_equal(question.query.credential_kind, SP_CREDENTIAL_TEXT);
    assert_int_equal(question.query.credential.size, strlen(key));
    assert_memory_equal(question.query.credential.data, key, strlen(key));
    assert_ptr_equal(question.query.ip, &question.ip);
    char ip[SP_CIDR_TEXT_BYTES];
    sp_ip_format(question.query.ip, ip);
    assert_string_equal(ip, "2001:db8::7");
    assert_true(sp_str_equal(question.query.resource_type, sp_str_from(type)));
    assert_true(sp_str_equal(question.query.resource_id, sp_str_from(id)));
    assert_true(sp_str_equal(question.query.action, sp_str_from(action)));
    assert_true(sp_str_equal(question.query.workspace, SP_STR_LITERAL("w1")));
}

static void takes_a_digest_instead_of_a_text_and_no_address_for_none(void **state) {
    (void)state;
    struct request request;
    struct sp_question question;
    struct sp_error error = {0};
    good_request(&request);
    request.check.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256;
    request.check.api_key_sha256 = (ProtobufCBinaryData){sizeof(digest), digest};
    assert_int_equal(sp_question_from_check(&request.check, &question, &error), SP_OK);
    assert_int_equal(question.query.credential_kind, SP_CREDENTIAL_SHA256);
    assert_int_equal(question.query.credential.size, 32);
    assert_null(question.query.ip);
    assert_int_equal(question.query.workspace.size, 0);
}

/* One change to a good request; `most` sized fields are accepted, one more byte is not. */
struct mistake {
    const char *name;
    void (*make)(struct request *request);
    const char *message; /* how it begins; NULL: it is none */
};

static void no_credential(struct request *r) {
    r->check.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL__NOT_SET;
}
static void empty_key(struct request *r) {
    r->check.api_key = text_of("");
}
static void longest_key(struct request *r) {
    r->check.api_key = long_text(512);
}
static void long_key(struct request *r) {
    r->check.api_key = long_text(513);
}
static void digest_of(struct request *r, size_t size) {
    r->check.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY_SHA256;
    r->check.api_key_sha256 = (ProtobufCBinaryData){size, digest};
}
static void short_digest(struct request *r) {
    digest_of(r, 31);
}
static void empty_digest(struct request *r) {
    digest_of(r, 0);
}
static void prefix_as_ip(struct request *r) {
    r->check.ip = text_of("192.0.2.0/24");
}
static void short_ip(struct request *r) {
    r->check.ip = text_of("1.2.3");
}
static void zone_ip(struct request *r) {
    r->check.ip = text_of("fe80::1%eth0");
}
static void no_resource(struct request *r) {
    r->check.resource = NULL;
}
static void no_type(struct request *r) {
    r->resource.type = text_of("");
}
static void no_id(struct request *r) {
    r->resource.id = text_of("");
}
static void no_action(struct request *r) {
    r->check.action = text_of("");
}
static void longest_type(struct request *r) {
    r->resource.type = long_text(64);
}
static void long_type(struct request *r) {
    r->resource.type = long_text(65);
}
static void longest_id(struct request *r) {
    r->resource.id = long_text(256);
}
static void long_id(struct request *r) {
    r->resource.id = long_text(257);
}
static void long_action(struct request *r) {
    r->check.action = long_text(65);
}
static void long_workspace(struct request *r) {
    r->check.workspace = long_text(65);
}
static void newline_in_id(struct request *r) {
    r->resource.id = text_of("v1\nv2");
}
static void newline_in_workspace(struct request *r) {
    r->check.workspace = text_of("w\x7f");
}

static const struct mistake mistakes[] = {
    {"no credential", no_credential, "api_key or api_key_sha256 is required"},
    {"an empty key", empty_key, "api_key or api_key_sha256 is required"},
    {"a key of 512 bytes", longest_key, NULL},
    {"a key of 513 bytes", long_key, "api_key: is longer than 512 bytes"},
    {"a digest of 31 bytes", short_digest, "api_key_sha256: must be the 32 bytes"},
    {"an empty digest", empty_digest, "api_key_sha256: must be the 32 bytes"},
    {"a prefix as address", prefix_as_ip, "ip: "},
    {"an address of three parts", short_ip, "ip: "},
    {"an address with a zone", zone_ip, "ip: "},
    {"no resource", no_resource, "resource.type: is required"},
    {"no type", no_type, "resource.type: is required"},
    {"no id, as actions without a role need none", no_id, NULL},
    {"no action", no_action, "action: is required"},
    {"a type of 64 bytes", longest_type, NULL},
    {"a type of 65 bytes", long_type, "resource.type: is longer than 64 bytes"},
    {"an id of 256 bytes", longest_id, NULL},
    {"an id of 257 bytes", long_id, "resource.id: is longer than 256 bytes"},
    {"an action of 65 bytes", long_action, "action: is longer than 64 bytes"},
    {"a workspace of 65 bytes", long_workspace, "workspace: is longer than 64 bytes"},
    {"a newline in an id", newline_in_id, "resource.id: contains a control character"},
    {"a control character in a workspace", newline_in_workspace, "workspace: contains a control character"},
};

static void names_the_field_of_each_mistake(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct request request;
        struct sp_question question;
        struct sp_error error = {0};
        good_request(&request);
        mistakes[i].make(&request);
        enum sp_status status = sp_question_from_check(&request.check, &question, &error);
        if ((mistakes[i].message == NULL) != (status == SP_OK))
            fail_msg("%s: %s %s", mistakes[i].name, sp_status_name(status), error.message);
        if (mistakes[i].message == NULL)
            continue;
        assert_int_equal(status, SP_ERR_INVALID);
        if (strncmp(error.message, mistakes[i].message, strlen(mistakes[i].message)) != 0)
            fail_msg("%s: \"%s\" does not begin with \"%s\"", mistakes[i].name, error.message, mistakes[i].message);
        assert_null(strstr(error.message, key));
    }
}

static void an_item_takes_from_the_batch_what_it_leaves_empty(void **state) {
    (void)state;
    Sallyport__V1__CheckBatchRequest batch = SALLYPORT__V1__CHECK_BATCH_REQUEST__INIT;
    Sallyport__V1__CheckItem item = SALLYPORT__V1__CHECK_ITEM__INIT;
    Sallyport__V1__ResourceRef resource = SALLYPORT__V1__RESOURCE_REF__INIT;
    struct sp_question_common common;
    struct sp_question question;
    struct sp_error error = {0};
    char ip[SP_CIDR_TEXT_BYTES];
    resource.type = type;
    item.resource = &resource;
    item.action = action;
    batch.credential_case = SALLYPORT__V1__CHECK_BATCH_REQUEST__CREDENTIAL_API_KEY;
    batch.api_key = key;
    batch.ip = text_of("192.0.2.1");
    batch.workspace = text_of("w1");
    assert_int_equal(sp_question_common_from_batch(&batch, &common, &error), SP_OK);
    assert_int_equal(sp_question_from_item(&item, 0, &common, &question, &error), SP_OK);
    assert_int_equal(question.query.credential_kind, SP_CREDENTIAL_TEXT);
    assert_int_equal(question.query.credential.size, strlen(key));
    sp_ip_format(question.query.ip, ip);
    assert_string_equal(ip, "192.0.2.1");
    assert_true(sp_str_equal(question.query.workspace, SP_STR_LITERAL("w1")));

    item.credential_case = SALLYPORT__V1__CHECK_ITEM__CREDENTIAL_API_KEY_SHA256;
    item.api_key_sha256 = (ProtobufCBinaryData){sizeof(digest), digest};
    item.ip = text_of("192.0.2.2");
    item.workspace = text_of("w2");
    assert_int_equal(sp_question_from_item(&item, 1, &common, &question, &error), SP_OK);
    assert_int_equal(question.query.credential_kind, SP_CREDENTIAL_SHA256);
    sp_ip_format(question.query.ip, ip);
    assert_string_equal(ip, "192.0.2.2");
    assert_true(sp_str_equal(question.query.workspace, SP_STR_LITERAL("w2")));
}

static void a_mistake_in_an_item_names_the_item(void **state) {
    (void)state;
    Sallyport__V1__CheckItem item = SALLYPORT__V1__CHECK_ITEM__INIT;
    struct sp_question_common common = {0};
    struct sp_question question;
    struct sp_error error = {0};
    item.ip = text_of("::ffff:1.2.3.256");
    assert_int_equal(sp_question_from_item(&item, 17, &common, &question, &error), SP_ERR_INVALID);
    assert_int_equal(strncmp(error.message, "items[17].ip: ", 14), 0);
    item.ip = text_of("");
    assert_int_equal(sp_question_from_item(&item, 17, &common, &question, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "items[17]: api_key or api_key_sha256 is required");
}

/* ---- texts, as they come over the wire ---- */

/* Appends a field of a protobuf message, whatever its text holds. */
static void put_text(struct sp_str text, unsigned number, uint8_t *bytes, size_t *size) {
    bytes[(*size)++] = (uint8_t)(number << 3 | 2);
    if (text.size >= 128)
        bytes[(*size)++] = (uint8_t)(text.size & 127) | 128;
    bytes[(*size)++] = (uint8_t)(text.size >= 128 ? text.size >> 7 : text.size);
    memcpy(bytes + *size, text.data, text.size);
    *size += text.size;
}

/* A CheckRequest whose `field` is the text, and which is right in all else, as the server reads
 * it. */
static enum sp_status read_from_wire(unsigned field, struct sp_str text, struct sp_arena *arena,
                                     struct sp_error *error) {
    uint8_t resource[1024], bytes[2048];
    size_t resource_size = 0, size = 0;
    ProtobufCMessage *message;
    struct sp_question question;
    struct sp_str texts[QUESTION_TEXT_FIELDS] = {[QUESTION_TEXT_KEY] = SP_STR_LITERAL("sp_secret"),
                                                 [QUESTION_TEXT_TYPE] = SP_STR_LITERAL("voice"),
                                                 [QUESTION_TEXT_ACTION] = SP_STR_LITERAL("use"),
                                                 [QUESTION_TEXT_ID] = SP_STR_LITERAL("v1"),
                                                 [QUESTION_TEXT_WORKSPACE] = SP_STR_LITERAL("acme")};
    texts[field] = text;
    put_text(texts[QUESTION_TEXT_TYPE], 1, resource, &resource_size);
    put_text(texts[QUESTION_TEXT_ID], 2, resource, &resource_size);
    put_text(texts[QUESTION_TEXT_KEY], 1, bytes, &size);
    put_text((struct sp_str){(const char *)resource, resource_size}, 4, bytes, &size);
    put_text(texts[QUESTION_TEXT_ACTION], 5, bytes, &size);
    put_text(texts[QUESTION_TEXT_WORKSPACE], 6, bytes, &size);
    enum sp_status status = sp_wire_unpack(&sallyport__v1__check_request__descriptor, (struct sp_bytes){bytes, size},
                                           arena, &message, error);
    if (status != SP_OK)
        return status;
    return sp_question_from_check((const Sallyport__V1__CheckRequest *)message, &question, error);
}

static void takes_and_refuses_the_same_texts_as_every_other_api(void **state) {
    (void)state;
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    for (size_t i = 0; i < QUESTION_TEXTS; i++) {
        const struct question_text *row = &question_texts[i];
        for (unsigned field = 0; field < QUESTION_TEXT_FIELDS; field++) {
            struct sp_error error = {0};
            if ((row->fields & 1U << field) == 0)
                continue;
            enum sp_status status = read_from_wire(field, (struct sp_str){row->text, row->size}, &arena, &error);
            if (status != ((row->refused & 1U << field) != 0 ? SP_ERR_INVALID : SP_OK))
                fail_msg("field %u, %s: %s %s", field, row->name, sp_status_name(status), error.message);
            sp_arena_reset(&arena);
        }
    }
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_field_of_a_request),
        cmocka_unit_test(takes_a_digest_instead_of_a_text_and_no_address_for_none),
        cmocka_unit_test(names_the_field_of_each_mistake),
        cmocka_unit_test(an_item_takes_from_the_batch_what_it_leaves_empty),
        cmocka_unit_test(a_mistake_in_an_item_names_the_item),
        cmocka_unit_test(takes_and_refuses_the_same_texts_as_every_other_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
