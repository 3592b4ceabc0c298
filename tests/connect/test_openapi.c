/* The OpenAPI description that a server gives of itself. tests/interop/connect has it judged by
 * foreign validators. */
#include "rig.h"

static void do_nothing(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_reply(call, (struct sp_bytes){NULL, 0});
}

static const struct sp_rpc_stream_ops no_ops;

static json_t *document;

static int set_up(void **state) {
    static struct rig rig;
    struct http_reply reply;
    const struct sp_rpc_method methods[] = {
        {.path = CHECK, .unary = do_nothing},
        {.path = "/sallyport.v1.Authorization/CheckBatch", .unary = do_nothing},
        {.path = "/sallyport.v1.Authorization/Explain", .unary = do_nothing},
        {.path = "/sallyport.v1.Authorization/ListResources", .kind = SP_RPC_STREAM, .stream = &no_ops},
    };
    rig_start(&rig, methods, COUNT(methods), NULL, NULL, NULL);
    http_get(rig.port, "/openapi.json", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
    document = json_loads(reply.body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    http_reply_fini(&reply);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    json_decref(document);
    rig_stop(*state);
    return 0;
}

static json_t *at(json_t *json, const char *path) {
    char copy[256];
    char *rest = copy;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *name; json != NULL && (name = strsep(&rest, "|")) != NULL;)
        json = json_object_get(json, name);
    return json;
}

#define SCHEMA "components|schemas|sallyport.v1."

static void has_every_unary_method_and_no_stream(void **state) {
    (void)state;
    assert_string_equal(json_string_value(at(document, "openapi")), "3.1.0");
    assert_int_equal(json_object_size(at(document, "paths")), 3);
    json_t *check = at(document, "paths|" CHECK "|post");
    assert_string_equal(json_string_value(at(check, "operationId")), "Check");
    assert_string_equal(json_string_value(at(check, "requestBody|content|application/json|schema|$ref")),
                        "#/components/schemas/sallyport.v1.CheckRequest");
    assert_string_equal(json_string_value(at(check, "responses|200|content|application/json|schema|$ref")),
                        "#/components/schemas/sallyport.v1.CheckResponse");
}

static void describes_each_kind_of_field(void **state) {
    (void)state;
    json_t *request = at(document, SCHEMA "CheckRequest");
    assert_true(json_is_false(at(request, "additionalProperties")));
    assert_string_equal(json_string_value(at(request, "properties|apiKey|type")), "string");
    assert_string_equal(json_string_value(at(request, "properties|apiKeySha256|contentEncoding")), "base64");
    assert_string_equal(json_string_value(at(request, "properties|resource|$ref")),
                        "#/components/schemas/sallyport.v1.ResourceRef");
    assert_string_equal(json_string_value(at(document, SCHEMA "CheckBatchRequest|properties|items|type")), "array");
    assert_int_equal(json_array_size(at(document, SCHEMA "Revision|properties|number|type")), 2);
    assert_null(at(document, SCHEMA "CheckResponse|additionalProperties"));
    assert_string_equal(json_string_value(json_array_get(at(document, SCHEMA "Decision|enum"), 1)), "ALLOW");
    assert_int_equal(json_array_size(at(document, "components|schemas|connect.Error|properties|code|enum")), 16);
}

static size_t count_refs(json_t *json) {
    static const char before[] = "#/components/schemas/";
    size_t count = 0;
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(json, name, value) {
        if (strcmp(name, "$ref") != 0) {
            count += count_refs(value);
            continue;
        }
        const char *ref = json_string_value(value);
        assert_int_equal(strncmp(ref, before, sizeof(before) - 1), 0);
        assert_non_null(json_object_get(at(document, "components|schemas"), ref + sizeof(before) - 1));
        count++;
    }
    json_array_foreach(json, i, value) {
        count += count_refs(value);
    }
    return count;
}

static void every_reference_leads_to_a_schema(void **state) {
    (void)state;
    assert_true(count_refs(document) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_every_unary_method_and_no_stream),
        cmocka_unit_test(describes_each_kind_of_field),
        cmocka_unit_test(every_reference_leads_to_a_schema),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
