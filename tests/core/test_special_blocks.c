/* Which ranges are public. The vectors are written out from IANA's registries, apart from the table
 * that is tested. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/special_blocks.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct sp_cidr cidr_of(const char *text) {
    struct sp_cidr cidr;
    struct sp_error error = {0};
    if (sp_cidr_parse(sp_str_from(text), &cidr, &error) != SP_OK)
        fail_msg("%s was refused: %s", text, error.message);
    return cidr;
}

/* `block` NULL: the entry is public; otherwise "10.0.0.0/8 (Private-Use)". */
static void expect_rule(const char *entry, const char *block) {
    struct sp_cidr cidr = cidr_of(entry);
    struct sp_error error = {0};
    enum sp_status status = sp_cidr_check_public(&cidr, false, &error);
    char normalised[SP_CIDR_TEXT_BYTES], message[256];
    sp_cidr_format(&cidr, normalised);
    if ((status == SP_OK) != (block == NULL))
        fail_msg("%s: %s", entry, status == SP_OK ? "accepted" : error.message);
    if (block == NULL)
        return;
    assert_int_equal(status, SP_ERR_INVALID);
    size_t size = strcspn(block, " ");
    const struct sp_special_block *named = sp_special_blocks;
    while (named->text != NULL && (strlen(named->text) != size || strncmp(named->text, block, size) != 0))
        named++;
    assert_non_null(named->text);
    if (strlen(normalised) == size && strncmp(normalised, block, size) == 0)
        snprintf(message, sizeof(message), "%s is not public", block);
    else
        snprintf(message, sizeof(message), "%s %s %s, which is not public", normalised,
                 sp_cidr_contains(&cidr, &named->cidr) ? "contains" : "is in", block);
    if (strncmp(error.message, message, strlen(message)) != 0)
        fail_msg("%s\nwanted: %s", error.message, message);
}

#define OUTSIDE_LOW "::/3 (outside Global Unicast, 2000::/3)"
#define OUTSIDE_MIDDLE "4000::/2 (outside Global Unicast, 2000::/3)"
#define OUTSIDE_HIGH "8000::/1 (outside Global Unicast, 2000::/3)"
#define IETF_V4 "192.0.0.0/24 (IETF Protocol Assignments)"
#define IETF_V6 "2001::/23 (IETF Protocol Assignments)"

/* First and last address of each block, and their neighbours (NULL: there is none), with the block
 * that refuses each. */
