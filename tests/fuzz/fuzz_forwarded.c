/* The trusted-proxy rule against a naive one that first cuts the whole header into a list. The
 * first byte is the number of hops (0: a trusted range), the rest the header's lines. */
#include <stdlib.h>

#include "core/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LINES = 16, MAX_ENTRIES = 4096, MAX_BYTES = 4096 };

static void require(int condition) {
    if (!condition)
        abort();
}

/* Cuts at each of the letters that stand in `at`. */
static size_t cut(struct sp_str text, const char *at, struct sp_str *ret_parts, size_t most) {
    size_t count = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && (text.data[i] == '\0' || strchr(at, text.data[i]) == NULL))
            continue;
        require(count < most);
        ret_parts[count++] = (struct sp_str){text.data + begin, i - begin};
        begin = i + 1;
    }
    return count;
}

/* Tries what an entry may be, one form after the other. */
static int naive_read(struct sp_str entry, struct sp_ip *ret_ip) {
    while (entry.size > 0 && (entry.data[0] == ' ' || entry.data[0] == '\t'))
        entry = (struct sp_str){entry.data + 1, entry.size - 1};
    while (entry.size > 0 && (entry.data[entry.size - 1] == ' ' || entry.data[entry.size - 1] == '\t'))
        entry.size--;
    if (sp_ip_parse(entry, ret_ip, NULL) == SP_OK)
        return 1;
    size_t end = entry.size;
    unsigned port = 0;
    for (unsigned scale = 1; end > 0 && entry.data[end - 1] >= '0' && entry.data[end - 1] <= '9' && scale <= 10000;
         scale *= 10)
        port += scale * (unsigned)(entry.data[--end] - '0');
    int has_port = end > 1 && end < entry.size && entry.data[end] != '0' && entry.data[end - 1] == ':' && port <= 65535;
    struct sp_str host = {entry.data, has_port ? end - 1 : entry.size};
    if (has_port && memchr(host.data, ':', host.size) == NULL)
        return sp_ip_parse(host, ret_ip, NULL) == SP_OK;
    if (host.size < 2 || host.data[0] != '[' || host.data[host.size - 1] != ']')
        return 0;
    host = (struct sp_str){host.data + 1, host.size - 2};
    return memchr(host.data, '.', host.size) == NULL || memchr(host.data, ':', host.size) != NULL
               ? sp_ip_parse(host, ret_ip, NULL) == SP_OK
               : 0;
}

static int naive_client(unsigned hops, const struct sp_str *entries, size_t count, struct sp_ip peer,
                        struct sp_ip *ret_client) {
    if (hops > 0)
        return count >= hops && naive_read(entries[count - hops], ret_client);
    struct sp_ip address = peer;
    while (sp_ip_is_v4(&address) && address.bytes[12] == 10)
        if (count == 0 || !naive_read(entries[--count], &address))
            return 0;
    *ret_client = address;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sp_str entries[MAX_ENTRIES + 1];
    struct sp_str lines[MAX_LINES];
    struct sp_forwarded_trust trust;
    struct sp_ip peer, expected, client;
    if (size == 0 || size > MAX_BYTES)
        return 0;
    unsigned hops = data[0] % 5;
    struct sp_str text = {(const char *)data + 1, size - 1};
    size_t newlines = 0;
    for (size_t i = 0; i < text.size; i++)
        newlines += text.data[i] == '\n';
    if (newlines >= MAX_LINES)
        return 0;
    const struct sp_forwarded_settings settings = {
        .proxies = hops == 0 ? "10.0.0.0/8" : NULL, .hops = hops, .peers = hops == 0 ? NULL : "10.0.0.0/8"};
    require(sp_forwarded_trust_read(&settings, &trust, NULL) == SP_OK);
    require(sp_ip_parse(sp_str_from("10.1.2.3"), &peer, NULL) == SP_OK);
    size_t line_count = cut(text, "\n", lines, MAX_LINES);
    size_t entry_count = cut(text, ",\n", entries, MAX_ENTRIES + 1);
    int known = naive_client(hops, entries, entry_count, peer, &expected);
    require(sp_forwarded_client(&trust, &peer, lines, line_count, &client) == known);
    require(!known || memcmp(&client, &expected, sizeof(client)) == 0);
    return 0;
}
