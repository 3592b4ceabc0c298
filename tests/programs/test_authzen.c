/* AuthZEN over HTTP: each MUST of the Authorization API 1.0 with its section named. The published
 * scenarios are in test_authzen_cases.c, what is Sallyport's own in test_authzen_own.c. */
#include "authzen_world.h"

#include <unistd.h>

#include "support/certificates.h"

static const struct vector vectors[] = {
    {"5.5 a decision is a boolean: allowed", EVALUATION, "{" ANN ", " USE ", " V0 "}", 200, YES},
    {"5.5 a decision is a boolean: denied, with 200", EVALUATION, "{" ANN ", " USE ", " V1 "}", 200, NO("NOT_SHARED")},
    {"7.1.1 what an evaluation lacks comes from the top", EVALUATIONS,
     "{" ANN ", " USE ", 'evaluations': [{" V0 "}, {" V1 "}, {" ROBOT ", " V1 "}]}", 200,
     "{'evaluations': [{'decision': true}, {'decision': false}, {'decision': true}]}"},
    {"7.1.1 what neither has denies that evaluation", EVALUATIONS, "{" ANN ", 'evaluations': [{" V0 "}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'status': 400, 'message': 'evaluations[0].action: is "
     "required'}}}]}"},
    {"7.1.2.1 all are executed unless asked otherwise", EVALUATIONS,
     "{" ANN ", " USE ", 'evaluations': [{" V1 "}, {" V0 "}, {" V1 "}]}", 200,
     "{'evaluations': [{'decision': false}, {'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 deny_on_first_deny stops at a denial", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'deny_on_first_deny'}, 'evaluations': [{" V0 "}, {" V1
     "}, {" V0 "}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 deny_on_first_deny stops at a failure", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'deny_on_first_deny'}, 'evaluations': [{" V0 "}, {}, {" V0
     "}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 permit_on_first_permit stops at a permit", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'permit_on_first_permit'}, 'evaluations': [{" V1 "}, {" V0
     "}, {" V0 "}]}",
     200, "{'evaluations': [{'decision': false}, {'decision': true}]}"},
    {"7.1.2.1 permit_on_first_permit without a permit", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'permit_on_first_permit'}, 'evaluations': [{" V1 "}, {" V1
     "}]}",
     200, "{'evaluations': [{'decision': false}, {'decision': false}]}"},
    {"7.1.2.1 only these three", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'any'}, 'evaluations': [{" V0 "}]}", 400,
     "options.evaluations_semantic: "},
    {"7.1.2 other options are ignored", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'another_option': 7}, 'evaluations': [{" V0 "}]}", 200,
     "{'evaluations': [{'decision': true}]}"},
    {"7.1 without evaluations as one", EVALUATIONS, "{" ANN ", " USE ", " V0 "}", 200, YES},
    {"7.1 with none as one", EVALUATIONS, "{" ANN ", " USE ", " V0 ", 'evaluations': []}", 200, YES},
    {"8.4 the subject's id is ignored", SEARCH_SUBJECT, "{" ANN ", 'action': {'name': 'edit'}, " V0 "}", 200,
     "{'results': [{'type': 'user', 'id': 'boss'}]}"},
    {"8.4 only of the type", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'edit'}, " V0 "}", 200,
     "{'results': [{'type': 'service_account', 'id': 'robot'}]}"},
    {"8.1 members of a group are found", SEARCH_SUBJECT, "{'subject': {'type': 'service_account'}, " USE ", " V1 "}",
     200, "{'results': [{'id': 'robot'}]}"},
    {"8.5 the resource's id is ignored", SEARCH_RESOURCE, "{" ANN ", " USE ", " V1 "}", 200,
     "{'results': [{'type': 'voice', 'id': 'v000'}], 'page': {'next_token': '', 'count': 1}}"},
    {"8.6 actions by name", SEARCH_ACTION, "{" ROBOT ", " V1 "}", 200,
     "{'results': [{'name': 'delete_soft'}, {'name': 'edit'}, {'name': 'use'}]}"},
    {"10.1 the body is an object: an array", EVALUATION, "[]", 400,
     "the body is not a JSON object: expected an object, found an array"},
    {"10.1 the body is an object: a text", EVALUATION, "'x'", 400,
     "the body is not a JSON object: expected an object, found text"},
    {"10.1 the body is an object: a number", SEARCH_RESOURCE, " -7.5e1\n", 400,
     "the body is not a JSON object: expected an object, found a number"},
    {"10.1 the body is an object: true", SEARCH_ACTION, "true", 400,
     "the body is not a JSON object: expected an object, found true or false"},
    {"10.1 the body is an object: null", EVALUATION, "null", 400,
     "the body is not a JSON object: expected an object, found null"},
    {"10.1 the body is an object: null for several", EVALUATIONS, "\tnull ", 400,
     "the body is not a JSON object: expected an object, found null"},
    {"10.1 the body is an object: no JSON", EVALUATION, "nil", 400,
     "the body is not a JSON object: line 1, column 3: not valid JSON"},
    {"10.1 the body is an object: blanks", EVALUATION, " \n", 400,
     "the body is not a JSON object: expected an object, found nothing"},
    {"10.1.1 required: subject", EVALUATION, "{" USE ", " V0 "}", 400, "subject: is required"},
    {"10.1.1 required: subject.type", EVALUATION, "{'subject': {'id': 'ann'}, " USE ", " V0 "}", 400,
     "subject.type: is required"},
    {"10.1.1 required: subject.id", EVALUATION, "{'subject': {'type': 'user'}, " USE ", " V0 "}", 400,
     "subject.id: is required"},
    {"10.1.1 required: action", EVALUATION, "{" ANN ", " V0 "}", 400, "action: is required"},
    {"10.1.1 required: action.name", EVALUATION, "{" ANN ", 'action': {}, " V0 "}", 400, "action.name: is required"},
    {"10.1.1 required: resource", EVALUATION, "{" ANN ", " USE "}", 400, "resource: is required"},
    {"10.1.1 required: resource.type", EVALUATION, "{" ANN ", " USE ", 'resource': {'id': 'v000'}}", 400,
     "resource.type: is required"},
    {"10.1.1 required: resource.id", EVALUATION, "{" ANN ", " USE ", 'resource': {'type': 'voice'}}", 400,
     "resource.id: is required"},
    {"10.1.1 required of a search: action", SEARCH_SUBJECT, "{'subject': {'type': 'user'}, " V0 "}", 400,
     "action: is required"},
    {"10.1.1 required of a search: subject.id", SEARCH_RESOURCE,
     "{'subject': {'type': 'user'}, " USE ", 'resource': {'type': 'voice'}}", 400, "subject.id: is required"},
    {"10.1.1 required of a search: resource.id", SEARCH_ACTION, "{" ANN ", 'resource': {'type': 'voice'}}", 400,
     "resource.id: is required"},
    {"10.1.1 types: subject", EVALUATION, "{'subject': [], " USE ", " V0 "}", 400, "subject: must be an object"},
    {"10.1.1 types: subject.id", EVALUATION, "{'subject': {'type': 'user', 'id': 7}, " USE ", " V0 "}", 400,
     "subject.id: must be a string"},
    {"10.1.1 null means not given: a required member", EVALUATION,
     "{'subject': {'type': 'user', 'id': null}, " USE ", " V0 "}", 400, "subject.id: is required"},
    {"10.1.1 null means not given: an entity", EVALUATION, "{" ANN ", 'action': null, " V0 "}", 400,
     "action: is required"},
    {"10.1.1 null means not given: what may be left out", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': null}, 'action': {'name': 'use', 'properties': null}, "
     "'resource': {'type': 'voice', 'id': 'v000', 'properties': {'workspace': null}}, 'context': null}",
     200, YES},
    {"10.1.1 null means not given: the address", EVALUATION, "{" ANN ", " USE ", " V0 ", 'context': {'ip': null}}", 200,
     YES},
    {"10.1.1 null means not given: evaluations", EVALUATIONS,
     "{" ANN ", " USE ", " V0 ", 'evaluations': null, 'options': null}", 200, YES},
    {"10.1.1 null means not given: what the top has", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': null}, 'evaluations': [{'subject': null, 'context': null, "
     "" V0 "}, {" V1 "}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}]}"},
    {"10.1.1 null means not given: pages", SEARCH_RESOURCE, "{" ANN ", " USE ", " V1 ", 'page': null}", 200,
     "{'results': [{'type': 'voice', 'id': 'v000'}]}"},
    {"10.1.1 null means not given: parts of a page", SEARCH_RESOURCE,
     "{" ANN ", " USE ", " V1 ", 'page': {'limit': null, 'token': null, 'properties': null}}", 200,
     "{'results': [{'type': 'voice', 'id': 'v000'}]}"},
    {"10.1.1 null is no evaluation", EVALUATIONS, "{" ANN ", " USE ", " V0 ", 'evaluations': [null, {}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'message': 'evaluations[0]: must be an object'}}}, "
     "{'decision': true}]}"},
    {"10.1.1 types: properties", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': 7}, " USE ", " V0 "}", 400,
     "subject.properties: must be an object"},
    {"10.1.1 types: context", EVALUATION, "{" ANN ", " USE ", " V0 ", 'context': 'x'}", 400,
     "context: must be an object"},
    {"10.1.1 types: evaluations", EVALUATIONS, "{" ANN ", " USE ", " V0 ", 'evaluations': {}}", 400,
     "evaluations: must be an array"},
    {"10.1.1 types: one evaluation", EVALUATIONS, "{" ANN ", " USE ", 'evaluations': [7, {" V0 "}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'message': 'evaluations[0]: must be an object'}}}, "
     "{'decision': true}]}"},
    {"10.1.1 types: a default that nobody uses", EVALUATIONS,
     "{'subject': 'ann', " USE ", 'evaluations': [{" ANN ", " V0 "}]}", 400, "subject: must be an object"},
    {"10.1.1 types: options", EVALUATIONS, "{" ANN ", " USE ", 'options': [], 'evaluations': [{" V0 "}]}", 400,
     "options: must be an object"},
    {"10.1.1 types: page", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': 1}", 400, "page: must be an object"},
    {"10.1.1 types: page.limit", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'limit': -1}}", 400,
     "page.limit: "},
    {"10.1.1 types: page.limit as a text", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'limit': '1'}}", 400,
     "page.limit: "},
    {"10.1.1 types: page.token", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'token': 1}}", 400,
     "page.token: "},
    {"10.1.1 unknown fields are ignored everywhere", EVALUATION,
     "{'a': 1, 'subject': {'type': 'user', 'id': 'ann', 'b': []}, 'action': {'name': 'use', 'c': {}}, 'resource': "
     "{'type': 'voice', 'id': 'v000', 'd': null}, 'context': {'e': true}}",
     200, YES},
    {"10.1.1 the order of members says nothing", EVALUATION,
     "{'context': {}, 'resource': {'id': 'v000', 'type': 'voice'}, " USE ", 'subject': {'id': 'ann', 'type': 'user'}}",
     200, YES},
    {"11.5 a name given twice", EVALUATION, "{" ANN ", " ANN ", " USE ", " V0 "}", 400,
     "the body is not a JSON object"},
    {"11.5 an unpaired surrogate", EVALUATION, "{'subject': {'type': 'user', 'id': '\\ud800'}, " USE ", " V0 "}", 400,
     "the body is not a JSON object"},
    {"11.5 no UTF-8", EVALUATION, "{'subject': {'type': 'user', 'id': '\xff'}, " USE ", " V0 "}", 400,
     "the body is not a JSON object"},
    {"11.5 a NUL", EVALUATION, "{'subject': {'type': 'user', 'id': 'ann\\u0000'}, " USE ", " V0 "}", 400,
     "subject.id: contains a control character"},
    {"11.5 a NUL in one evaluation", EVALUATIONS,
     "{" USE ", " V0 ", 'evaluations': [{'subject': {'type': 'user', 'id': 'ann\\u0000'}}, {" ANN "}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'status': 400}}}, {'decision': true}]}"},
    {"11.5 a NUL where nobody looks", EVALUATION, "{" ANN ", " USE ", " V0 ", 'context': {'note': 'a\\u0000b'}}", 200,
     YES},
    {"11.5 a NUL in a name", EVALUATION, "{" ANN ", " USE ", " V0 ", 'a\\u0000': 1}", 400,
     "the body is not a JSON object"},
    {"11.5 a NUL behind a word", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'execute_all\\u0000'}, 'evaluations': [{" V0 "}]}", 400,
     "options.evaluations_semantic: "},
    {"11.7 deep nesting", EVALUATION,
     "{'a': [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]], " ANN ", " USE ", " V0
     "}",
     400, "the body is not a JSON object"},
};

