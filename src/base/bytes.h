/* Lengths beside pointers: borrowed text and bytes, and numbers in network byte order.
 *
 * Text from outside may hold a NUL, so it travels with its length. Thread-safe: no state. */
#ifndef SP_BASE_BYTES_H
#define SP_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Borrowed bytes; `data` may be NULL if `size` is 0. */
struct sp_bytes {
    const uint8_t *data;
    size_t size;
};

/* Borrowed text, not terminated; `data` may be NULL if `size` is 0. */
struct sp_str {
    const char *data;
    size_t size;
};

/* For printf's "%.*s". */
#define SP_STR_ARG(str) (int)(str).size, ((str).size > 0 ? (str).data : "")
#define SP_STR_LITERAL(text) ((struct sp_str){(text), sizeof(text) - 1})

static inline struct sp_str sp_str_from(const char *text) {
    return (struct sp_str){text, text == NULL ? 0 : strlen(text)};
}

static inline bool sp_str_equal(struct sp_str a, struct sp_str b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* For ASCII: names of headers, schemes and hosts. */
static inline bool sp_str_equal_ignoring_case(struct sp_str a, struct sp_str b) {
    return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

/* Without the spaces and tabs around it (OWS, RFC 9110 section 5.6.3). */
static inline struct sp_str sp_str_trim_blanks(struct sp_str text) {
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct sp_str){text.data + 1, text.size - 1};
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Orders as memcmp does, and a beginning before what continues it. Negative, 0 or positive. */
static inline int sp_bytes_compare(struct sp_bytes a, struct sp_bytes b) {
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool sp_bytes_equal(struct sp_bytes a, struct sp_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool sp_bytes_begin_with(struct sp_bytes bytes, struct sp_bytes prefix) {
    return bytes.size >= prefix.size && (prefix.size == 0 || memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

static inline struct sp_bytes sp_bytes_of_str(struct sp_str text) {
    return (struct sp_bytes){(const uint8_t *)text.data, text.size};
}

/* As sp_bytes_compare: by bytes, whatever the language. */
static inline int sp_str_compare(struct sp_str a, struct sp_str b) {
    return sp_bytes_compare(sp_bytes_of_str(a), sp_bytes_of_str(b));
}

static inline bool sp_str_begins_with(struct sp_str text, struct sp_str prefix) {
    return sp_bytes_begin_with(sp_bytes_of_str(text), sp_bytes_of_str(prefix));
}

static inline uint16_t sp_load_be16(const uint8_t *at) {
    return (uint16_t)((uint16_t)at[0] << 8 | at[1]);
}

static inline uint32_t sp_load_be32(const uint8_t *at) {
    return (uint32_t)sp_load_be16(at) << 16 | sp_load_be16(at + 2);
}

static inline uint64_t sp_load_be64(const uint8_t *at) {
    return (uint64_t)sp_load_be32(at) << 32 | sp_load_be32(at + 4);
}

static inline void sp_store_be16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void sp_store_be32(uint8_t *at, uint32_t value) {
    sp_store_be16(at, (uint16_t)(value >> 16));
    sp_store_be16(at + 2, (uint16_t)value);
}

static inline void sp_store_be64(uint8_t *at, uint64_t value) {
    sp_store_be32(at, (uint32_t)(value >> 32));
    sp_store_be32(at + 4, (uint32_t)value);
}

#endif
