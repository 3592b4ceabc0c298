/* Files of addresses. The JSON is made: it has the shapes that providers publish, with addresses
 * for documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/address_file.h"
#include "cli/texts.h"

/* Entries separated by blanks, or the error; the caller frees. */
static char *read_entries(struct sp_str text, const char *choices, enum sp_status *ret_status) {
    struct sp_error error = {0};
    struct printed printed;
    json_t *entries = json_array();
    struct cli_address_list list = {.entries = entries, .places = json_array()};
    json_t *selections = choices == NULL ? NULL : parse_json(choices);
    size_t i;
    json_t *entry;
    begin_print(&printed);
    *ret_status = sp_cli_parse_addresses("list", text, selections, &list, &error);
    assert_true(*ret_status != SP_OK || json_array_size(list.places) == json_array_size(entries));
    if (*ret_status != SP_OK)
        (void)fputs(error.message, printed.out);
    json_array_foreach(entries, i, entry) {
        if (*ret_status == SP_OK)
            (void)fprintf(printed.out, "%s%s", i > 0 ? " " : "", json_string_value(entry));
    }
    json_decref(selections);
    json_decref(list.places);
    json_decref(entries);
    return end_print(&printed);
}

#define TEXT(text)                                                                                                     \
    { (text), sizeof(text) - 1 }