static void a_compressed_body_is_refused_with_the_cure(void **state) {
    (void)state;
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"Content-Encoding: gzip\r\n", 415},
        {"Content-Encoding: \r\n", 415},
        {"Content-Encoding: identity, gzip\r\n", 415},
        {"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", 415},
        {"Content-Encoding: Identity\r\n", 200},
        {"Accept-Encoding: gzip\r\n", 200},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct authzen_reply reply;
        char *body = spell("{" ANN ", " USE ", " V0 "}");
        authzen_post(port, &(struct authzen_request){.path = EVALUATION, .body = body, .headers = rows[i].headers},
                     &reply);
        if (reply.http.status != rows[i].status)
            fail_msg("%s: %d: %s", rows[i].headers, reply.http.status, reply.http.body);
        if (rows[i].status == 415) {
            assert_string_equal(http_reply_header(&reply.http, "Accept-Encoding"), "identity");
            assert_non_null(strstr(reply.http.body, "{\"code\":\"unknown\",\"message\":\"Content-Encoding: "));
        }
        free(body);
        authzen_reply_fini(&reply);
    }
}

/* ---- pages ---- */

static json_t *search_voices(const char *subject, const char *page, int status, struct authzen_reply *reply) {
    char body[1024];
    snprintf(body, sizeof(body), "{%s, 'action': {'name': 'use'}, 'resource': {'type': 'voice'}%s%s}", subject,
             page[0] != '\0' ? ", 'page': " : "", page);
    ask(SEARCH_RESOURCE, body, status, reply);
    return reply->json;
}

