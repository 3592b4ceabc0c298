/* Headers as tables: which media types and encodings are taken for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connect/head.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *type;
    bool is_stream;
    int codec; /* -1: none */
} media_types[] = {
    {"application/json", false, SP_CONNECT_JSON},
    {"application/proto", false, SP_CONNECT_PROTO},
    {"Application/JSON", false, SP_CONNECT_JSON},
    {"application/json; charset=utf-8", false, SP_CONNECT_JSON},
    {"application/json ;CHARSET=\"UTF-8\"", false, SP_CONNECT_JSON},
    {"application/json; charset=utf-16", false, -1},
    {"application/json; a=b; charset=latin1", false, -1},
    {"application/connect+json", false, -1},
    {"application/connect+json", true, SP_CONNECT_JSON},
    {"application/connect+proto", true, SP_CONNECT_PROTO},
    {"application/json", true, -1},
    {"application/jsonx", false, -1},
    {"application/x-www-form-urlencoded", false, -1},
    {"text/plain", false, -1},
    {"application/grpc", true, -1},
    {"", false, -1},
};

static void knows_the_media_types_of_each_kind_of_call(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(media_types); i++) {
        enum sp_connect_codec codec = SP_CONNECT_JSON;
        bool found = sp_connect_find_codec(sp_str_from(media_types[i].type), media_types[i].is_stream, &codec);
        if (found != (media_types[i].codec >= 0) || (found && (int)codec != media_types[i].codec))
            fail_msg("%s", media_types[i].type);
        if (found)
            assert_true(sp_connect_find_codec(sp_str_from(sp_connect_media_type(codec, media_types[i].is_stream)),
                                              media_types[i].is_stream, &codec));
    }
}

static const struct {
    const char *list;
    bool accepted;
} encodings[] = {
    {"gzip", true},         {"GZIP", true},      {"br, gzip", true},          {"deflate,gzip;q=0.5", true},
    {"gzip;q=0.001", true}, {"gzip;q=0", false}, {"gzip; q=0.000", false},    {"identity", false},
    {"*", false},           {"gzipped", false},  {"br;q=1.0, x-gzip", false}, {"", false},
    {",,;", false},
};

static void accepts_gzip_if_the_list_has_it(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(encodings); i++)
        if (sp_connect_accepts_gzip(sp_str_from(encodings[i].list)) != encodings[i].accepted)
            fail_msg("\"%s\"", encodings[i].list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_media_types_of_each_kind_of_call),
        cmocka_unit_test(accepts_gzip_if_the_list_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
