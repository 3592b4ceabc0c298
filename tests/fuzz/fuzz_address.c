/* Whatever text is accepted as an address or a range must be written as a text that reads back as
 * the same. */
#include <stdlib.h>

#include "core/allowlist.h"
#include "core/special_blocks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static void check_ip(struct sp_str text) {
    struct sp_ip ip;
    struct sp_ip again;
    struct sp_error error = {0};
    char written[SP_CIDR_TEXT_BYTES];
    if (sp_ip_parse(text, &ip, &error) != SP_OK) {
        require(error.status == SP_ERR_INVALID && error.message[0] != '\0');
        return;
    }
    sp_ip_format(&ip, written);
    require(sp_ip_parse(sp_str_from(written), &again, NULL) == SP_OK);
    require(memcmp(&ip, &again, sizeof(ip)) == 0);
}

static void check_range(struct sp_str text) {
    struct sp_cidr cidr;
    struct sp_cidr again;
    struct sp_error error = {0};
    char written[SP_CIDR_TEXT_BYTES];
    if (sp_cidr_parse(text, &cidr, &error) != SP_OK) {
        require(error.status == SP_ERR_INVALID && error.message[0] != '\0');
        return;
    }
    sp_cidr_format(&cidr, written);
    require(sp_cidr_parse(sp_str_from(written), &again, NULL) == SP_OK);
    require(memcmp(&cidr, &again, sizeof(cidr)) == 0);
    struct sp_ip last = sp_cidr_last(&cidr);
    require(memcmp(&cidr.first, &last, sizeof(last)) <= 0);
    require(sp_cidr_check_public(&cidr, false, &error) == SP_OK || error.status == SP_ERR_INVALID);
}

/* The lines of the input as one list. */
static void check_list(struct sp_str text) {
    struct sp_str entries[SP_ALLOWLIST_MAX_BLOCKS];
    size_t count = 0;
    for (size_t at = 0; at < text.size && count < SP_ALLOWLIST_MAX_BLOCKS; count++) {
        const char *newline = memchr(text.data + at, '\n', text.size - at);
        size_t end = newline == NULL ? text.size : (size_t)(newline - text.data);
        entries[count] = (struct sp_str){text.data + at, end - at};
        at = end + 1;
    }
    struct sp_arena arena;
    const char **texts;
    size_t kept;
    struct sp_bytes ranges;
    require(sp_arena_init(&arena, 1024, 1 << 20) == SP_OK);
    if (sp_allowlist_normalise(entries, count, false, &arena, &texts, &kept, NULL) == SP_OK) {
        require(kept >= 1 && kept <= count);
        require(sp_allowlist_compile(texts, kept, &arena, &ranges, NULL) == SP_OK);
        require(sp_allowlist_covers(ranges, ranges));
        for (size_t i = 0; i < kept; i++) {
            struct sp_cidr cidr;
            require(sp_cidr_parse(sp_str_from(texts[i]), &cidr, NULL) == SP_OK);
            require(sp_allowlist_contains(ranges, &cidr.first));
        }
    }
    sp_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_str text = {(const char *)data, size};
    check_ip(text);
    check_range(text);
    check_list(text);
    return 0;
}