/* Sections 8.2 and 8.2.2: a list that is cut says so, and the last page's token is empty. */
static void pages_hold_every_result_once_and_in_order(void **state) {
    (void)state;
    for (int limit = 1; limit <= VOICES + 1; limit += 17) {
        char page[512], token[400] = "", wanted[8];
        int results = 0, pages = 0;
        do {
            struct authzen_reply reply;
            if (token[0] == '\0')
                snprintf(page, sizeof(page), "{'limit': %d}", limit);
            else
                snprintf(page, sizeof(page), "{'token': '%s'}", token);
            const json_t *json = search_voices(ROBOT, page, 200, &reply), *found = json_object_get(json, "results");
            assert_true(json_array_size(found) <= (size_t)limit);
            for (size_t i = 0; i < json_array_size(found); i++) {
                snprintf(wanted, sizeof(wanted), "v%03d", results++);
                assert_string_equal(json_string_value(json_object_get(json_array_get(found, i), "id")), wanted);
            }
            assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "page"), "count")),
                             json_array_size(found));
            snprintf(token, sizeof(token), "%s",
                     json_string_value(json_object_get(json_object_get(json, "page"), "next_token")));
            authzen_reply_fini(&reply);
            assert_true(++pages < 200);
        } while (token[0] != '\0');
        assert_int_equal(results, VOICES);
    }
}

