/* Whose address counts: a table of peers, headers and settings, and the property that nothing a
 * client writes wins. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/forwarded.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { MAX_LINES = 4 };

struct header {
    struct sp_str lines[MAX_LINES];
    size_t count;
};

/* The lines of a header, written with "\n" between them; NULL: there is no such header. */
static struct header header_of(const char *text) {
    struct header header = {.count = 0};
    while (text != NULL) {
        const char *end = strchr(text, '\n');
        assert_true(header.count < MAX_LINES);
        header.lines[header.count++] = (struct sp_str){text, end == NULL ? strlen(text) : (size_t)(end - text)};
        text = end == NULL ? NULL : end + 1;
    }
    return header;
}

static struct sp_forwarded_trust trust_of(const char *proxies, unsigned hops) {
    struct sp_forwarded_trust trust;
    struct sp_error error = {0};
    const struct sp_forwarded_settings settings = {
        .proxies = proxies, .hops = hops, .peers = hops > 0 ? "uds,10.0.0.0/8,192.0.2.1,2001:db8:ff::/48" : NULL};
    if (sp_forwarded_trust_read(&settings, &trust, &error) != SP_OK)
        fail_msg("%s, %u hops: %s", proxies, hops, error.message);
    return trust;
}

/* The client as text, "-" for not known. */
static void client_of(const struct sp_forwarded_trust *trust, const char *peer, const char *lines,
                      char ret_text[static SP_CIDR_TEXT_BYTES]) {
    struct header header = header_of(lines);
    struct sp_ip address;
    struct sp_ip client;
    if (peer != NULL)
        assert_int_equal(sp_ip_parse(sp_str_from(peer), &address, NULL), SP_OK);
    if (sp_forwarded_client(trust, peer == NULL ? NULL : &address, header.lines, header.count, &client))
        sp_ip_format(&client, ret_text);
    else
        snprintf(ret_text, SP_CIDR_TEXT_BYTES, "-");
}

struct row {
    const char *peer, *lines, *client;
};

static void expect_rows(const struct sp_forwarded_trust *trust, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[SP_CIDR_TEXT_BYTES];
        client_of(trust, rows[i].peer, rows[i].lines, text);
        if (strcmp(text, rows[i].client) != 0)
            fail_msg("row %zu: peer %s, header \"%s\": %s, not %s", i, rows[i].peer, rows[i].lines, text,
                     rows[i].client);
    }
}

static void believes_nobody_unless_told(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"203.0.113.7", NULL, "203.0.113.7"},
        {"203.0.113.7", "198.51.100.1", "203.0.113.7"},
        {"203.0.113.7", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
        {"203.0.113.7", "rubbish\n\n,", "203.0.113.7"},
        {"127.0.0.1", "198.51.100.1", "127.0.0.1"},
        {"::ffff:203.0.113.7", "198.51.100.1", "203.0.113.7"},
        {"2001:db8::1", "198.51.100.1", "2001:db8::1"},
        {NULL, "198.51.100.1", "-"},
        {NULL, NULL, "-"},
    };
    struct sp_forwarded_trust zeroed = {0};
    struct sp_forwarded_trust read = trust_of("", 0);
    expect_rows(&zeroed, rows, COUNT(rows));
    expect_rows(&read, rows, COUNT(rows));
}

static void counts_one_hop_from_the_right(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66,203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66\n203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "a, b, c\nd\n203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", ",,,,203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "\n203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", " \t203.0.113.7\t ", "203.0.113.7"},
        {NULL, "198.51.100.66, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", NULL, "-"},
        {"10.0.0.1", "", "-"},
        {"10.0.0.1", " ", "-"},
        {"10.0.0.1", "203.0.113.7,", "-"},
        {"10.0.0.1", "203.0.113.7, ", "-"},
        {"10.0.0.1", "203.0.113.7\n", "-"},
    };
    struct sp_forwarded_trust trust = trust_of("", 1);
    expect_rows(&trust, rows, COUNT(rows));
}

static void counts_further_hops_and_never_reads_what_is_left_of_them(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"10.0.0.1", "198.51.100.66, 203.0.113.7, 10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66\n203.0.113.7\n10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66, 203.0.113.7\n10.0.0.9", "203.0.113.7"},
        /* What a trusted proxy wrote of another is counted, whatever it is. */
        {"10.0.0.1", "203.0.113.7, unknown", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7,", "203.0.113.7"},
        /* Came past the proxies. */
        {"10.0.0.1", "203.0.113.7", "-"},
        {"10.0.0.1", NULL, "-"},
        /* What cannot be read is not replaced by what stands left of it. */
        {"10.0.0.1", "198.51.100.66, unknown, 10.0.0.9", "-"},
        {"10.0.0.1", "198.51.100.66, , 10.0.0.9", "-"},
        {"10.0.0.1", "198.51.100.66\n\n10.0.0.9", "-"},
    };
    struct sp_forwarded_trust trust = trust_of("", 2);
    expect_rows(&trust, rows, COUNT(rows));
}

