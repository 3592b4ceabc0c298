#include "core/forwarded.h"

#include "base/text.h"
#include "core/http_header.h"

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

/* A list of ranges while it is read. */
struct range_list {
    const char *what;   /* "trusted proxies" */
    size_t entry;       /* the one being read, from 1 */
    bool *unix_sockets; /* set by "uds"; NULL: no such entry */
    const char *texts[SP_ALLOWLIST_MAX_BLOCKS];
    size_t count;
    struct sp_arena arena;
};

static enum sp_status refuse_range(const struct range_list *list, struct sp_str entry, const char *why,
                                   struct sp_error *error) {
    if (sp_text_is_printable(entry))
        return sp_error_set(error, SP_ERR_INVALID, "%s: entry %zu, \"%.*s\": %s", list->what, list->entry,
                            SP_STR_ARG(entry), why);
    return sp_error_set(error, SP_ERR_INVALID, "%s: entry %zu: %s", list->what, list->entry, why);
}

/* With 0.0.0.0/0 or ::/0 anybody would be trusted, and anybody can write a header. */
static enum sp_status check_trusted_range(const struct range_list *list, struct sp_str entry, struct sp_error *error) {
    enum { V4_BITS = 96 };
    struct sp_cidr cidr;
    struct sp_error why = {0};
    if (sp_cidr_parse(entry, &cidr, &why) != SP_OK)
        return refuse_range(list, entry, why.message, error);
    if (cidr.prefix == 0 || (cidr.prefix == V4_BITS && sp_ip_is_v4(&cidr.first)))
        return refuse_range(list, entry, "contains every address and would trust every client; list only your proxies",
                            error);
    return SP_OK;
}