/* Sections 8.2 and 8.2.1. */
static void a_token_is_good_for_its_request_only(void **state) {
    (void)state;
    struct authzen_reply reply;
    char page[512], body[1024];
    const json_t *json = search_voices(ROBOT, "{'limit': 7}", 200, &reply);
    char token[400];
    snprintf(token, sizeof(token), "%s",
             json_string_value(json_object_get(json_object_get(json, "page"), "next_token")));
    authzen_reply_fini(&reply);
    assert_true(token[0] != '\0');
    assert_null(strstr(token, "v006")); /* opaque */

    snprintf(page, sizeof(page), "{'token': '%s', 'limit': 7}", token);
    search_voices(ROBOT, page, 200, &reply);
    authzen_reply_fini(&reply);
    search_voices(ANN, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(page, sizeof(page), "{'token': '%s', 'limit': 8}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(page, sizeof(page), "{'token': '%s', 'properties': {'a': 1}}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(body, sizeof(body), "{" ROBOT ", " V1 ", 'page': {'token': '%s'}}", token);
    expect(SEARCH_ACTION, body, 400, "page.token: belongs to another request");
    snprintf(body, sizeof(body),
             "{" ROBOT ", " USE
             ", 'resource': {'type': 'voice'}, 'context': {'ip': '1.2.3.4'}, 'page': {'token': '%s'}}",
             token);
    expect(SEARCH_RESOURCE, body, 400, "page.token: belongs to another request");
    token[5] = token[5] == 'A' ? 'B' : 'A';
    snprintf(page, sizeof(page), "{'token': '%s'}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
}

static void a_page_of_nothing_says_that_there_is_more(void **state) {
    (void)state;
    struct authzen_reply reply;
    const json_t *json = search_voices(ROBOT, "{'limit': 0}", 200, &reply);
    assert_int_equal(json_array_size(json_object_get(json, "results")), 0);
    assert_true(json_string_length(json_object_get(json_object_get(json, "page"), "next_token")) > 0);
    assert_string_equal(json_object_iter_key(json_object_iter(reply.json)), "page"); /* section 8.3: first */
    authzen_reply_fini(&reply);
}

/* ---- headers ---- */

static void send_raw(const char *text, struct http_reply *ret_reply) {
    int fd = http_connect(port);
    http_ask(fd, text);
    http_read(fd, false, ret_reply);
    close(fd);
}

/* Section 10.1.3. */
static void every_reply_names_its_request(void **state) {
    (void)state;
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"POST " EVALUATION " HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a-7\r\nContent-Type: application/json\r\n"
         "Content-Length: 2\r\n\r\n{}",
         400},
        {"POST " EVALUATION " HTTP/1.1\r\nHost: localhost\r\nx-request-id: a-7\r\nContent-Length: 0\r\n\r\n", 400},
        {"GET " EVALUATION " HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a-7\r\n\r\n", 405},
        {"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a-7\r\n\r\n", 404},
        {"GET /.well-known/authzen-configuration HTTP/1.1\r\nHost: pdp.example.com\r\nX-Request-ID: a-7\r\n\r\n", 200},
        {"POST " EVALUATION " HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a-7\r\nContent-Type: application/json\r\n"
         "Content-Length: 99999999\r\n\r\n{}",
         413},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_reply reply;
        send_raw(rows[i].request, &reply);
        assert_int_equal(reply.status, rows[i].status);
        assert_string_equal(http_reply_header(&reply, "X-Request-ID"), "a-7");
        assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
        http_reply_fini(&reply);
    }
    struct authzen_reply reply;
    char *body = spell("{" ANN ", " USE ", " V0 "}");
    authzen_post(port, &(struct authzen_request){EVALUATION, body, NULL, "X-Request-ID: 0123-\xc3\xa4\r\n"}, &reply);
    assert_int_equal(reply.http.status, 200);
    assert_string_equal(http_reply_header(&reply.http, "X-Request-ID"), "0123-\xc3\xa4");
    authzen_reply_fini(&reply);
    authzen_post(port, &(struct authzen_request){EVALUATION, body, NULL, NULL}, &reply);
    assert_int_equal(reply.http.status, 200);
    assert_null(http_reply_header(&reply.http, "X-Request-ID"));
    authzen_reply_fini(&reply);
    free(body);
}

/* Section 10.1. */
static void the_content_type_must_be_json(void **state) {
    (void)state;
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"application/json", 200},
        {"application/json; charset=utf-8", 200},
        {"Application/JSON", 200},
        {"application/json ;charset=x", 200},
        {"application/jsonp", 400},
        {"text/json", 400},
        {"application/x-www-form-urlencoded", 400},
        {"", 400},
    };
    char *body = spell("{" ANN ", " USE ", " V0 "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct authzen_reply reply;
        authzen_post(port, &(struct authzen_request){EVALUATION, body, rows[i].type, NULL}, &reply);
        assert_int_equal(reply.http.status, rows[i].status);
        authzen_reply_fini(&reply);
    }
    free(body);
}