static void walks_from_the_peer_over_trusted_ranges(void **state) {
    (void)state;
    static const struct row rows[] = {
        /* Not from a proxy of ours: what it says is not read. */
        {"203.0.113.7", NULL, "203.0.113.7"},
        {"203.0.113.7", "198.51.100.66", "203.0.113.7"},
        {"203.0.113.7", "198.51.100.66, 10.0.0.9", "203.0.113.7"},
        /* One proxy, two, three; with the peer written down by the gateway or not. */
        {"10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.1", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.9, 10.0.0.1", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 2001:db8:ff::5, 192.0.2.1", "203.0.113.7"},
        {"2001:db8:ff::1", "203.0.113.7", "203.0.113.7"},
        {"::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7\n10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.9:8080", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7, [2001:db8:ff::5]:443", "203.0.113.7"},
        /* The client's own words, left of its address. */
        {"10.0.0.1", "198.51.100.66, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "10.0.0.9, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66, 10.0.0.9, 203.0.113.7, 10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "rubbish, 203.0.113.7, 10.0.0.9", "203.0.113.7"},
        {"10.0.0.1", "198.51.100.66\n203.0.113.7\n10.0.0.9", "203.0.113.7"},
        /* Just outside of the ranges. */
        {"192.0.2.2", "203.0.113.7", "192.0.2.2"},
        {"11.0.0.0", "203.0.113.7", "11.0.0.0"},
        {"2001:db8:fe::1", "203.0.113.7", "2001:db8:fe::1"},
        /* Nothing but proxies. */
        {"10.0.0.1", NULL, "-"},
        {"10.0.0.1", "10.0.0.9", "-"},
        {"10.0.0.1", "10.0.0.8, 10.0.0.9", "-"},
        /* What cannot be read is neither a proxy nor a client, and is not stepped over. */
        {"10.0.0.1", "203.0.113.7, unknown", "-"},
        {"10.0.0.1", "203.0.113.7, unknown, 10.0.0.9", "-"},
        {"10.0.0.1", "203.0.113.7,", "-"},
        {"10.0.0.1", "203.0.113.7,,10.0.0.9", "-"},
        {"10.0.0.1", "203.0.113.7\n\n10.0.0.9", "-"},
        {NULL, "203.0.113.7", "-"},
    };
    struct sp_forwarded_trust trust = trust_of("10.0.0.0/8, 192.0.2.1,2001:db8:ff::/48", 0);
    expect_rows(&trust, rows, COUNT(rows));
}

static void reads_an_entry_strictly(void **state) {
    (void)state;
    static const struct row rows[] = {
        {NULL, "203.0.113.7", "203.0.113.7"},
        {NULL, "203.0.113.7:1", "203.0.113.7"},
        {NULL, "203.0.113.7:65535", "203.0.113.7"},
        {NULL, "2001:db8::7", "2001:db8::7"},
        {NULL, "2001:DB8::7", "2001:db8::7"},
        {NULL, "[2001:db8::7]", "2001:db8::7"},
        {NULL, "[2001:db8::7]:443", "2001:db8::7"},
        {NULL, "::ffff:203.0.113.7", "203.0.113.7"},
        {NULL, "::ffff:cb00:7107", "203.0.113.7"},
        {NULL, "[::ffff:203.0.113.7]:443", "203.0.113.7"},
        /* The last group of an IPv6 address, by the letter: a port needs brackets. */
        {NULL, "2001:db8::7:443", "2001:db8::7:443"},
        {NULL, "203.0.113.7:0", "-"},
        {NULL, "203.0.113.7:080", "-"},
        {NULL, "203.0.113.7:65536", "-"},
        {NULL, "203.0.113.7:123456", "-"},
        {NULL, "203.0.113.7:", "-"},
        {NULL, "203.0.113.7:http", "-"},
        {NULL, "203.0.113.7:+80", "-"},
        {NULL, "203.0.113.7: 80", "-"},
        {NULL, "203.0.113.7 :80", "-"},
        {NULL, ":80", "-"},
        {NULL, ":", "-"},
        {NULL, "203.0.113.7/32", "-"},
        {NULL, "203.0.113.07", "-"},
        {NULL, "203.0.113", "-"},
        {NULL, "3405803783", "-"},
        {NULL, "0xcb.0.113.7", "-"},
        {NULL, "203.0.113.7 198.51.100.66", "-"},
        {NULL, "203.0.113.7;198.51.100.66", "-"},
        {NULL, "\"203.0.113.7\"", "-"},
        {NULL, "for=203.0.113.7", "-"},
        {NULL, "[203.0.113.7]", "-"},
        {NULL, "[2001:db8::7", "-"},
        {NULL, "2001:db8::7]", "-"},
        {NULL, "[]", "-"},
        {NULL, "[", "-"},
        {NULL, "[[2001:db8::7]]", "-"},
        {NULL, "[2001:db8::7]443", "-"},
        {NULL, "[2001:db8::7]:", "-"},
        {NULL, "[2001:db8::7]:443x", "-"},
        {NULL, "[ 2001:db8::7 ]", "-"},
        {NULL, "::ffff:203.0.113.7:443", "-"},
        {NULL, "fe80::1%eth0", "-"},
        {NULL, "[fe80::1%25eth0]", "-"},
        {NULL, "unknown", "-"},
        {NULL, "_hidden", "-"},
        {NULL, "_hidden:80", "-"},
        {NULL, "localhost", "-"},
        {NULL, "203.0.113.7\r", "-"},
        {NULL, "\v203.0.113.7", "-"},
        {NULL,
         "\xc2\xa0"
         "203.0.113.7",
         "-"},
        {NULL, "\xff\xfe", "-"},
    };
    struct sp_forwarded_trust trust = trust_of("", 1);
    expect_rows(&trust, rows, COUNT(rows));
}

static struct sp_forwarded_trust trust_peers(const struct sp_forwarded_settings *settings) {
    struct sp_forwarded_trust trust;
    struct sp_error error = {0};
    if (sp_forwarded_trust_read(settings, &trust, &error) != SP_OK)
        fail_msg("%s", error.message);
    return trust;
}

static void a_header_counts_from_trusted_peers_only(void **state) {
    (void)state;
    static const struct row by_hops[] = {
        {"10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"198.51.100.66", "203.0.113.7", "198.51.100.66"}, /* the client itself, whatever it writes */
        {"198.51.100.66", NULL, "198.51.100.66"},
        {"10.0.0.1", NULL, "-"},
        {NULL, "203.0.113.7", "-"}, /* a Unix socket, which is not named */
    };
    static const struct row by_header[] = {
        {"10.0.0.1", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1", "203.0.113.7:443", "203.0.113.7"},
        {NULL, "2001:db8::7", "2001:db8::7"},
        {"10.0.0.1", "203.0.113.7, 10.0.0.9", "-"},
        {"10.0.0.1", "203.0.113.7\n203.0.113.8", "-"},
        {"10.0.0.1", "203.0.113.7\n203.0.113.7", "-"},
        {"10.0.0.1", "", "-"},
        {"10.0.0.1", "unknown", "-"},
        {"10.0.0.1", NULL, "-"},
        {"192.0.2.9", "203.0.113.7", "192.0.2.9"},
    };
    struct sp_forwarded_trust hops = trust_peers(&(struct sp_forwarded_settings){.hops = 1, .peers = "10.0.0.0/8"});
    expect_rows(&hops, by_hops, COUNT(by_hops));
    struct sp_forwarded_trust header =
        trust_peers(&(struct sp_forwarded_settings){.header = "cf-connecting-ip", .peers = "10.0.0.0/8 , uds"});
    assert_true(sp_str_equal(sp_forwarded_header(&header), SP_STR_LITERAL("cf-connecting-ip")));
    assert_true(sp_str_equal(sp_forwarded_header(&hops), SP_STR_LITERAL("x-forwarded-for")));
    expect_rows(&header, by_header, COUNT(by_header));
}

static void a_peer_is_trusted_if_it_is_named_or_none_is(void **state) {
    (void)state;
    struct sp_ip inside, outside;
    const struct sp_forwarded_trust none = {0};
    assert_int_equal(sp_ip_parse(SP_STR_LITERAL("10.1.2.3"), &inside, NULL), SP_OK);
    assert_int_equal(sp_ip_parse(SP_STR_LITERAL("11.1.2.3"), &outside, NULL), SP_OK);
    const struct sp_forwarded_trust range = trust_peers(&(struct sp_forwarded_settings){.peers = "10.0.0.0/8"});
    const struct sp_forwarded_trust unix_sockets = trust_peers(&(struct sp_forwarded_settings){.peers = "uds"});
    assert_true(sp_forwarded_trusts_peer(&none, &outside) && sp_forwarded_trusts_peer(&none, NULL));
    assert_true(sp_forwarded_trusts_peer(&range, &inside));
    assert_false(sp_forwarded_trusts_peer(&range, &outside));
    assert_false(sp_forwarded_trusts_peer(&range, NULL));
    assert_false(sp_forwarded_trusts_peer(&unix_sockets, &inside));
    assert_true(sp_forwarded_trusts_peer(&unix_sockets, NULL));
}

static void a_nul_ends_no_entry(void **state) {
    (void)state;
    static const char bytes[] = "203.0.113.7\0, 198.51.100.66\0";
    struct sp_forwarded_trust trust = trust_of("", 1);
    struct sp_str line = {bytes, sizeof(bytes) - 1};
    struct sp_ip client;
    assert_false(sp_forwarded_client(&trust, NULL, &line, 1, &client));
}

static void refuses_settings_that_would_trust_everybody_or_say_two_things(void **state) {
    (void)state;
    static const struct {
        const char *message;
        struct sp_forwarded_settings settings;
    } cases[] = {
        {"--trusted-proxies and --trusted-hops exclude each other; give one of them",
         {.proxies = "10.0.0.0/8", .hops = 1}},
        {"--trusted-hops: at most 32", {.hops = 33}},
        {"--trusted-proxies: entry 1, \"0.0.0.0/0\": contains every address and would trust every client; list only "
         "your "
         "proxies",
         {.proxies = "0.0.0.0/0"}},
        {"--trusted-proxies: entry 2, \"::/0\": ", {.proxies = "10.0.0.0/8, ::/0"}},
        {"--trusted-proxies: entry 1, \"::ffff:0:0/96\": contains every address and would trust every client; list "
         "only "
         "your proxies",
         {.proxies = "::ffff:0:0/96"}},
        {"--trusted-proxies: entry 1, \"10.0.0.1/8\": 10.0.0.1/8 has bits set under its prefix length; write "
         "10.0.0.0/8",
         {.proxies = "10.0.0.1/8"}},
        {"--trusted-proxies: entry 2, \"\": an IP address must not be empty", {.proxies = "10.0.0.0/8,"}},
        {"--trusted-proxies: entry 1, \"\": an IP address must not be empty", {.proxies = ","}},
        {"--trusted-proxies: entry 1, \"\": an IP address must not be empty", {.proxies = " "}},
        {"--trusted-proxies: entry 1, \"10.0.0.0/8 192.0.2.1\": ", {.proxies = "10.0.0.0/8 192.0.2.1"}},
        {"--trusted-proxies: entry 3, \"192.0.2.1:80\": 192.0.2.1:80: a port is not part of an address",
         {.proxies = "10.0.0.0/8, 2001:db8::/32 ,192.0.2.1:80"}},
        {"--address-header: in cloudfront-viewer-address, the port cannot be told from an IPv6 address",
         {.header = "cloudfront-viewer-address", .peers = "10.0.0.0/8"}},
        {"--trusted-proxies: ", {.proxies = "proxy.example"}},
        {"--trusted-proxies: ", {.proxies = "uds"}},
        {"--trusted-hops: anybody could send that header; name the proxies that may with --trusted-peers", {.hops = 1}},
        {"--trusted-hops: anybody could send that header", {.hops = 1, .peers = ""}},
        {"--address-header: anybody could send that header; name the proxies that may with --trusted-peers",
         {.header = "cf-connecting-ip"}},
        {"--address-header excludes", {.header = "cf-connecting-ip", .hops = 1, .peers = "uds"}},
        {"--address-header excludes", {.header = "cf-connecting-ip", .proxies = "10.0.0.0/8", .peers = "uds"}},
        {"--address-header: \"CF-Connecting-IP\" is not a header name in lower case",
         {.header = "CF-Connecting-IP", .peers = "uds"}},
        {"--address-header: \"a b\" is not", {.header = "a b", .peers = "uds"}},
        {"--address-header: \"address-bin\" is not", {.header = "address-bin", .peers = "uds"}},
        {"--address-header: x-forwarded-for is a list", {.header = "x-forwarded-for", .peers = "uds"}},
        {"--address-header: authorization carries credentials, not an address; name the header in which your proxy "
         "writes the client's address, such as cf-connecting-ip",
         {.header = "authorization", .peers = "uds"}},
        {"--address-header: cookie carries credentials", {.header = "cookie", .peers = "uds"}},
        {"--address-header: proxy-authorization carries credentials",
         {.header = "proxy-authorization", .peers = "uds"}},
        {"--address-header: connection belongs to the connection or the message, not an address",
         {.header = "connection", .peers = "uds"}},
        {"--address-header: te belongs to", {.header = "te", .peers = "uds"}},
        {"--address-header: host belongs to", {.header = "host", .peers = "uds"}},
        {"--address-header: transfer-encoding belongs to", {.header = "transfer-encoding", .peers = "uds"}},
        {"--address-header: forwarded is a list", {.header = "forwarded", .peers = "uds"}},
        {"--trusted-peers: entry 2, \"0.0.0.0/0\": contains every address", {.hops = 1, .peers = "uds,0.0.0.0/0"}},
        {"--trusted-peers: ", {.hops = 1, .peers = "UDS"}},
        {"--trusted-peers: entry 2, \"\": an IP address must not be empty", {.hops = 1, .peers = "uds,"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_forwarded_trust trust;
        struct sp_error error = {0};
        assert_int_equal(sp_forwarded_trust_read(&cases[i].settings, &trust, &error), SP_ERR_INVALID);
        if (strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", error.message, cases[i].message);
    }
}

static void takes_a_hundred_ranges_and_no_more(void **state) {
    (void)state;
    char text[101 * 16];
    size_t size = 0;
    for (unsigned i = 0; i < 101; i++) {
        struct sp_forwarded_trust trust;
        int added = snprintf(text + size, sizeof(text) - size, "%s10.%u.0.0/24", i == 0 ? "" : ",", i);
        assert_true(added > 0);
        size += (size_t)added;
        const struct sp_forwarded_settings settings = {.proxies = text};
        enum sp_status status = sp_forwarded_trust_read(&settings, &trust, NULL);
        assert_int_equal(status, i < 100 ? SP_OK : SP_ERR_INVALID);
        if (status == SP_OK)
            assert_int_equal(trust.proxies.count, i + 1);
    }
}

/* ---- whatever stands on the left ---- */

static uint64_t random_state;

static unsigned draw(unsigned below) {
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((random_state >> 33) % below);
}

static const char *draw_entry(void) {
    static const char *const entries[] = {"10.0.0.1",       "10.9.9.9",      "203.0.113.7", "198.51.100.66",
                                          "2001:db8::7",    "[2001:db8::7]", "unknown",     "",
                                          "203.0.113.7:80", "10.0.0.1:99"};
    return entries[draw(COUNT(entries))];
}

static void draw_line(char *ret_line, size_t room) {
    size_t size = 0;
    for (unsigned i = 0, count = 1 + draw(4); i < count; i++)
        size += (size_t)snprintf(ret_line + size, room - size, "%s%s",
                                 i == 0         ? ""
                                 : draw(2) == 0 ? ","
                                                : ", ",
                                 draw_entry());
}

static void what_stands_on_the_left_never_changes_a_known_address(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    unsigned known = 0;
    printf("SP_TEST_SEED=%" PRIu64 "\n", seed);
    random_state = seed;
    for (unsigned round = 0; round < 20000; round++) {
        struct sp_forwarded_trust trust = draw(2) == 0 ? trust_of("10.0.0.0/8", 0) : trust_of("", 1 + draw(3));
        char line[256], spoof[128], joined[400], apart[400];
        char alone[SP_CIDR_TEXT_BYTES], with[SP_CIDR_TEXT_BYTES];
        draw_line(line, sizeof(line));
        draw_line(spoof, sizeof(spoof));
        client_of(&trust, "10.0.0.1", line, alone);
        if (strcmp(alone, "-") == 0)
            continue;
        known++;
        snprintf(joined, sizeof(joined), "%s,%s", spoof, line);
        snprintf(apart, sizeof(apart), "%s\n%s", spoof, line);
        client_of(&trust, "10.0.0.1", joined, with);
        assert_string_equal(with, alone);
        client_of(&trust, "10.0.0.1", apart, with);
        assert_string_equal(with, alone);
    }
    assert_true(known > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(believes_nobody_unless_told),
        cmocka_unit_test(counts_one_hop_from_the_right),
        cmocka_unit_test(counts_further_hops_and_never_reads_what_is_left_of_them),
        cmocka_unit_test(walks_from_the_peer_over_trusted_ranges),
        cmocka_unit_test(reads_an_entry_strictly),
        cmocka_unit_test(a_header_counts_from_trusted_peers_only),
        cmocka_unit_test(a_peer_is_trusted_if_it_is_named_or_none_is),
        cmocka_unit_test(a_nul_ends_no_entry),
        cmocka_unit_test(refuses_settings_that_would_trust_everybody_or_say_two_things),
        cmocka_unit_test(takes_a_hundred_ranges_and_no_more),
        cmocka_unit_test(what_stands_on_the_left_never_changes_a_known_address),
    };
    return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