static enum sp_status add_range_text(struct range_list *list, struct sp_str entry, struct sp_error *error) {
    if (list->unix_sockets != NULL && sp_str_equal(entry, SP_STR_LITERAL("uds"))) {
        *list->unix_sockets = true;
        return SP_OK;
    }
    if (list->count == SP_ALLOWLIST_MAX_BLOCKS)
        return sp_error_set(error, SP_ERR_INVALID, "%s: entry %zu is too many; give at most %d ranges", list->what,
                            list->entry, SP_ALLOWLIST_MAX_BLOCKS);
    enum sp_status status = check_trusted_range(list, entry, error);
    if (status != SP_OK)
        return status;
    list->texts[list->count] = sp_arena_strdup(&list->arena, entry);
    if (list->texts[list->count] == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    list->count++;
    return SP_OK;
}

static enum sp_status split_range_list(struct range_list *list, struct sp_str text, struct sp_error *error) {
    for (size_t at = 0; at <= text.size;) {
        const char *comma = memchr(text.data + at, ',', text.size - at);
        size_t end = comma == NULL ? text.size : (size_t)(comma - text.data);
        list->entry++;
        enum sp_status status = add_range_text(list, trim_blanks((struct sp_str){text.data + at, end - at}), error);
        if (status != SP_OK)
            return status;
        at = end + 1;
    }
    return SP_OK;
}

static enum sp_status compile_range_list(struct range_list *list, struct sp_forwarded_ranges *ret_ranges,
                                         struct sp_error *error) {
    struct sp_bytes bytes;
    if (list->count == 0)
        return SP_OK;
    enum sp_status status = sp_allowlist_compile(list->texts, list->count, &list->arena, &bytes, error);
    if (status != SP_OK)
        return status;
    memcpy(ret_ranges->bytes, bytes.data, bytes.size);
    ret_ranges->count = bytes.size / SP_ALLOWLIST_RANGE_BYTES;
    return SP_OK;
}

/* `text` NULL or empty: nothing is set. */
static enum sp_status read_ranges(const char *what, const char *text, bool *unix_sockets,
                                  struct sp_forwarded_ranges *ret_ranges, struct sp_error *error) {
    enum { FIRST_BYTES = 8 * 1024, BUDGET_BYTES = 64 * 1024 };
    struct range_list list = {.what = what, .unix_sockets = unix_sockets};
    if (text == NULL || text[0] == '\0')
        return SP_OK;
    if (sp_arena_init(&list.arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = split_range_list(&list, sp_str_from(text), error);
    if (status != SP_OK)
        goto out;
    status = compile_range_list(&list, ret_ranges, error);
out:
    sp_arena_fini(&list.arena);
    return status;
}

/* A name that HTTP and gRPC both carry as text. */
static enum sp_status check_address_header(struct sp_str name, struct sp_error *error) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    static const char *const lists[] = {"x-forwarded-for", "forwarded"};
    enum { NAME_MAX_BYTES = 64 };
    bool good = name.size <= NAME_MAX_BYTES && (name.size < 4 || memcmp(name.data + name.size - 4, "-bin", 4) != 0);
    for (size_t i = 0; i < name.size; i++)
        good &= memchr(allowed, name.data[i], sizeof(allowed) - 1) != NULL;
    if (!good)
        return sp_error_set(error, SP_ERR_INVALID, "--address-header: \"%.*s\" is not a header name in lower case",
                            SP_STR_ARG(name));
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        if (sp_str_equal(name, sp_str_from(lists[i])))
            return sp_error_set(error, SP_ERR_INVALID,
                                "--address-header: %s is a list that clients can begin; use --trusted-hops or "
                                "--trusted-proxies, which read x-forwarded-for",
                                lists[i]);
    if (sp_http_header_is_credential(name) || sp_http_header_is_of_message(name))
        return sp_error_set(error, SP_ERR_INVALID,
                            "--address-header: %.*s %s, not an address; name the header in which your proxy writes "
                            "the client's address, such as cf-connecting-ip",
                            SP_STR_ARG(name),
                            sp_http_header_is_credential(name) ? "carries credentials"
                                                               : "belongs to the connection or the message");
    if (sp_str_equal(name, SP_STR_LITERAL("cloudfront-viewer-address")))
        return sp_error_set(
            error, SP_ERR_INVALID,
            "--address-header: in cloudfront-viewer-address, the port cannot be told from an IPv6 address "
            "before it; use --trusted-hops, which read x-forwarded-for");
    return SP_OK;
}

static enum sp_status check_way(const struct sp_forwarded_trust *trust, struct sp_error *error) {
    bool has_header = trust->header.size > 0, has_hops = trust->hops > 0;
    if (has_hops && trust->proxies.count > 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "--trusted-proxies and --trusted-hops exclude each other; give one of them");
    if (has_header && (has_hops || trust->proxies.count > 0))
        return sp_error_set(error, SP_ERR_INVALID,
                            "--address-header excludes --trusted-proxies and --trusted-hops; give one of them");
    if ((has_header || has_hops) && !trust->names_peers)
        return sp_error_set(error, SP_ERR_INVALID,
                            "%s: anybody could send that header; name the proxies that may with --trusted-peers, as "
                            "addresses and ranges, or \"uds\" for Unix sockets",
                            has_header ? "--address-header" : "--trusted-hops");
    return SP_OK;
}

enum sp_status sp_forwarded_trust_read(const struct sp_forwarded_settings *settings,
                                       struct sp_forwarded_trust *ret_trust, struct sp_error *error) {
    struct sp_forwarded_trust trust = {.hops = (unsigned)settings->hops, .header = sp_str_from(settings->header)};
    if (settings->hops > SP_FORWARDED_MAX_HOPS)
        return sp_error_set(error, SP_ERR_INVALID, "--trusted-hops: at most %d", SP_FORWARDED_MAX_HOPS);
    enum sp_status status = check_address_header(trust.header, error);
    if (status != SP_OK)
        return status;
    status = read_ranges("--trusted-proxies", settings->proxies, NULL, &trust.proxies, error);
    if (status != SP_OK)
        return status;
    status = read_ranges("--trusted-peers", settings->peers, &trust.unix_peers, &trust.peers, error);
    if (status != SP_OK)
        return status;
    trust.names_peers = trust.unix_peers || trust.peers.count > 0;
    status = check_way(&trust, error);
    if (status != SP_OK)
        return status;
    *ret_trust = trust;
    return SP_OK;
}

/* ---- entries ---- */

/* ":" and 1 to 65535 without leading zeros. */
static bool is_port_suffix(struct sp_str text) {
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
    return is_v6 && (behind.size == 0 || is_port_suffix(behind)) && sp_ip_parse(inside, ret_ip, NULL) == SP_OK;
}

static bool read_forwarded_entry(struct sp_str entry, struct sp_ip *ret_ip) {
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
            if (!is_port_suffix(behind))
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

/* ---- the three rules ---- */

static bool is_in_ranges(const struct sp_forwarded_ranges *ranges, const struct sp_ip *address) {
    const struct sp_bytes bytes = {ranges->bytes, ranges->count * SP_ALLOWLIST_RANGE_BYTES};
    return ranges->count > 0 && sp_allowlist_contains(bytes, address);
}

bool sp_forwarded_trusts_peer(const struct sp_forwarded_trust *trust, const struct sp_ip *peer) {
    if (!trust->names_peers)
        return true;
    return peer == NULL ? trust->unix_peers : is_in_ranges(&trust->peers, peer);
}

struct sp_str sp_forwarded_header(const struct sp_forwarded_trust *trust) {
    return trust->header.size > 0 ? trust->header : SP_STR_LITERAL("x-forwarded-for");
}

static bool client_by_hops(unsigned hops, struct walk *walk, struct sp_ip *ret_client) {
    struct sp_str entry = {NULL, 0};
    for (unsigned i = 0; i < hops; i++)
        if (!next_entry(walk, &entry))
            return false;
    return read_forwarded_entry(entry, ret_client);
}

static bool client_by_ranges(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, struct walk *walk,
                             struct sp_ip *ret_client) {
    struct sp_ip address = *peer;
    while (is_in_ranges(&trust->proxies, &address)) {
        struct sp_str entry;
        if (!next_entry(walk, &entry) || !read_forwarded_entry(entry, &address))
            return false;
    }
    *ret_client = address;
    return true;
}

bool sp_forwarded_client(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, const struct sp_str *lines,
                         size_t line_count, struct sp_ip *ret_client) {
    struct walk walk = {.lines = lines, .lines_left = line_count};
    bool by_header = trust->header.size > 0;
    if ((by_header || trust->hops > 0) && sp_forwarded_trusts_peer(trust, peer))
        return by_header ? line_count == 1 && read_forwarded_entry(lines[0], ret_client)
                         : client_by_hops(trust->hops, &walk, ret_client);
    if (peer == NULL)
        return false;
    if (trust->proxies.count > 0)
        return client_by_ranges(trust, peer, &walk, ret_client);
    *ret_client = *peer;
    return true;
}

bool sp_forwarded_last_entry(struct sp_str line, struct sp_ip *ret_ip) {
    size_t begin = line.size;
    while (begin > 0 && line.data[begin - 1] != ',')
        begin--;
    return line.size > 0 && read_forwarded_entry((struct sp_str){line.data + begin, line.size - begin}, ret_ip);
}