/* ---- metadata ---- */

/* Sections 9.1.1, 9.2.2 and 9.2.3. */
static void the_metadata_tells_every_endpoint(void **state) {
    (void)state;
    static const char *const members[][2] = {
        {"policy_decision_point", URL},
        {"access_evaluation_endpoint", URL EVALUATION},
        {"access_evaluations_endpoint", URL EVALUATIONS},
        {"search_subject_endpoint", URL SEARCH_SUBJECT},
        {"search_resource_endpoint", URL SEARCH_RESOURCE},
        {"search_action_endpoint", URL SEARCH_ACTION},
    };
    struct http_reply reply;
    http_get(port, "/.well-known/authzen-configuration", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
    json_t *json = json_loads(reply.body, 0, NULL);
    assert_int_equal(json_object_size(json), 6); /* section 9.2.2: what has no value is left out */
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(json, members[i][0])), members[i][1]);
    json_decref(json);
    http_reply_fini(&reply);
}

/* ---- callers ---- */

static void write_text(const char *name, const char *text, char ret_path[static 256]) {
    snprintf(ret_path, 256, "%s/%s", programs.folder, name);
    file_write(ret_path, text);
}

/* Section 11.3: who has not proven who it is gets 401 and is told how to, and 10.1.2: who has, but
 * may not ask, 403. */