static const struct edge {
    const char *before, *before_in, *first, *last, *in, *after, *after_in;
} edges[] = {
    {NULL, NULL, "0.0.0.0", "0.255.255.255", "0.0.0.0/8 (This network)", "1.0.0.0", NULL},
    {"9.255.255.255", NULL, "10.0.0.0", "10.255.255.255", "10.0.0.0/8 (Private-Use)", "11.0.0.0", NULL},
    {"100.63.255.255", NULL, "100.64.0.0", "100.127.255.255", "100.64.0.0/10 (Shared Address Space)", "100.128.0.0",
     NULL},
    {"126.255.255.255", NULL, "127.0.0.0", "127.255.255.255", "127.0.0.0/8 (Loopback)", "128.0.0.0", NULL},
    {"169.253.255.255", NULL, "169.254.0.0", "169.254.255.255", "169.254.0.0/16 (Link Local)", "169.255.0.0", NULL},
    {"172.15.255.255", NULL, "172.16.0.0", "172.31.255.255", "172.16.0.0/12 (Private-Use)", "172.32.0.0", NULL},
    {"191.255.255.255", NULL, "192.0.0.0", "192.0.0.7", "192.0.0.0/29 (IPv4 Service Continuity Prefix)", "192.0.0.8",
     "192.0.0.8/32 (IPv4 dummy address)"},
    {"192.0.0.8", "192.0.0.8/32 (IPv4 dummy address)", "192.0.0.9", "192.0.0.9",
     "192.0.0.9/32 (Port Control Protocol Anycast)", "192.0.0.10",
     "192.0.0.10/32 (Traversal Using Relays around NAT Anycast)"},
    {"192.0.0.169", IETF_V4, "192.0.0.170", "192.0.0.170", "192.0.0.170/32 (NAT64/DNS64 Discovery)", "192.0.0.171",
     "192.0.0.171/32 (NAT64/DNS64 Discovery)"},
    {"192.0.0.171", "192.0.0.171/32 (NAT64/DNS64 Discovery)", "192.0.0.172", "192.0.0.255", IETF_V4, "192.0.1.0", NULL},
    {"192.88.98.255", NULL, "192.88.99.0", "192.88.99.255", "192.88.99.0/24 (Deprecated (6to4 Relay Anycast))",
     "192.88.100.0", NULL},
    {"192.88.99.1", "192.88.99.0/24 (Deprecated (6to4 Relay Anycast))", "192.88.99.2", "192.88.99.2",
     "192.88.99.2/32 (6a44-relay anycast address)", "192.88.99.3", "192.88.99.0/24 (Deprecated (6to4 Relay Anycast))"},
    {"192.167.255.255", NULL, "192.168.0.0", "192.168.255.255", "192.168.0.0/16 (Private-Use)", "192.169.0.0", NULL},
    {"198.17.255.255", NULL, "198.18.0.0", "198.19.255.255", "198.18.0.0/15 (Benchmarking)", "198.20.0.0", NULL},
    {"223.255.255.255", NULL, "224.0.0.0", "239.255.255.255", "224.0.0.0/4 (Multicast)", "240.0.0.0",
     "240.0.0.0/4 (Reserved)"},
    {"239.255.255.255", "224.0.0.0/4 (Multicast)", "240.0.0.0", "255.255.255.254", "240.0.0.0/4 (Reserved)",
     "255.255.255.255", "255.255.255.255/32 (Limited Broadcast)"},
    {NULL, NULL, "::", "::", "::/128 (Unspecified Address)", "::1", "::1/128 (Loopback Address)"},
    {"::1", "::1/128 (Loopback Address)", "::2", "::ffff:ffff", OUTSIDE_LOW, "::1:0:0", OUTSIDE_LOW},
    {"64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_LOW, "64:ff9b::", "64:ff9b::ffff:ffff",
     "64:ff9b::/96 (IPv4-IPv6 Translat.)", "64:ff9b::1:0:0", OUTSIDE_LOW},
    {"64:ff9b:0:ffff:ffff:ffff:ffff:ffff", OUTSIDE_LOW, "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
     "64:ff9b:1::/48 (IPv4-IPv6 Translat.)", "64:ff9b:2::", OUTSIDE_LOW},
    {"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_LOW, "100::", "100::ffff:ffff:ffff:ffff",
     "100::/64 (Discard-Only Address Block)", "100:0:0:1::", "100:0:0:1::/64 (Dummy IPv6 Prefix)"},
    {"100::ffff:ffff:ffff:ffff", "100::/64 (Discard-Only Address Block)",
     "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "100:0:0:1::/64 (Dummy IPv6 Prefix)", "100:0:0:2::", OUTSIDE_LOW},
    {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", OUTSIDE_LOW, "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_LOW, "2000::", NULL},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001::/32 (TEREDO)", "2001:1::", IETF_V6},
    {"2001:1::3", NULL, "2001:1::4", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6,
     "2001:2::", "2001:2::/48 (Benchmarking)"},
    {"2001:1:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6, "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff",
     "2001:2::/48 (Benchmarking)", "2001:2:1::", IETF_V6},
    {"2001:2:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6, "2001:4::", "2001:4:111:ffff:ffff:ffff:ffff:ffff", IETF_V6,
     "2001:4:112::", NULL},
    {"2001:3:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2001:4:113::", "2001:f:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6,
     "2001:10::", "2001:10::/28 (Deprecated (previously ORCHID))"},
    {"2001:f:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6, "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001:10::/28 (Deprecated (previously ORCHID))", "2001:20::", NULL},
    {"2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", IETF_V6,
     "2001:200::", NULL},
    {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "2002::/16 (6to4)", "2003::", NULL},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     OUTSIDE_MIDDLE, "5f00::", "5f00::/16 (Segment Routing (SRv6) SIDs)"},
    {"5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_MIDDLE, "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "5f00::/16 (Segment Routing (SRv6) SIDs)", "5f01::", OUTSIDE_MIDDLE},
    {"7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_MIDDLE, "8000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     OUTSIDE_HIGH, "fc00::", "fc00::/7 (Unique-Local)"},
    {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_HIGH, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "fc00::/7 (Unique-Local)", "fe00::", OUTSIDE_HIGH},
    {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OUTSIDE_HIGH, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "fe80::/10 (Link-Local Unicast)", "fec0::", "fec0::/10 (Reserved by IETF, once Site-Local)"},
    {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::/10 (Link-Local Unicast)",
     "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::/10 (Reserved by IETF, once Site-Local)",
     "ff00::", "ff00::/8 (Multicast)"},
    {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::/10 (Reserved by IETF, once Site-Local)",
     "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::/8 (Multicast)", NULL, NULL},
};

static void each_block_is_refused_from_its_first_to_its_last_address(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++) {
        expect_rule(edges[i].first, edges[i].in);
        expect_rule(edges[i].last, edges[i].in);
        if (edges[i].before != NULL)
            expect_rule(edges[i].before, edges[i].before_in);
        if (edges[i].after != NULL)
            expect_rule(edges[i].after, edges[i].after_in);
    }
}

