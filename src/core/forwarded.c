#include "core/forwarded.h"

/* ---- settings ---- */

static bool is_space_or_tab(char c) {
    return c == ' ' || c == '\t';
}

static struct sp_str trim_blanks(struct sp_str text) {
    while (text.size > 0 && is_space_or_tab(text.data[0]))
        text = (struct sp_str){text.data + 1, text.size - 1};
    while (text.size > 0 && is_space_or_tab(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* With 0.0.0.0/0 or ::/0 the leftmost entry would be the client, and anybody can write that one. */
static enum sp_status check_proxy(struct sp_str entry, struct sp_error *error) {
    enum { V4_BITS = 96 };
    struct sp_cidr cidr;
    struct sp_error why = {0};
    if (sp_cidr_parse(entry, &cidr, &why) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "trusted proxies: %s", why.message);
    if (cidr.prefix == 0 || (cidr.prefix == V4_BITS && sp_ip_is_v4(&cidr.first)))
        return sp_error_set(
            error, SP_ERR_INVALID,
            "trusted proxies: %.*s contains every address and would trust every client; list only your proxies",
            SP_STR_ARG(entry));
    return SP_OK;
}

static enum sp_status split_proxies(struct sp_str proxies, struct sp_arena *arena,
                                    const char *ret_texts[static SP_ALLOWLIST_MAX_ENTRIES], size_t *ret_count,
                                    struct sp_error *error) {
    size_t count = 0;
    for (size_t at = 0; at <= proxies.size; count++) {
        const char *comma = memchr(proxies.data + at, ',', proxies.size - at);
        size_t end = comma == NULL ? proxies.size : (size_t)(comma - proxies.data);
        struct sp_str entry = trim_blanks((struct sp_str){proxies.data + at, end - at});
        if (count == SP_ALLOWLIST_MAX_ENTRIES)
            return sp_error_set(error, SP_ERR_INVALID, "trusted proxies: give at most %d ranges",
                                SP_ALLOWLIST_MAX_ENTRIES);
        enum sp_status status = check_proxy(entry, error);
        if (status != SP_OK)
            return status;
        ret_texts[count] = sp_arena_strdup(arena, entry);
        if (ret_texts[count] == NULL)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        at = end + 1;
    }
    *ret_count = count;
    return SP_OK;
}

static enum sp_status compile_proxies(struct sp_str proxies, struct sp_arena *arena, struct sp_forwarded_trust *trust,
                                      struct sp_error *error) {
    const char *texts[SP_ALLOWLIST_MAX_ENTRIES];
    size_t count = 0;
    struct sp_bytes ranges;
    enum sp_status status = split_proxies(proxies, arena, texts, &count, error);
    if (status != SP_OK)
        return status;
    status = sp_allowlist_compile(texts, count, arena, &ranges, error);
    if (status != SP_OK)
        return status;
    memcpy(trust->ranges, ranges.data, ranges.size);
    trust->range_count = ranges.size / SP_ALLOWLIST_RANGE_BYTES;
    return SP_OK;
}

enum sp_status sp_forwarded_trust_read(struct sp_str proxies, uint64_t hops, struct sp_forwarded_trust *ret_trust,
                                       struct sp_error *error) {
    enum { FIRST_BYTES = 8 * 1024, BUDGET_BYTES = 64 * 1024 };
    struct sp_forwarded_trust trust = {.hops = (unsigned)hops};
    struct sp_arena arena;
    if (hops > SP_FORWARDED_MAX_HOPS)
        return sp_error_set(error, SP_ERR_INVALID, "trusted hops: at most %d", SP_FORWARDED_MAX_HOPS);
    if (hops > 0 && proxies.size > 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "trusted proxies and trusted hops exclude each other; give one of them");
    if (proxies.size > 0) {
        if (sp_arena_init(&arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        enum sp_status status = compile_proxies(proxies, &arena, &trust, error);
        sp_arena_fini(&arena);
        if (status != SP_OK)
            return status;
    }
    *ret_trust = trust;
    return SP_OK;
}

/* ---- entries ---- */

/* ":" and 1 to 65535 without leading zeros. */
static bool is_port(struct sp_str text) {
    unsigned value = 0;
    if (text.size < 2 || text.size > 6 || text.data[0] != ':' || text.data[1] == '0')
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    return value <= 65535;
}

static bool read_bracketed(struct sp_str entry, struct sp_ip *ret_ip) {
    const char *end = memchr(entry.data, ']', entry.size);
    if (end == NULL)
        return false;
    struct sp_str inside = {entry.data + 1, (size_t)(end - entry.data) - 1};
    struct sp_str behind = {end + 1, entry.size - inside.size - 2};
    bool is_v6 = inside.size > 0 && memchr(inside.data, ':', inside.size) != NULL;
    return is_v6 && (behind.size == 0 || is_port(behind)) && sp_ip_parse(inside, ret_ip, NULL) == SP_OK;
}

static bool read_entry(struct sp_str entry, struct sp_ip *ret_ip) {
    entry = trim_blanks(entry);
    if (entry.size == 0)
        return false;
    if (entry.data[0] == '[')
        return read_bracketed(entry, ret_ip);
    /* One colon: an IPv4 address with its port. More: IPv6, where the last group could be a
     * port. */
    const char *colon = memchr(entry.data, ':', entry.size);
    if (colon != NULL) {
        struct sp_str behind = {colon, entry.size - (size_t)(colon - entry.data)};
        if (memchr(colon + 1, ':', behind.size - 1) == NULL) {
            if (!is_port(behind))
                return false;
            entry.size -= behind.size;
        }
    }
    return sp_ip_parse(entry, ret_ip, NULL) == SP_OK;
}

/* Where the walk from the right is: `left` bytes of the line under way, and `lines_left` lines
 * before it. */
struct walk {
    const struct sp_str *lines;
    size_t lines_left;
    size_t left;
    bool in_line;
};

/* An empty line, or nothing between two commas, is an entry too: stepping over it would reach too
 * far to the left. */
static bool next_entry(struct walk *walk, struct sp_str *ret_entry) {
    if (!walk->in_line) {
        if (walk->lines_left == 0)
            return false;
        walk->left = walk->lines[--walk->lines_left].size;
    }
    const char *line = walk->lines[walk->lines_left].data;
    size_t begin = walk->left;
    while (begin > 0 && line[begin - 1] != ',')
        begin--;
    *ret_entry = (struct sp_str){line == NULL ? NULL : line + begin, walk->left - begin};
    walk->in_line = begin > 0;
    walk->left = begin > 0 ? begin - 1 : 0;
    return true;
}

/* ---- the two rules ---- */

static bool client_by_hops(unsigned hops, struct walk *walk, struct sp_ip *ret_client) {
    struct sp_str entry = {NULL, 0};
    for (unsigned i = 0; i < hops; i++)
        if (!next_entry(walk, &entry))
            return false;
    return read_entry(entry, ret_client);
}

static bool client_by_ranges(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, struct walk *walk,
                             struct sp_ip *ret_client) {
    struct sp_bytes ranges = {trust->ranges, trust->range_count * SP_ALLOWLIST_RANGE_BYTES};
    struct sp_ip address = *peer;
    while (sp_allowlist_contains(ranges, &address)) {
        struct sp_str entry;
        if (!next_entry(walk, &entry) || !read_entry(entry, &address))
            return false;
    }
    *ret_client = address;
    return true;
}

bool sp_forwarded_client(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, const struct sp_str *lines,
                         size_t line_count, struct sp_ip *ret_client) {
    struct walk walk = {.lines = lines, .lines_left = line_count};
    if (trust->hops > 0)
        return client_by_hops(trust->hops, &walk, ret_client);
    if (peer == NULL)
        return false;
    if (trust->range_count > 0)
        return client_by_ranges(trust, peer, &walk, ret_client);
    *ret_client = *peer;
    return true;
}