static void callers_must_prove_who_they_are(void **state) {
    (void)state;
    static const char by_key[] = "{" KEY("$R") ", " USE ", " V0 "}", by_name[] = "{" ANN ", " USE ", " V0 "}",
                      all_by_name[] = "{" USE ", " V0 ", 'evaluations': [{" KEY("$R") "}, {" ANN "}]}";
    static const struct {
        const char *authorization;
        const char *path, *body;
        int status;
    } rows[] = {
        {NULL, EVALUATION, by_key, 401},
        {"Bearer nobody-knows-this-token", EVALUATION, by_key, 401},
        {"Basic Y2hlY2tlci10b2tlbi0wMTIzNDU=", EVALUATION, by_key, 401},
        {"Bearer", EVALUATION, by_key, 401},
        {"Bearer checker-token-012345", EVALUATION, by_key, 200},
        {"bearer checker-token-012345", EVALUATIONS, by_key, 200},
        {"Bearer checker-token-012345", SEARCH_ACTION, by_key, 403},
        {"Bearer checker-token-012345", SEARCH_SUBJECT, by_name, 403},
        {"Bearer checker-token-012345", SEARCH_RESOURCE, by_key, 403},
        {"Bearer lister-token-0123456", SEARCH_ACTION, by_key, 200},
        {"Bearer lister-token-0123456", SEARCH_SUBJECT, by_name, 403},
        {"Bearer lister-token-0123456", SEARCH_RESOURCE, by_key, 200},
        {"Bearer lister-token-0123456", EVALUATION, by_key, 403},
        {"Bearer lister-token-0123456x", SEARCH_ACTION, by_key, 401},
        {NULL, SEARCH_ACTION, by_key, 401},
        /* To name a principal takes a role that to present a key does not. */
        {"Bearer checker-token-012345", EVALUATION, by_name, 403},
        {"Bearer checker-token-012345", EVALUATIONS, all_by_name, 403},
        {"Bearer lister-token-0123456", SEARCH_ACTION, by_name, 403},
        {"Bearer lister-token-0123456", SEARCH_RESOURCE, by_name, 403},
        {"Bearer namer-token-01234567", SEARCH_SUBJECT, by_name, 200},
        {"Bearer namer-token-01234567", EVALUATION, by_name, 200},
        {"Bearer namer-token-01234567", EVALUATIONS, all_by_name, 200},
        {"Bearer namer-token-01234567", SEARCH_RESOURCE, by_name, 403},
    };
    char checker[256], lister[256], namer[256], callers[256], text[1024];
    struct process server;
    write_text("checker.token", "checker-token-012345\n", checker);
    write_text("lister.token", "lister-token-0123456\n", lister);
    write_text("namer.token", "namer-token-01234567\n", namer);
    snprintf(text, sizeof(text), "token:%s: check\ntoken:%s: list\ntoken:%s: check, subjects\n", checker, lister,
             namer);
    write_text("callers.yaml", text, callers);
    const char *arguments[] = {"sallyportd",  "--store",   programs.store, "--listen",
                               "127.0.0.1:0", "--callers", callers,        NULL};
    process_start(&server, programs.folder, "closed", arguments);
    process_wait_for(&server, "serving the store");
    int closed_port = authzen_port(&server);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct authzen_reply reply;
        char *body = spell(rows[i].body);
        char headers[256] = "X-Request-ID: 7\r\n";
        if (rows[i].authorization != NULL)
            snprintf(headers, sizeof(headers), "X-Request-ID: 7\r\nAuthorization: %s\r\n", rows[i].authorization);
        authzen_post(closed_port, &(struct authzen_request){rows[i].path, body, NULL, headers}, &reply);
        if (reply.http.status != rows[i].status)
            fail_msg("row %zu: %d: %s", i, reply.http.status, reply.http.body);
        assert_int_equal(http_reply_header(&reply.http, "WWW-Authenticate") != NULL, rows[i].status != 200);
        assert_string_equal(http_reply_header(&reply.http, "X-Request-ID"), "7");
        assert_null(strstr(reply.http.body, "token-0123"));
        authzen_reply_fini(&reply);
        free(body);
    }
    assert_int_equal(process_end(&server, 15), 0);
}

