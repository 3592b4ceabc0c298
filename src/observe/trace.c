#include "observe/trace.h"

/* version '-' trace-id '-' parent-id '-' flags */
enum {
    VERSION_AT = 0,
    TRACE_AT = 3,
    SPAN_AT = TRACE_AT + SP_TRACE_ID_BYTES + 1,
    FLAGS_AT = SPAN_AT + SP_SPAN_ID_BYTES + 1,
    SIZE = FLAGS_AT + 2
};

static int lower_hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (lower_hex_value(text[i]) < 0)
            return false;
    return true;
}

static bool is_zero(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] != '0')
            return false;
    return true;
}

static bool is_nonzero_hex(const char *text, size_t size) {
    return is_hex(text, size) && !is_zero(text, size);
}

bool sp_trace_parse(struct sp_str text, struct sp_trace *ret_trace) {
    const char *at = text.data;
    if (text.size < SIZE || !is_hex(at + VERSION_AT, 2) || memcmp(at, "ff", 2) == 0)
        return false;
    bool first_version = memcmp(at, "00", 2) == 0;
    if (text.size > SIZE && (first_version || at[SIZE] != '-'))
        return false;
    if (at[TRACE_AT - 1] != '-' || at[SPAN_AT - 1] != '-' || at[FLAGS_AT - 1] != '-')
        return false;
    if (!is_nonzero_hex(at + TRACE_AT, SP_TRACE_ID_BYTES) || !is_nonzero_hex(at + SPAN_AT, SP_SPAN_ID_BYTES) ||
        !is_hex(at + FLAGS_AT, 2))
        return false;
    memcpy(ret_trace->trace_id, at + TRACE_AT, SP_TRACE_ID_BYTES);
    memcpy(ret_trace->span_id, at + SPAN_AT, SP_SPAN_ID_BYTES);
    ret_trace->sampled = (lower_hex_value(at[FLAGS_AT + 1]) & 1) != 0;
    return true;
}