static void each_v4_block_is_refused_in_its_mapped_form_too(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++) {
        char mapped[SP_CIDR_TEXT_BYTES];
        if (strchr(edges[i].first, ':') != NULL)
            continue;
        snprintf(mapped, sizeof(mapped), "::ffff:%s", edges[i].first);
        expect_rule(mapped, edges[i].in);
        snprintf(mapped, sizeof(mapped), "::ffff:%s/128", edges[i].last);
        expect_rule(mapped, edges[i].in);
    }
}

static void a_range_that_contains_a_block_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *entry;
        const char *block;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8 (Private-Use)"},
        {"10.128.0.0/9", "10.0.0.0/8 (Private-Use)"},
        {"8.0.0.0/5", "10.0.0.0/8 (Private-Use)"},
        {"0.0.0.0/1", "0.0.0.0/8 (This network)"},
        {"192.0.0.0/16", IETF_V4},
        {"192.0.0.0/23", IETF_V4},
        {"192.0.0.0/24", IETF_V4},
        {"192.0.0.8/30", IETF_V4},
        {"192.88.99.0/24", "192.88.99.0/24 (Deprecated (6to4 Relay Anycast))"},
        {"2000::/3", "2002::/16 (6to4)"},
        {"2001::/16", IETF_V6},
        {"2001::/23", IETF_V6},
        {"2001:20::/27", IETF_V6}, /* ORCHIDv2 and the next block, which are public each */
        {"2001:1::/64", IETF_V6},
        {"e000::/4", OUTSIDE_HIGH},
        {"8000::/1", OUTSIDE_HIGH},
        {"fe00::/7", OUTSIDE_HIGH},
        {"4000::/3", OUTSIDE_MIDDLE},
        {"::/95", OUTSIDE_LOW},
        {"64:ff9b::/47", OUTSIDE_LOW},
        {"100::/63", OUTSIDE_LOW},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_rule(cases[i].entry, cases[i].block);
}

static void what_is_globally_reachable_or_documentation_is_public(void **state) {
    (void)state;
    static const char *const entries[] = {
        "8.0.0.0/7",       "1.0.0.0/8",      "11.0.0.0/8",        "192.0.1.0/24",    "192.0.2.0/24",
        "198.51.100.0/24", "203.0.113.0/24", "192.31.196.0/24",   "192.52.193.0/24", "192.175.48.0/24",
        "2001:db8::/32",   "2001:db8::1",    "3fff::/20",         "2001:4860::/32",  "2600::/12",
        "2001:1::1",       "2001:1::2",      "2001:1::3",         "2001:3::/32",     "2001:4:112::/48",
        "2001:20::/28",    "2001:30::/28",   "2620:4f:8000::/48", "2001:200::/23",   "2000::/16",
        "2003::/16",       "3ffe::/16",      "2400::/12",         "2a00::/12",       "3000::/5",
    };
    for (size_t i = 0; i < COUNT(entries); i++)
        expect_rule(entries[i], NULL);
}