/* The status of a POST by curl over TLS, which knows nothing of our own code. */
static int https_status(int secure_port, const char *path, const char *body, bool shows_certificate,
                        const char *header) {
    struct process curl;
    char url[128], resolve[64], ca[256], certificate[256], key[256];
    snprintf(url, sizeof(url), "https://localhost:%d%s", secure_port, path);
    snprintf(resolve, sizeof(resolve), "localhost:%d:127.0.0.1", secure_port);
    snprintf(ca, sizeof(ca), "%s/ca.pem", programs.folder);
    snprintf(certificate, sizeof(certificate), "%s/pep.pem", programs.folder);
    snprintf(key, sizeof(key), "%s/pep.key", programs.folder);
    const char *arguments[] = {"/usr/bin/curl",
                               "-s",
                               "-o",
                               "/dev/null",
                               "-w",
                               "%{http_code}",
                               "--noproxy",
                               "*",
                               "--cacert",
                               ca,
                               "--resolve",
                               resolve,
                               "-H",
                               "Content-Type: application/json",
                               "-H",
                               header,
                               "-d",
                               body,
                               url,
                               shows_certificate ? "--cert" : NULL,
                               certificate,
                               "--key",
                               key,
                               NULL};
    assert_int_equal(process_run(&curl, programs.folder, "curl", arguments), 0);
    char *said = process_read(curl.out);
    int status = (int)strtol(said, NULL, 10);
    free(said);
    return status;
}

