#include "base/status.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mask.h"

static const struct {
    int grpc;
    const char *name;
} codes[] = {
    [SP_OK] = {0, "OK"},
    [SP_ERR_INVALID] = {3, "INVALID_ARGUMENT"},
    [SP_ERR_UNAUTHENTICATED] = {16, "UNAUTHENTICATED"},
    [SP_ERR_PERMISSION] = {7, "PERMISSION_DENIED"},
    [SP_ERR_NOT_FOUND] = {5, "NOT_FOUND"},
    [SP_ERR_EXISTS] = {6, "ALREADY_EXISTS"},
    [SP_ERR_PRECONDITION] = {9, "FAILED_PRECONDITION"},
    [SP_ERR_EXHAUSTED] = {8, "RESOURCE_EXHAUSTED"},
    [SP_ERR_ABORTED] = {10, "ABORTED"},
    [SP_ERR_OUT_OF_RANGE] = {11, "OUT_OF_RANGE"},
    [SP_ERR_FUTURE] = {11, "OUT_OF_RANGE"},
    [SP_ERR_UNAVAILABLE] = {14, "UNAVAILABLE"},
    [SP_ERR_DEADLINE] = {4, "DEADLINE_EXCEEDED"},
    [SP_ERR_CANCELLED] = {1, "CANCELLED"},
    [SP_ERR_CORRUPT] = {15, "DATA_LOSS"},
    [SP_ERR_UNIMPLEMENTED] = {12, "UNIMPLEMENTED"},
    [SP_ERR_MEMORY] = {8, "RESOURCE_EXHAUSTED"},
    [SP_ERR_IO] = {13, "INTERNAL"},
    [SP_ERR_INTERNAL] = {13, "INTERNAL"},
    [SP_WALK_END] = {13, "INTERNAL"},
    [SP_STREAM_END] = {13, "INTERNAL"},
};

enum { CODE_COUNT = sizeof(codes) / sizeof(*codes) };

int sp_status_to_grpc(enum sp_status status) {
    return (size_t)status < CODE_COUNT ? codes[status].grpc : codes[SP_ERR_INTERNAL].grpc;
}

enum sp_status sp_status_from_grpc(int code) {
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (codes[i].grpc == code && i != SP_ERR_IO)
            return (enum sp_status)i;
    }
    return SP_ERR_INTERNAL;
}

const char *sp_status_name(enum sp_status status) {
    return (size_t)status < CODE_COUNT ? codes[status].name : codes[SP_ERR_INTERNAL].name;
}

/* A message that was too long may end inside a character: cuts that off. */
static void drop_cut_character(char *message) {
    size_t size = strlen(message);
    size_t lead = size;
    while (lead > 0 && size - lead < 3 && ((unsigned char)message[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0)
        return;
    unsigned char first = (unsigned char)message[lead - 1];
    size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (size - lead + 1 < wanted)
        message[lead - 1] = '\0';
}

enum sp_status sp_error_vset(struct sp_error *error, enum sp_status status, const char *format, va_list arguments) {
    if (error != NULL) {
        error->status = status;
        int length = vsnprintf(error->message, sizeof(error->message), format, arguments);
        if (length < 0)
            error->message[0] = '\0';
        else if ((size_t)length >= sizeof(error->message))
            drop_cut_character(error->message);
        sp_mask_text(error->message);
    }
    return status;
}

enum sp_status sp_error_set(struct sp_error *error, enum sp_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sp_error_vset(error, status, format, arguments);
    va_end(arguments);
    return status;
}