static void lines_hold_addresses_comments_and_carriage_returns(void **state) {
    static const struct {
        struct sp_str text;
        enum sp_status status;
        const char *entries;
    } rows[] = {
        {TEXT("203.0.113.7\n198.51.100.0/24\n"), SP_OK, "203.0.113.7 198.51.100.0/24"},
        {TEXT("# office\r\n\r\n  203.0.113.7 \t# front door\r\n2001:db8::/32;lab\r\n"), SP_OK,
         "203.0.113.7 2001:db8::/32"},
        {TEXT("203.0.113.7\r203.0.113.8 # annex\r\r203.0.113.9"), SP_OK, "203.0.113.7 203.0.113.8 203.0.113.9"},
        {TEXT("203.0.113.7\r\n\rnonsense\n"), SP_ERR_INVALID,
         "list, line 3: character 1: not allowed in an IP address"},
        {TEXT("\xef\xbb\xbf"
              "203.0.113.7"),
         SP_OK, "203.0.113.7"},
        {TEXT("10.0.0.0/8"), SP_OK, "10.0.0.0/8"}, /* the server says whether private ranges may be listed */
        {TEXT(""), SP_ERR_INVALID, "list: no address in it"},
        {TEXT("# nothing yet\n\n"), SP_ERR_INVALID, "list: no address in it"},
        {TEXT("203.0.113.7\n\n203.0.113.7:443\n"), SP_ERR_INVALID,
         "list, line 3: 203.0.113.7:443: a port is not part of an address; remove it"},
        {TEXT("203.0.113.7/24\n"), SP_ERR_INVALID,
         "list, line 1: 203.0.113.7/24 has bits set under its prefix length; write 203.0.113.0/24"},
        {TEXT("0.0.0.0/0\n"), SP_ERR_INVALID,
         "list, line 1: 0.0.0.0/0 is any address: to allow any address, clear the list instead"},
        {TEXT("203.0.113.7, 203.0.113.8 ,\n,2001:db8::/32"), SP_OK, "203.0.113.7 203.0.113.8 2001:db8::/32"},
        {TEXT("203.0.113.7,nonsense\n"), SP_ERR_INVALID, "list, line 1: character 1: not allowed in an IP address"},
        {TEXT("203.0.113.7 203.0.113.8\n"), SP_ERR_INVALID, "list, line 1: character 12: spaces are not allowed"},
        {TEXT("\xff\xfe"
              "2\0"),
         SP_ERR_INVALID, "list is in UTF-16; convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum sp_status status;
        char *entries = read_entries(rows[i].text, NULL, &status);
        assert_string_equal(entries, rows[i].entries);
        assert_int_equal(status, rows[i].status);
        free(entries);
    }
}

#define AWS                                                                                                            \
    "{'syncToken': '1', 'createDate': '2026-01-01-00-00-00', 'prefixes': ["                                            \
    "{'ip_prefix': '203.0.113.0/26', 'region': 'eu-west-1', 'service': 'AMAZON', 'network_border_group': "             \
    "'eu-west-1'}, "                                                                                                   \
    "{'ip_prefix': '203.0.113.64/26', 'region': 'eu-west-1', 'service': 'S3', 'network_border_group': 'eu-west-1'}, "  \
    "{'ip_prefix': '203.0.113.128/26', 'region': 'us-east-1', 'service': 'EC2', 'network_border_group': "              \
    "'us-east-1'}], "                                                                                                  \
    "'ipv6_prefixes': [{'ipv6_prefix': '2001:db8:1::/48', 'region': 'eu-west-1', 'service': 'S3', "                    \
    "'network_border_group': 'eu-west-1'}]}"
#define GOOGLE                                                                                                         \
    "{'syncToken': '1', 'creationTime': '2026-01-01T00:00:00', 'prefixes': [{'ipv4Prefix': '198.51.100.0/27'}, "       \
    "{'ipv6Prefix': '2001:db8:2::/64'}]}"
#define GITHUB                                                                                                         \
    "{'verifiable_password_authentication': false, 'ssh_keys': ['ssh-ed25519 AAAA'], 'hooks': ['203.0.113.0/27', "     \
    "'2001:db8:3::/48'], 'web': ['203.0.113.32/27'], 'domains': {'website': ['*.example.com']}, "                      \
    "'actions': ['198.51.100.0/24']}"
#define AZURE                                                                                                          \
    "{'changeNumber': 1, 'cloud': 'Public', 'values': [{'name': 'Storage.WestEurope', 'id': 'Storage.WestEurope', "    \
    "'properties': {'region': 'westeurope', 'addressPrefixes': ['203.0.113.0/28', '2001:db8:4::/48']}}, "              \
    "{'name': 'Sql', 'properties': {'addressPrefixes': ['203.0.113.16/28']}}]}"
#define CLOUDFLARE                                                                                                     \
    "{'result': {'ipv4_cidrs': ['203.0.113.0/24'], 'ipv6_cidrs': ['2001:db8::/32'], 'etag': 'a'}, 'success': true}"
#define ATLASSIAN                                                                                                      \
    "{'items': [{'network': '203.0.113.0', 'mask_len': 25, 'cidr': '203.0.113.0/25', 'mask': '255.255.255.128', "      \
    "'region': ['global']}]}"
#define ZSCALER                                                                                                        \
    "{'zscaler.net': {'continent : EMEA': {'city : Paris': [{'range': '203.0.113.0/25', 'vpn': 'p.example', "          \
    "'gre': '203.0.113.1'}, {'range': '', 'vpn': ''}], 'city : Rome': [{'range': '203.0.113.128/25 '}]}}}"
#define AHREFS "{'ips': [{'ip_address': '203.0.113.5'}, {'ip_address': '203.0.113.6'}]}"

static void a_providers_json_is_read_by_its_shape(void **state) {
    static const struct {
        const char *json, *choices;
        enum sp_status status;
        const char *entries;
    } rows[] = {
        {AWS, NULL, SP_OK, "203.0.113.0/26 203.0.113.64/26 203.0.113.128/26 2001:db8:1::/48"},
        {AWS, "['region=eu-west-1']", SP_OK, "203.0.113.0/26 203.0.113.64/26 2001:db8:1::/48"},
        {AWS, "['region=eu-west-1', 'service=S3']", SP_OK, "203.0.113.64/26 2001:db8:1::/48"},
        {AWS, "['service=S3', 'service=EC2']", SP_OK, "203.0.113.64/26 203.0.113.128/26 2001:db8:1::/48"},
        {AWS, "['service=S3', 'ipv6_prefixes']", SP_OK, "2001:db8:1::/48"},
        {AWS, "['service=S4']", SP_ERR_INVALID, "list: no entry matches service=S4"},
        {AWS, "['region=us-east-1', 'service=S3']", SP_ERR_INVALID,
         "list: no address is selected by --allow-ip-select"},
        {GOOGLE, NULL, SP_OK, "198.51.100.0/27 2001:db8:2::/64"},
        {GITHUB, NULL, SP_ERR_INVALID,
         "list holds 3 lists of addresses; choose with --allow-ip-select: hooks, web, actions"},
        {GITHUB, "['hooks']", SP_OK, "203.0.113.0/27 2001:db8:3::/48"},
        {GITHUB, "['hooks', 'web']", SP_OK, "203.0.113.0/27 2001:db8:3::/48 203.0.113.32/27"},
        {GITHUB, "['*']", SP_OK, "203.0.113.0/27 2001:db8:3::/48 203.0.113.32/27 198.51.100.0/24"},
        {GITHUB, "['hooks', 'wbe']", SP_ERR_INVALID, "list has no list named wbe; its lists are hooks, web, actions"},
        {GITHUB, "['hook']", SP_ERR_INVALID, "list has no list named hook; its lists are hooks, web, actions"},
        {AZURE, "['values.Sql']", SP_OK, "203.0.113.16/28"},
        {AZURE, "['values.Storage.WestEurope']", SP_OK, "203.0.113.0/28 2001:db8:4::/48"},
        {AZURE, NULL, SP_ERR_INVALID,
         "list holds 2 lists of addresses; choose with --allow-ip-select: "
         "values.Storage.WestEurope.properties.addressPrefixes, values.Sql.properties.addressPrefixes"},
        {CLOUDFLARE, "['result']", SP_OK, "203.0.113.0/24 2001:db8::/32"},
        {CLOUDFLARE, "['result.ipv6_cidrs']", SP_OK, "2001:db8::/32"},
        {ATLASSIAN, NULL, SP_OK, "203.0.113.0/25"},
        {ZSCALER, "['zscaler.net']", SP_OK, "203.0.113.0/25 203.0.113.128/25"},
        {ZSCALER, "['zscaler.net.continent : EMEA.city : Rome']", SP_OK, "203.0.113.128/25"},
        {AHREFS, NULL, SP_OK, "203.0.113.5 203.0.113.6"},
        {"['203.0.113.5', '2001:db8::/32']", NULL, SP_OK, "203.0.113.5 2001:db8::/32"},
        {"['203.0.113.5', '203.0.113.256']", NULL, SP_ERR_INVALID,
         "list, [1]: 203.0.113.256: part 4 is larger than 255"},
        {"{'hooks': ['203.0.113.5', 7]}", NULL, SP_ERR_INVALID, "list, hooks[1]: is neither text nor an object"},
        {"{'hooks': ['203.0.113.5', '0.0.0.0/0']}", NULL, SP_ERR_INVALID,
         "list, hooks[1]: 0.0.0.0/0 is any address: to allow any address, clear the list instead"},
        {"{'prefixes': []}", NULL, SP_ERR_INVALID, "list: no address in it"},
        {"{}", NULL, SP_ERR_INVALID, "list: no address in it"},
        {"{'a': ", NULL, SP_ERR_INVALID, NULL},
        {"{'a': ['203.0.113.5'], 'a': ['203.0.113.6']}", NULL, SP_ERR_INVALID, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum sp_status status;
        char *json = strdup(rows[i].json);
        assert_non_null(json);
        for (char *at = json; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        char *entries = read_entries(sp_str_from(json), rows[i].choices, &status);
        if (status != rows[i].status || (rows[i].entries != NULL && strcmp(entries, rows[i].entries) != 0))
            fail_msg("row %zu: %s", i, entries);
        free(entries);
        free(json);
    }
}

static void choices_are_for_json(void **state) {
    enum sp_status status;
    (void)state;
    char *entries = read_entries(sp_str_from("203.0.113.7\n"), "['hooks']", &status);
    assert_int_equal(status, SP_ERR_INVALID);
    assert_string_equal(entries,
                        "list is not JSON, so there is nothing to select; leave out the --allow-ip-select behind it");
    free(entries);
}

/* Whoever chose from one file may have meant both. */
static void when_one_file_has_a_choice_each_json_file_needs_one(void **state) {
    static const struct {
        const char *text, *choices, *message; /* NULL: it is read */
    } rows[] = {
        {"203.0.113.7", "[]", NULL},
        {"{\"hooks\": [\"203.0.113.7\"]}", "['*']", NULL},
        {"{\"hooks\": [\"203.0.113.7\"]}", "[]",
         "list: say what of it too, with an --allow-ip-select behind it; '*' takes all of its lists: hooks"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_address_list list = {.entries = json_array(), .places = json_array(), .others_select = true};
        struct sp_error error = {0};
        json_t *selections = parse_json(rows[i].choices);
        enum sp_status status = sp_cli_parse_addresses("list", sp_str_from(rows[i].text), selections, &list, &error);
        assert_int_equal(status, rows[i].message == NULL ? SP_OK : SP_ERR_INVALID);
        assert_string_equal(error.message, rows[i].message == NULL ? "" : rows[i].message);
        json_decref(selections);
        json_decref(list.entries);
        json_decref(list.places);
    }
}

static void each_entry_has_a_place(void **state) {
    struct cli_address_list list = {.entries = json_array(), .places = json_array()};
    struct sp_error error;
    (void)state;
    assert_int_equal(sp_cli_parse_addresses("a.txt", SP_STR_LITERAL("\n203.0.113.7\n"), NULL, &list, &error), SP_OK);
    assert_int_equal(
        sp_cli_parse_addresses("b.json", SP_STR_LITERAL("{\"hooks\": [\"203.0.113.8\"]}"), NULL, &list, &error), SP_OK);
    assert_int_equal(json_array_size(list.entries), 2);
    assert_string_equal(json_string_value(json_array_get(list.places, 0)), "a.txt, line 2");
    assert_string_equal(json_string_value(json_array_get(list.places, 1)), "b.json, hooks[0]");
    json_decref(list.entries);
    json_decref(list.places);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_hold_addresses_comments_and_carriage_returns),
        cmocka_unit_test(a_providers_json_is_read_by_its_shape),
        cmocka_unit_test(choices_are_for_json),
        cmocka_unit_test(when_one_file_has_a_choice_each_json_file_needs_one),
        cmocka_unit_test(each_entry_has_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