/* Section 10: the binding is HTTPS. Callers are known by their certificates too (11.2). */
static void answers_over_https_to_whom_a_certificate_names(void **state) {
    (void)state;
    static const struct {
        bool shows_certificate;
        const char *header, *path;
        int status;
    } rows[] = {
        {true, "X: y", EVALUATION, 200},
        {true, "X: y", SEARCH_ACTION, 403},
        {true, "Authorization: Bearer lister-token-0123456", SEARCH_ACTION, 200},
        {true, "Authorization: Bearer nobody-knows-this-token", SEARCH_ACTION, 403},
        {false, "X: y", EVALUATION, 401},
        {false, "Authorization: Bearer lister-token-0123456", SEARCH_ACTION, 401}, /* no certificate, no connection */
    };
    if (access("/usr/bin/curl", X_OK) != 0)
        skip();
    char ca[256], certificate[256], key[256], token[256], callers[256], text[512];
    struct process server;
    struct certificate_authority *authority = authority_make("ours");
    write_text("lister.token", "lister-token-0123456\n", token);
    snprintf(text, sizeof(text), "uri:spiffe://example.org/pep: check\ntoken:%s: list\n", token);
    write_text("callers.yaml", text, callers);
    snprintf(ca, sizeof(ca), "%s/ca.pem", programs.folder);
    authority_write(authority, ca);
    snprintf(certificate, sizeof(certificate), "%s/pep.pem", programs.folder);
    snprintf(key, sizeof(key), "%s/pep.key", programs.folder);
    authority_sign(authority, "URI:spiffe://example.org/pep", 10, certificate, key);
    snprintf(certificate, sizeof(certificate), "%s/server.pem", programs.folder);
    snprintf(key, sizeof(key), "%s/server.key", programs.folder);
    authority_sign(authority, "DNS:localhost", 10, certificate, key);
    const char *arguments[] = {"sallyportd", "--store",   programs.store, "--listen", "127.0.0.1:0",
                               "--tls-cert", certificate, "--tls-key",    key,        "--tls-client-ca",
                               ca,           "--callers", callers,        NULL};
    process_start(&server, programs.folder, "secure", arguments);
    process_wait_for(&server, "serving the store");
    int secure_port = authzen_port(&server);
    char *body = spell("{" KEY("$R") ", " USE ", " V0 "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int status = https_status(secure_port, rows[i].path, body, rows[i].shows_certificate, rows[i].header);
        if (status != rows[i].status)
            fail_msg("row %zu: %d", i, status);
    }
    free(body);
    authority_free(authority);
    assert_int_equal(process_end(&server, 15), 0);
}

int main(void) {
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_compressed_body_is_refused_with_the_cure),
        cmocka_unit_test(pages_hold_every_result_once_and_in_order),
        cmocka_unit_test(a_token_is_good_for_its_request_only),
        cmocka_unit_test(a_page_of_nothing_says_that_there_is_more),
        cmocka_unit_test(every_reply_names_its_request),
        cmocka_unit_test(the_content_type_must_be_json),
        cmocka_unit_test(the_metadata_tells_every_endpoint),
        cmocka_unit_test(callers_must_prove_who_they_are),
        cmocka_unit_test(answers_over_https_to_whom_a_certificate_names),
    };
    return run_vectors(vectors, sizeof(vectors) / sizeof(*vectors), others, sizeof(others) / sizeof(*others));
}
