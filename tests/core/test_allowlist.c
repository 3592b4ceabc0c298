#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/allowlist.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
enum { MAX_TEXTS = 128, TEXT_BYTES = 80 };

static struct sp_arena arena;

static int set_up(void **state) {
    (void)state;
    return sp_arena_init(&arena, 4096, 1 << 20) == SP_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static struct sp_ip ip_of(const char *text) {
    struct sp_ip ip;
    assert_int_equal(sp_ip_parse(sp_str_from(text), &ip, NULL), SP_OK);
    return ip;
}

static struct sp_bytes compile(const char *const *texts, size_t count) {
    struct sp_bytes ranges;
    struct sp_error error = {0};
    if (sp_allowlist_compile(texts, count, &arena, &ranges, &error) != SP_OK)
        fail_msg("%s", error.message);
    return ranges;
}

/* ---- normalising ---- */

static void entries_are_joined_into_the_fewest_blocks(void **state) {
    (void)state;
    static const struct {
        const char *given[8];
        const char *joined; /* with blanks between */
    } cases[] = {
        {{"203.0.113.7", "2001:DB8::/32", "203.0.113.7/32", "203.0.113.0/24", "2001:db8::/32", "::ffff:203.0.113.7/128",
          "8.8.8.0/24", "2001:db8:0:0::/32"},
         "8.8.8.0/24 203.0.113.0/24 2001:db8::/32"},
        {{"8.8.8.0/25", "8.8.8.128/25"}, "8.8.8.0/24"},
        {{"8.8.8.128/25", "8.8.9.0/24"}, "8.8.8.128/25 8.8.9.0/24"}, /* one range, but no one block */
        {{"8.8.8.0/25", "8.8.8.128/26", "8.8.8.192/27", "8.8.8.224/27"}, "8.8.8.0/24"},
        {{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, "203.0.113.1/32 203.0.113.2/31"},
        {{"203.0.113.3", "203.0.113.0", "203.0.113.2", "203.0.113.1"}, "203.0.113.0/30"},
        {{"2001:db8::/33", "2001:db8:8000::/33"}, "2001:db8::/32"},
        {{"8.0.0.0/8", "8.8.8.8", "9.0.0.0/8"}, "8.0.0.0/7"},
        {{"223.255.255.255", "2001:db8::"}, "223.255.255.255/32 2001:db8::/128"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_str entries[COUNT(cases[i].given)];
        size_t given = 0, count = 0;
        const char **texts = NULL;
        char joined[256] = "";
        for (; given < COUNT(entries) && cases[i].given[given] != NULL; given++)
            entries[given] = sp_str_from(cases[i].given[given]);
        assert_int_equal(sp_allowlist_normalise(entries, given, false, &arena, &texts, &count, NULL), SP_OK);
        for (size_t at = 0; at < count; at++)
            snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", at > 0 ? " " : "", texts[at]);
        assert_string_equal(joined, cases[i].joined);
    }
}

static void counts_entries_as_given(void **state) {
    (void)state;
    static const struct {
        size_t count;
        const char *message; /* NULL: accepted */
    } cases[] = {
        {0, "allowed_ips: must have 1 to 4096 entries; to allow any address, clear the list"},
        {1, NULL},
        {101, NULL},
        {4096, NULL},
        {4097, "allowed_ips: 4097 entries were given; the limits are 4096 entries, and 100 CIDR blocks once "
               "they are joined"},
        {5000, "allowed_ips: 5000 entries were given; the limits are 4096 entries, and 100 CIDR blocks once "
               "they are joined"},
    };
    static struct sp_str entries[5000];
    for (size_t i = 0; i < COUNT(entries); i++)
        entries[i] = sp_str_from("203.0.113.7");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char **texts = NULL;
        size_t count = 42;
        struct sp_error error = {0};
        enum sp_status status = sp_allowlist_normalise(entries, cases[i].count, false, &arena, &texts, &count, &error);
        assert_int_equal(status, cases[i].message == NULL ? SP_OK : SP_ERR_INVALID);
        assert_int_equal(count, cases[i].message == NULL ? 1 : 42);
        if (cases[i].message != NULL)
            assert_string_equal(error.message, cases[i].message);
    }
}

/* Every other address of a range joins with nothing. */
static void says_how_many_were_given_and_how_many_blocks_are_left(void **state) {
    (void)state;
    static char written[4096][20];
    static struct sp_str entries[4096];
    static const struct {
        size_t count;
        unsigned step;
        size_t joined; /* 0: refused */
        const char *message;
    } cases[] = {
        {100, 2, 100, NULL},
        {101, 2, 0,
         "allowed_ips: the 101 entries given join into 101 CIDR blocks, and a list holds at most 100; give fewer or "
         "larger "
         "ranges"},
        {4096, 1, 1, NULL},
        {4095, 1, 12, NULL}, /* all but the last of 2^12 */
        {4096, 2, 0, "allowed_ips: the 4096 entries given join into 4096 CIDR blocks, and a list holds at most 100"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char **texts = NULL;
        size_t count = 0;
        struct sp_error error = {0};
        for (unsigned at = 0; at < cases[i].count; at++) {
            unsigned address = at * cases[i].step;
            snprintf(written[at], sizeof(written[at]), "8.8.%u.%u", address / 256, address % 256);
            entries[at] = sp_str_from(written[at]);
        }
        enum sp_status status = sp_allowlist_normalise(entries, cases[i].count, false, &arena, &texts, &count, &error);
        assert_int_equal(status, cases[i].joined > 0 ? SP_OK : SP_ERR_INVALID);
        assert_int_equal(count, cases[i].joined);
        if (cases[i].message != NULL)
            assert_int_equal(strncmp(error.message, cases[i].message, strlen(cases[i].message)), 0);
        sp_arena_reset(&arena);
    }
}

#define BY_AN_OPERATOR ": an operator can allow private ranges for the workspace"

static void says_which_entry_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *entry;
        const char *message;
    } cases[] = {
        {"", "allowed_ips[2]: an IP address must not be empty"},
        {"10.1.2.3", "allowed_ips[2]: 10.1.2.3/32 is in 10.0.0.0/8 (Private-Use), which is not public" BY_AN_OPERATOR},
        {"8.0.0.0/5",
         "allowed_ips[2]: 8.0.0.0/5 contains 10.0.0.0/8 (Private-Use), which is not public" BY_AN_OPERATOR},
        {"0.0.0.0/0", "allowed_ips[2]: 0.0.0.0/0 is any address: to allow any address, clear the list instead"},
        {"::/0", "allowed_ips[2]: ::/0 is any address: to allow any address, clear the list instead"},
        {"1.2.3.4/0", "allowed_ips[2]: 1.2.3.4/0 is any address: to allow any address, clear the list instead"},
        {"2001:db8::7/0", "allowed_ips[2]: 2001:db8::7/0 is any address: to allow any address, clear the list instead"},
        {"1.2.3/0", "allowed_ips[2]: 1.2.3: an IPv4 address has four parts, not 3"},
        {"*", "allowed_ips[2]: * is any address: to allow any address, clear the list instead"},
        {"203.0.113.7:443", "allowed_ips[2]: 203.0.113.7:443: a port is not part of an address; remove it"},
        {"[2001:db8::7]:443", "allowed_ips[2]: [2001:db8::7]:443: a port is not part of an address; remove it"},
        {"[2001:db8::7]", "allowed_ips[2]: character 1: brackets are not allowed"},
        {"2001:db8::7:443/64",
         "allowed_ips[2]: 2001:db8::7:443/64 has bits set under its prefix length; write 2001:db8::/64"},
        {"::ffff:10.0.0.1",
         "allowed_ips[2]: 10.0.0.1/32 is in 10.0.0.0/8 (Private-Use), which is not public" BY_AN_OPERATOR},
        {"203.0.113.7/24", "allowed_ips[2]: 203.0.113.7/24 has bits set under its prefix length; write 203.0.113.0/24"},
        {"1.2.3", "allowed_ips[2]: 1.2.3: an IPv4 address has four parts, not 3"},
        {"example.com", "allowed_ips[2]: character 2: not allowed in an IP address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_str entries[] = {sp_str_from("8.8.8.8"), sp_str_from("9.9.9.9"), sp_str_from(cases[i].entry)};
        const char **texts = NULL;
        size_t count;
        struct sp_error error = {0};
        assert_int_equal(sp_allowlist_normalise(entries, 3, false, &arena, &texts, &count, &error), SP_ERR_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_null(texts);
    }
}

static void runs_out_of_memory_cleanly(void **state) {
    (void)state;
    struct sp_str entry = sp_str_from("8.8.8.8");
    const char *text = "8.8.8.8/32";
    for (size_t budget = 0; budget < 96; budget += 16) {
        struct sp_arena small;
        const char **texts;
        size_t count;
        struct sp_bytes ranges;
        assert_int_equal(sp_arena_init(&small, 16, budget), SP_OK);
        enum sp_status status = sp_allowlist_normalise(&entry, 1, false, &small, &texts, &count, NULL);
        assert_int_equal(status, budget < 64 ? SP_ERR_MEMORY : SP_OK);
        sp_arena_reset(&small);
        status = sp_allowlist_compile(&text, 1, &small, &ranges, NULL);
        assert_int_equal(status, budget < 32 ? SP_ERR_MEMORY : SP_OK);
        sp_arena_fini(&small);
    }
}

/* ---- compiling ---- */

static void compiles_to_sorted_ranges_that_do_not_touch(void **state) {
    (void)state;
    static const struct {
        const char *texts[5];
        const char *ranges; /* first-last first-last … */
    } cases[] = {
        {{NULL}, ""},
        {{"8.8.8.8/32"}, "8.8.8.8-8.8.8.8 "},
        {{"9.0.0.0/8", "8.0.0.0/8"}, "8.0.0.0-9.255.255.255 "},
        {{"9.0.0.0/8", "7.0.0.0/8"}, "7.0.0.0-7.255.255.255 9.0.0.0-9.255.255.255 "},
        {{"8.0.0.0/8", "8.8.8.8/32", "8.255.255.255/32"}, "8.0.0.0-8.255.255.255 "},
        {{"8.8.8.8/32", "8.8.8.9/32", "8.8.8.11/32"}, "8.8.8.8-8.8.8.9 8.8.8.11-8.8.8.11 "},
        {{"2001:db8::/32", "8.8.8.8/32"}, "8.8.8.8-8.8.8.8 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff "},
        {{"ffff::/16", "8000::/1"}, "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "},
        {{"8000::/1", "ffff::/16", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
         "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "},
        {{"8.8.8.8", "8.8.8.8"}, "8.8.8.8-8.8.8.8 "},
        {{"10.0.0.0/8"}, "10.0.0.0-10.255.255.255 "}, /* stored lists are enforced as they are */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = 0;
        while (count < 5 && cases[i].texts[count] != NULL)
            count++;
        struct sp_bytes ranges = compile(cases[i].texts, count);
        char written[512] = "";
        for (size_t at = 0; at < ranges.size; at += 16) {
            struct sp_ip ip;
            char text[SP_CIDR_TEXT_BYTES];
            memcpy(ip.bytes, ranges.data + at, 16);
            sp_ip_format(&ip, text);
            size_t used = strlen(written);
            snprintf(written + used, sizeof(written) - used, "%s%c", text, at % 32 == 0 ? '-' : ' ');
        }
        assert_string_equal(written, cases[i].ranges);
    }
}

static void refuses_to_compile_what_is_no_range(void **state) {
    (void)state;
    static const char *const texts[] = {"8.8.8.8/32", "8.8.8.8/24"};
    struct sp_bytes ranges = {NULL, 42};
    struct sp_error error = {0};
    assert_int_equal(sp_allowlist_compile(texts, 2, &arena, &ranges, &error), SP_ERR_INVALID);
    assert_string_equal(error.message,
                        "allowed_ips[1]: 8.8.8.8/24 has bits set under its prefix length; write 8.8.8.0/24");
    assert_int_equal(ranges.size, 42);
    static const char *many[101];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = texts[0];
    assert_int_equal(sp_allowlist_compile(many, 101, &arena, &ranges, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "allowed_ips: 101 entries, but at most 100 are allowed");
    assert_int_equal(sp_allowlist_compile(many, 100, &arena, &ranges, &error), SP_OK);
    assert_int_equal(ranges.size, SP_ALLOWLIST_RANGE_BYTES);
}

/* ---- searching ---- */

static void contains_from_first_to_last(void **state) {
    (void)state;
    static const char *const texts[] = {"8.8.8.0/24", "203.0.113.7/32", "2001:db8::/32", "1.0.0.0/31"};
    struct sp_bytes ranges = compile(texts, COUNT(texts));
    static const struct {
        const char *ip;
        bool inside;
    } cases[] = {
        {"8.8.7.255", false},
        {"8.8.8.0", true},
        {"8.8.8.255", true},
        {"8.8.9.0", false},
        {"203.0.113.6", false},
        {"203.0.113.7", true},
        {"203.0.113.8", false},
        {"::ffff:203.0.113.7", true},
        {"::203.0.113.7", false},
        {"1.0.0.0", true},
        {"1.0.0.1", true},
        {"1.0.0.2", false},
        {"0.255.255.255", false},
        {"2001:db8::", true},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db9::", false},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"::", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_ip ip = ip_of(cases[i].ip);
        assert_int_equal(sp_allowlist_contains(ranges, &ip), cases[i].inside);
    }
}

static void a_list_that_is_empty_or_no_list_contains_nothing(void **state) {
    (void)state;
    static const uint8_t everything[64] = {[16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff,        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct sp_ip ip = ip_of("8.8.8.8");
    assert_true(sp_allowlist_contains((struct sp_bytes){everything, 32}, &ip));
    for (size_t size = 0; size < 64; size++) {
        struct sp_bytes ranges = {everything, size};
        assert_int_equal(sp_allowlist_contains(ranges, &ip), size == 32);
        assert_int_equal(sp_allowlist_covers(ranges, (struct sp_bytes){everything, 32}), size == 32);
        assert_int_equal(sp_allowlist_covers((struct sp_bytes){everything, 32}, ranges), size == 32);
    }
    assert_false(sp_allowlist_contains((struct sp_bytes){NULL, 0}, &ip));
}

static void covers_only_what_lies_inside(void **state) {
    (void)state;
    static const struct {
        const char *outer[3];
        const char *inner[3];
        bool covered;
    } cases[] = {
        {{"8.8.8.0/24"}, {"8.8.8.0/24"}, true},
        {{"8.8.8.0/24"}, {"8.8.8.8/32"}, true},
        {{"8.8.8.0/24"}, {"8.8.8.8/32", "8.8.8.255/32"}, true},
        {{"8.8.8.0/24"}, {"8.8.8.8/32", "8.8.9.0/32"}, false},
        {{"8.8.8.0/24"}, {"8.8.8.0/23"}, false},
        {{"8.8.8.0/24"}, {"8.8.7.0/24"}, false},
        {{"8.8.8.0/24", "8.8.9.0/24"}, {"8.8.8.0/23"}, true},
        {{"8.8.8.0/24", "8.8.10.0/24"}, {"8.8.8.0/23"}, false},
        {{"2001:db8::/32"}, {"8.8.8.8/32"}, false},
        {{"2001:db8::/32", "8.8.8.8/32"}, {"8.8.8.8/32", "2001:db8:1::/48"}, true},
        {{"8.8.8.8/32"}, {NULL}, false},
        {{NULL}, {"8.8.8.8/32"}, false},
        {{NULL}, {NULL}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t outer = 0;
        size_t inner = 0;
        while (outer < 3 && cases[i].outer[outer] != NULL)
            outer++;
        while (inner < 3 && cases[i].inner[inner] != NULL)
            inner++;
        struct sp_bytes outer_ranges = compile(cases[i].outer, outer);
        assert_int_equal(sp_allowlist_covers(outer_ranges, compile(cases[i].inner, inner)), cases[i].covered);
    }
}

/* ---- properties ---- */

static uint64_t seed_of_run(void) {
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SP_TEST_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static uint64_t next(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Lists over few neighbouring addresses, so that ranges often meet and overlap. */
static size_t random_list(uint64_t *random, char texts[][TEXT_BYTES], struct sp_cidr *cidrs) {
    size_t count = 1 + (size_t)(next(random) % 12);
    for (size_t i = 0; i < count; i++) {
        bool v6 = next(random) % 3 == 0;
        unsigned host_bits = (unsigned)(next(random) % 5);
        unsigned at = (unsigned)(next(random) % 64) >> host_bits << host_bits;
        if (v6)
            snprintf(texts[i], TEXT_BYTES, "2001:db8::%x/%u", at, 128 - host_bits);
        else
            snprintf(texts[i], TEXT_BYTES, "203.0.113.%u/%u", at, 32 - host_bits);
        assert_int_equal(sp_cidr_parse(sp_str_from(texts[i]), &cidrs[i], NULL), SP_OK);
    }
    return count;
}

static bool naive_contains(const struct sp_cidr *cidrs, size_t count, const struct sp_ip *ip) {
    for (size_t i = 0; i < count; i++) {
        bool same = true;
        for (unsigned bit = 0; bit < cidrs[i].prefix; bit++) {
            unsigned difference = (unsigned)(cidrs[i].first.bytes[bit / 8] ^ ip->bytes[bit / 8]);
            same = same && (difference >> (7 - bit % 8) & 1U) == 0;
        }
        if (same)
            return true;
    }
    return false;
}

static struct sp_ip neighbour(unsigned i) {
    struct sp_ip ip = ip_of(i < 80 ? "203.0.113.0" : "2001:db8::");
    ip.bytes[15] = (uint8_t)(i % 80);
    return ip;
}

static void contains_equals_a_naive_scan(void **state) {
    (void)state;
    uint64_t random = seed_of_run() * 2 + 1;
    for (unsigned round = 0; round < 1000; round++) {
        char texts[MAX_TEXTS][TEXT_BYTES];
        const char *pointers[MAX_TEXTS];
        struct sp_cidr cidrs[MAX_TEXTS];
        size_t count = random_list(&random, texts, cidrs);
        for (size_t i = 0; i < count; i++)
            pointers[i] = texts[i];
        struct sp_bytes ranges = compile(pointers, count);
        for (unsigned i = 0; i < 160; i++) {
            struct sp_ip ip = neighbour(i);
            assert_int_equal(sp_allowlist_contains(ranges, &ip), naive_contains(cidrs, count, &ip));
        }
        sp_arena_reset(&arena);
    }
}

/* No two blocks are halves of one, nor touch in any other way that a larger block would hold
 * both. */
static void assert_fewest(const char *const *texts, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct sp_cidr before, block, parent;
        assert_int_equal(sp_cidr_parse(sp_str_from(texts[i - 1]), &before, NULL), SP_OK);
        assert_int_equal(sp_cidr_parse(sp_str_from(texts[i]), &block, NULL), SP_OK);
        assert_true(memcmp(before.first.bytes, block.first.bytes, 16) < 0);
        assert_false(sp_cidr_overlaps(&before, &block));
        parent = (struct sp_cidr){before.first, (uint8_t)(before.prefix - 1)};
        struct sp_ip last = sp_cidr_last(&block), parent_last = sp_cidr_last(&parent);
        bool even = (before.first.bytes[(before.prefix - 1) / 8] >> (7 - (before.prefix - 1) % 8) & 1) == 0;
        assert_false(before.prefix == block.prefix && even && memcmp(&last, &parent_last, sizeof(last)) == 0);
    }
}

static void joining_changes_no_answer_and_leaves_the_fewest_blocks(void **state) {
    (void)state;
    uint64_t random = seed_of_run() * 2 + 1;
    for (unsigned round = 0; round < 3000; round++) {
        char texts[MAX_TEXTS][TEXT_BYTES];
        const char *pointers[MAX_TEXTS], **joined = NULL;
        struct sp_str entries[MAX_TEXTS];
        struct sp_cidr cidrs[MAX_TEXTS];
        size_t count = random_list(&random, texts, cidrs), left = 0;
        for (size_t i = 0; i < count; i++) {
            pointers[i] = texts[i];
            entries[i] = sp_str_from(texts[i]);
        }
        assert_int_equal(sp_allowlist_normalise(entries, count, false, &arena, &joined, &left, NULL), SP_OK);
        assert_true(left >= 1 && left <= count);
        assert_fewest(joined, left);
        struct sp_bytes given = compile(pointers, count), stored = compile(joined, left);
        assert_int_equal(given.size, stored.size);
        assert_memory_equal(given.data, stored.data, given.size);
        sp_arena_reset(&arena);
    }
}

static void covers_equals_a_naive_scan(void **state) {
    (void)state;
    uint64_t random = seed_of_run() * 2 + 1;
    unsigned covered_count = 0;
    for (unsigned round = 0; round < 3000; round++) {
        char texts[2][MAX_TEXTS][TEXT_BYTES];
        const char *pointers[2][MAX_TEXTS];
        struct sp_cidr cidrs[2][MAX_TEXTS];
        size_t counts[2];
        struct sp_bytes ranges[2];
        for (unsigned side = 0; side < 2; side++) {
            counts[side] = random_list(&random, texts[side], cidrs[side]);
            counts[side] = side == 1 ? 1 + counts[side] / 5 : counts[side];
            for (size_t i = 0; i < counts[side]; i++)
                pointers[side][i] = texts[side][i];
            ranges[side] = compile(pointers[side], counts[side]);
        }
        bool covered = true;
        for (unsigned i = 0; i < 160; i++) {
            struct sp_ip ip = neighbour(i);
            covered =
                covered && (!naive_contains(cidrs[1], counts[1], &ip) || naive_contains(cidrs[0], counts[0], &ip));
        }
        assert_int_equal(sp_allowlist_covers(ranges[0], ranges[1]), covered);
        covered_count += covered;
        sp_arena_reset(&arena);
    }
    assert_in_range(covered_count, 30, 2970);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_joined_into_the_fewest_blocks),
        cmocka_unit_test(says_how_many_were_given_and_how_many_blocks_are_left),
        cmocka_unit_test(counts_entries_as_given),
        cmocka_unit_test(says_which_entry_is_wrong),
        cmocka_unit_test(runs_out_of_memory_cleanly),
        cmocka_unit_test(compiles_to_sorted_ranges_that_do_not_touch),
        cmocka_unit_test(refuses_to_compile_what_is_no_range),
        cmocka_unit_test(contains_from_first_to_last),
        cmocka_unit_test(a_list_that_is_empty_or_no_list_contains_nothing),
        cmocka_unit_test(covers_only_what_lies_inside),
        cmocka_unit_test(contains_equals_a_naive_scan),
        cmocka_unit_test(joining_changes_no_answer_and_leaves_the_fewest_blocks),
        cmocka_unit_test(covers_equals_a_naive_scan),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
