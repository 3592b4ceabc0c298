#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/address.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct sp_cidr cidr_of(const char *text) {
    struct sp_cidr cidr;
    struct sp_error error = {0};
    if (sp_cidr_parse(sp_str_from(text), &cidr, &error) != SP_OK)
        fail_msg("%s was refused: %s", text, error.message);
    return cidr;
}

static struct sp_ip ip_of(const char *text) {
    struct sp_ip ip;
    struct sp_error error = {0};
    if (sp_ip_parse(sp_str_from(text), &ip, &error) != SP_OK)
        fail_msg("%s was refused: %s", text, error.message);
    return ip;
}

static void ip_reads_and_writes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *written;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"1.2.3.4", "1.2.3.4"},
        {"255.255.255.255", "255.255.255.255"},
        {"203.0.113.7", "203.0.113.7"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"},
        {"1:0:0:4:0:0:7:8", "1::4:0:0:7:8"},
        {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
        {"0:0:3:4:5:0:0:0", "0:0:3:4:5::"},
        {"0:0:0:4:5:6:0:0", "::4:5:6:0:0"},
        {"abcd:ef01:2345:6789:abcd:ef01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
        {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"::ffff:102:304", "1.2.3.4"},
        {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"},
        {"::1.2.3.4", "::102:304"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"1::1.2.3.4", "1::102:304"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_ip ip = ip_of(cases[i].text);
        char text[SP_CIDR_TEXT_BYTES];
        sp_ip_format(&ip, text);
        assert_string_equal(text, cases[i].written);
        struct sp_ip again = ip_of(text);
        assert_memory_equal(&ip, &again, sizeof(ip));
    }
}

static void ip_refuses_what_is_not_strict_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "an IP address must not be empty"},
        {"1.2.3", "1.2.3: an IPv4 address has four parts, not 3"},
        {"1", "1: an IPv4 address has four parts, not 1"},
        {"16909060", "16909060: an IPv4 address has four parts, not 1"},
        {"1.2.3.4.5", "1.2.3.4.5: an IPv4 address has four parts, not 5"},
        {"1.2.3.4.", "1.2.3.4.: an IPv4 address has four parts, not 5"},
        {".1.2.3.4", ".1.2.3.4: an IPv4 address has four parts, not 5"},
        {"1..3.4", "1..3.4: part 2 is empty"},
        {"1.2.3.", "1.2.3.: part 4 is empty"},
        {"01.2.3.4", "01.2.3.4: part 1 has a leading zero"},
        {"1.2.3.00", "1.2.3.00: part 4 has a leading zero"},
        {"1.2.3.256", "1.2.3.256: part 4 is larger than 255"},
        {"1.2.3.1000", "1.2.3.1000: part 4 is larger than 255"},
        {"4294967297.2.3.4", "4294967297.2.3.4: part 1 is larger than 255"},
        {"99999999999999999999999.1.1.1", "99999999999999999999999.1.1.1: part 1 is larger than 255"},
        {"0x1.2.3.4", "character 2: not allowed in an IP address"},
        {"a.2.3.4", "a.2.3.4: part 1 is not a decimal number"},
        {" 1.2.3.4", "character 1: spaces are not allowed"},
        {"1.2.3.4 ", "character 8: spaces are not allowed"},
        {"1.2.3.4\n", "character 8: not allowed in an IP address"},
        {"+1.2.3.4", "character 1: not allowed in an IP address"},
        {"-1.2.3.4", "character 1: not allowed in an IP address"},
        {"1.2.3.4/32", "character 8: a prefix length is not allowed here"},
        {"[::1]", "character 1: brackets are not allowed"},
        {"fe80::1%eth0", "character 8: a zone id is not allowed"},
        {"\xd9\xa1.2.3.4", "character 1: not allowed in an IP address"},
        {"localhost", "character 1: not allowed in an IP address"},
        {":", ":: group 1 must have 1 to 4 hexadecimal digits"},
        {":::", ":::: group 1 must have 1 to 4 hexadecimal digits"},
        {"1:::2", "1:::2: group 2 must have 1 to 4 hexadecimal digits"},
        {":1:2:3:4:5:6:7:8", ":1:2:3:4:5:6:7:8: group 1 must have 1 to 4 hexadecimal digits"},
        {"1:", "1:: ends with a single colon"},
        {"1:2:3:4:5:6:7:", "1:2:3:4:5:6:7:: ends with a single colon"},
        {"1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8:: ends with a single colon"},
        {"1:2:3:4:5:6:7", "1:2:3:4:5:6:7: an IPv6 address has eight groups, not 7"},
        {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9: more than eight groups"},
        {"1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:8::: \"::\" stands for no group"},
        {"1:2:3:4::5:6:7:8", "1:2:3:4::5:6:7:8: \"::\" stands for no group"},
        {"::1:2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8: \"::\" stands for no group"},
        {"1::2::3", "1::2::3: \"::\" may stand only once"},
        {"::1::", "::1::: \"::\" may stand only once"},
        {"12345::", "12345::: group 1 must have 1 to 4 hexadecimal digits"},
        {"::00001", "::00001: group 1 must have 1 to 4 hexadecimal digits"},
        {"::g", "character 3: not allowed in an IP address"},
        {"1.2.3.4::", "1.2.3.4::: a dotted quad may only be the last 32 bits"},
        {"::1.2.3.4:5", "::1.2.3.4:5: a dotted quad may only be the last 32 bits"},
        {"1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4: a dotted quad may only be the last 32 bits"},
        {"::ffff:1.2.3", "::ffff:1.2.3: an IPv4 address has four parts, not 3"},
        {"::ffff:01.2.3.4", "::ffff:01.2.3.4: part 1 has a leading zero"},
        {"1:2:3:4:5:1.2.3.4", "1:2:3:4:5:1.2.3.4: an IPv6 address has eight groups, not 7"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.2555", "46 characters are too many for an IP address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_ip ip = {{42}};
        struct sp_error error = {0};
        assert_int_equal(sp_ip_parse(sp_str_from(cases[i].text), &ip, &error), SP_ERR_INVALID);
        assert_int_equal(error.status, SP_ERR_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(ip.bytes[0], 42);
    }
}

static void ip_refuses_a_nul_inside(void **state) {
    (void)state;
    struct sp_ip ip;
    struct sp_error error = {0};
    assert_int_equal(sp_ip_parse(SP_STR_LITERAL("1.2.3.4\0"), &ip, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "character 8: not allowed in an IP address");
    assert_int_equal(sp_ip_parse(SP_STR_LITERAL("1.2.3.4\0.evil"), &ip, NULL), SP_ERR_INVALID);
}

static void range_normalises(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *written;
        const char *last;
    } cases[] = {
        {"8.8.8.8", "8.8.8.8/32", "8.8.8.8"},
        {"8.8.8.8/32", "8.8.8.8/32", "8.8.8.8"},
        {"8.8.8.8/31", "8.8.8.8/31", "8.8.8.9"},
        {"0.0.0.0/0", "0.0.0.0/0", "255.255.255.255"},
        {"0.0.0.0/1", "0.0.0.0/1", "127.255.255.255"},
        {"128.0.0.0/1", "128.0.0.0/1", "255.255.255.255"},
        {"203.0.113.0/24", "203.0.113.0/24", "203.0.113.255"},
        {"2001:db8::1", "2001:db8::1/128", "2001:db8::1"},
        {"2001:db8::/32", "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"2001:DB8::2/127", "2001:db8::2/127", "2001:db8::3"},
        {"8000::/1", "8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:8.8.8.0/120", "8.8.8.0/24", "8.8.8.255"},
        {"::ffff:8.8.8.8", "8.8.8.8/32", "8.8.8.8"},
        {"::ffff:808:808/128", "8.8.8.8/32", "8.8.8.8"},
        {"::ffff:0.0.0.0/96", "0.0.0.0/0", "255.255.255.255"},
        {"::ffff:0:0/97", "0.0.0.0/1", "127.255.255.255"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_cidr cidr = cidr_of(cases[i].text);
        char text[SP_CIDR_TEXT_BYTES];
        sp_cidr_format(&cidr, text);
        assert_string_equal(text, cases[i].written);
        struct sp_ip last = sp_cidr_last(&cidr);
        sp_ip_format(&last, text);
        assert_string_equal(text, cases[i].last);
    }
}

static void range_refuses_with_the_corrected_form(void **state) {
    (void)state;
    static const char *const prefix_32 = "the prefix length must be a number from 0 to 32 without leading zeros";
    static const char *const prefix_128 = "the prefix length must be a number from 0 to 128 without leading zeros";
#define MAPPED " contains all of ::ffff:0:0/96, the IPv4-mapped addresses; an IPv4-mapped range must be /96 or longer"
    const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"203.0.113.7/24", "203.0.113.7/24 has bits set under its prefix length; write 203.0.113.0/24"},
        {"8.8.8.9/31", "8.8.8.9/31 has bits set under its prefix length; write 8.8.8.8/31"},
        {"1.0.0.0/0", "1.0.0.0/0 has bits set under its prefix length; write 0.0.0.0/0"},
        {"2001:db8::1/127", "2001:db8::1/127 has bits set under its prefix length; write 2001:db8::/127"},
        {"::ffff:8.8.8.8/120", "::ffff:8.8.8.8/120 has bits set under its prefix length; write 8.8.8.0/24"},
        {"::ffff:0:0/95", "::ffff:0:0/95" MAPPED},
        {"::ffff:1.2.3.4/0", "::ffff:1.2.3.4/0" MAPPED},
        {"::fffe:0:0/95", "::fffe:0:0/95" MAPPED},
        {"::/0", "::/0" MAPPED},
        {"::/80", "::/80" MAPPED},
        {"1.2.3.4/33", prefix_32},
        {"1.2.3.4/", prefix_32},
        {"1.2.3.4/032", prefix_32},
        {"1.2.3.0/00", prefix_32},
        {"1.2.3.4/-1", prefix_32},
        {"1.2.3.4/+8", prefix_32},
        {"1.2.3.4/ 8", prefix_32},
        {"1.2.3.4/8 ", prefix_32},
        {"1.2.3.4/4294967304", prefix_32},
        {"1.2.3.4/255.0.0.0", prefix_32},
        {"1.2.3.4/32/32", prefix_32},
        {"2001:db8::/129", prefix_128},
        {"2001:db8::/999", prefix_128},
        {"2001:db8::/1e", prefix_128},
        {"/24", "an IP address must not be empty"},
        {"1.2.3/24", "1.2.3: an IPv4 address has four parts, not 3"},
        {"fe80::%1/64", "character 7: a zone id is not allowed"},
        {"*", "character 1: not allowed in an IP address"},
        {"8.8.8.8-8.8.8.9", "character 8: not allowed in an IP address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_cidr cidr = {.prefix = 42};
        struct sp_error error = {0};
        assert_int_equal(sp_cidr_parse(sp_str_from(cases[i].text), &cidr, &error), SP_ERR_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(cidr.prefix, 42);
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

/* Random bytes with many zeros and ones, half of them IPv4. */
static struct sp_ip random_ip(uint64_t *random) {
    struct sp_ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    bool v4 = next(random) % 2 == 0;
    for (size_t i = v4 ? 12 : 0; i < sizeof(ip.bytes); i++) {
        uint64_t dice = next(random) % 4;
        ip.bytes[i] = (uint8_t)(dice == 0 ? 0 : dice == 1 ? 0xff : next(random));
    }
    return ip;
}

static unsigned bit_of(const struct sp_ip *ip, unsigned i) {
    return ((unsigned)ip->bytes[i / 8] >> (7 - i % 8)) & 1U;
}

static void whatever_is_written_reads_back_as_itself(void **state) {
    (void)state;
    uint64_t random = seed_of_run() * 2 + 1;
    for (unsigned i = 0; i < 50000; i++) {
        struct sp_ip ip = random_ip(&random);
        char text[SP_CIDR_TEXT_BYTES];
        sp_ip_format(&ip, text);
        struct sp_ip again = ip_of(text);
        assert_memory_equal(&ip, &again, sizeof(ip));
        assert_int_equal(sp_ip_is_v4(&ip), strchr(text, ':') == NULL);
    }
}

static void first_and_last_equal_a_bit_loop(void **state) {
    (void)state;
    uint64_t random = seed_of_run() * 2 + 1;
    for (unsigned i = 0; i < 50000; i++) {
        struct sp_ip ip = random_ip(&random);
        unsigned prefix = sp_ip_is_v4(&ip) ? 96 + (unsigned)(next(&random) % 33) : (unsigned)(next(&random) % 129);
        struct sp_cidr cidr = {ip, (uint8_t)prefix};
        bool host_bits = false;
        for (unsigned bit = prefix; bit < 128; bit++) {
            host_bits = host_bits || bit_of(&ip, bit) == 1;
            cidr.first.bytes[bit / 8] = (uint8_t)(cidr.first.bytes[bit / 8] & ~(1U << (7 - bit % 8)));
        }
        struct sp_ip last = sp_cidr_last(&cidr);
        for (unsigned bit = 0; bit < 128; bit++)
            assert_int_equal(bit_of(&last, bit), bit < prefix ? bit_of(&ip, bit) : 1);

        char address[SP_CIDR_TEXT_BYTES];
        char text[SP_CIDR_TEXT_BYTES + 8];
        sp_ip_format(&ip, address);
        snprintf(text, sizeof(text), "%s/%u", address, sp_ip_is_v4(&ip) ? prefix - 96 : prefix);
        struct sp_cidr read;
        enum sp_status status = sp_cidr_parse(sp_str_from(text), &read, NULL);
        bool over_v4 = prefix < 96;
        for (unsigned bit = 0; bit < prefix && bit < 96; bit++)
            over_v4 = over_v4 && bit_of(&ip, bit) == (bit >= 80 ? 1 : 0);
        assert_int_equal(status, host_bits || over_v4 ? SP_ERR_INVALID : SP_OK);
        if (status == SP_OK)
            assert_memory_equal(&read, &cidr, sizeof(read));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_reads_and_writes),
        cmocka_unit_test(ip_refuses_what_is_not_strict_text),
        cmocka_unit_test(ip_refuses_a_nul_inside),
        cmocka_unit_test(range_normalises),
        cmocka_unit_test(range_refuses_with_the_corrected_form),
        cmocka_unit_test(whatever_is_written_reads_back_as_itself),
        cmocka_unit_test(first_and_last_equal_a_bit_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