static void private_networks_can_be_allowed_and_nothing_else_that_is_not_public(void **state) {
    static const struct {
        const char *entry;
        bool allowed;
    } mixed[] = {
        {"10.0.0.0/8", true},
        {"100.64.0.0/10", true},
        {"172.16.0.0/12", true},
        {"192.168.0.0/16", true},
        {"fc00::/7", true},
        {"10.1.2.3", true},
        {"::ffff:10.1.2.3/128", true},
        {"fd00::/8", true},
        {"8.0.0.0/5", true},   /* 10.0.0.0/8 and public addresses */
        {"0.0.0.0/0", false},  /* loopback, among others */
        {"64.0.0.0/2", false}, /* 127.0.0.0/8 beside 100.64.0.0/10 */
        {"fc00::/6", false},   /* link-local beside unique local */
        {"127.0.0.1", false},
        {"169.254.1.1", false},
        {"fe80::1", false},
        {"e000::/4", false},
        {"fec0::1", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(mixed); i++) {
        struct sp_cidr cidr = cidr_of(mixed[i].entry);
        if ((sp_cidr_check_public(&cidr, true, NULL) == SP_OK) != mixed[i].allowed)
            fail_msg("%s", mixed[i].entry);
    }
}

/* ---- the table ---- */

static void every_row_is_what_its_text_says(void **state) {
    (void)state;
    size_t rows = 0;
    for (const struct sp_special_block *block = sp_special_blocks; block->text != NULL; block++, rows++) {
        char text[SP_CIDR_TEXT_BYTES];
        if (strcmp(block->text, "::/3") != 0) { /* which nobody may give: it holds ::ffff:0:0/96 */
            struct sp_cidr cidr = cidr_of(block->text);
            assert_memory_equal(&cidr, &block->cidr, sizeof(cidr));
        }
        sp_cidr_format(&block->cidr, text);
        assert_string_equal(text, block->text);
        assert_true(block->name[0] != '\0' && strncmp(block->source, "ipv", 3) == 0);
    }
    assert_int_equal(rows, 55);
}

/* Names are those of the most specific block; and what is accepted holds nothing that is
 * refused. */
static void specific_blocks_come_first_and_accepted_ones_hold_no_refused_one(void **state) {
    (void)state;
    for (const struct sp_special_block *a = sp_special_blocks; a->text != NULL; a++)
        for (const struct sp_special_block *b = a + 1; b->text != NULL; b++) {
            if (sp_cidr_is_v4(&a->cidr) != sp_cidr_is_v4(&b->cidr) || !sp_cidr_overlaps(&a->cidr, &b->cidr))
                continue;
            if (!sp_cidr_contains(&b->cidr, &a->cidr) || a->cidr.prefix == b->cidr.prefix)
                fail_msg("%s stands after %s", b->text, a->text);
            if (b->rule != SP_BLOCK_REFUSED)
                fail_msg("%s holds %s", b->text, a->text);
        }
}

/* ---- property ---- */

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static int bit_of(const struct sp_ip *ip, unsigned bit) {
    return ip->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

static bool share_bits_naively(const struct sp_cidr *a, const struct sp_cidr *b, unsigned bits) {
    for (unsigned bit = 0; bit < bits; bit++)
        if (bit_of(&a->first, bit) != bit_of(&b->first, bit))
            return false;
    return true;
}

/* Refused is what meets a refused row, unless all of it lies within an accepted one. */
static bool is_public_naively(const struct sp_cidr *cidr) {
    bool met = false;
    for (const struct sp_special_block *block = sp_special_blocks; block->text != NULL; block++) {
        bool accepted = block->rule == SP_BLOCK_REACHABLE || block->rule == SP_BLOCK_DOCUMENTATION;
        unsigned shorter = cidr->prefix < block->cidr.prefix ? cidr->prefix : block->cidr.prefix;
        bool same_family = (strchr(block->text, ':') == NULL) == sp_cidr_is_v4(cidr);
        if (!same_family || !share_bits_naively(cidr, &block->cidr, shorter))
            continue;
        if (accepted && cidr->prefix >= block->cidr.prefix)
            return true;
        met = met || !accepted;
    }
    return !met;
}

static void overlap_with_a_block_equals_a_bit_loop(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SP_TEST_SEED=%" PRIu64 "\n", seed);
    uint64_t random = seed * 2 + 1;
    for (unsigned i = 0; i < 20000; i++) {
        struct sp_cidr cidr = sp_special_blocks[next(&random) % 55].cidr;
        unsigned family = sp_cidr_is_v4(&cidr) ? 96 : 0;
        unsigned flipped = family + (unsigned)(next(&random) % (128 - family));
        cidr.first.bytes[flipped / 8] ^= (uint8_t)(1U << (7 - flipped % 8));
        if (family == 0 && sp_ip_is_v4(&cidr.first))
            continue;
        cidr.prefix = (uint8_t)(family + next(&random) % (129 - family));
        for (unsigned bit = cidr.prefix; bit < 128; bit++)
            cidr.first.bytes[bit / 8] &= (uint8_t) ~(1U << (7 - bit % 8));
        if (family == 96 && !sp_ip_is_v4(&cidr.first))
            continue;
        if ((sp_cidr_check_public(&cidr, false, NULL) == SP_OK) != is_public_naively(&cidr)) {
            char text[SP_CIDR_TEXT_BYTES];
            sp_cidr_format(&cidr, text);
            fail_msg("%s", text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_block_is_refused_from_its_first_to_its_last_address),
        cmocka_unit_test(each_v4_block_is_refused_in_its_mapped_form_too),
        cmocka_unit_test(a_range_that_contains_a_block_is_refused),
        cmocka_unit_test(what_is_globally_reachable_or_documentation_is_public),
        cmocka_unit_test(private_networks_can_be_allowed_and_nothing_else_that_is_not_public),
        cmocka_unit_test(every_row_is_what_its_text_says),
        cmocka_unit_test(specific_blocks_come_first_and_accepted_ones_hold_no_refused_one),
        cmocka_unit_test(overlap_with_a_block_equals_a_bit_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
