/* What can go wrong, and how it is said.
 *
 * A function that can fail returns `enum sp_status`; where a person will read why, it also fills a
 * `struct sp_error`. A denied decision is an answer, never a status. Thread-safe: no state. */
#ifndef SP_BASE_STATUS_H
#define SP_BASE_STATUS_H

#include <stdarg.h>

#define SP_MUST_USE __attribute__((warn_unused_result))
#define SP_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

enum sp_status {
    SP_OK = 0,
    SP_ERR_INVALID,         /* the caller's mistake: INVALID_ARGUMENT */
    SP_ERR_UNAUTHENTICATED, /* no valid key: UNAUTHENTICATED */
    SP_ERR_PERMISSION,      /* a valid key that may not: PERMISSION_DENIED */
    SP_ERR_NOT_FOUND,       /* NOT_FOUND */
    SP_ERR_EXISTS,          /* ALREADY_EXISTS */
    SP_ERR_PRECONDITION,    /* a rule forbids it now: FAILED_PRECONDITION */
    SP_ERR_EXHAUSTED,       /* a quota, a size limit, or the store's map: RESOURCE_EXHAUSTED */
    SP_ERR_ABORTED,         /* lost a race; try again: ABORTED */
    SP_ERR_OUT_OF_RANGE,    /* of the past, and no longer kept: OUT_OF_RANGE */
    SP_ERR_FUTURE,          /* a revision that has not been reached: OUT_OF_RANGE */
    SP_ERR_UNAVAILABLE,     /* not now; try again: UNAVAILABLE */
    SP_ERR_DEADLINE,        /* DEADLINE_EXCEEDED */
    SP_ERR_CANCELLED,       /* CANCELLED */
    SP_ERR_CORRUPT,         /* stored data fails its checksum: DATA_LOSS */
    SP_ERR_UNIMPLEMENTED,   /* UNIMPLEMENTED */
    SP_ERR_MEMORY,          /* out of memory: RESOURCE_EXHAUSTED */
    SP_ERR_IO,              /* the operating system said no: INTERNAL */
    SP_ERR_INTERNAL,        /* cannot happen: INTERNAL */
    /* No errors, and never what a call ends with: in a reply they would be INTERNAL. */
    SP_WALK_END,   /* a visitor returns it to end the walk that called it, which then returns SP_OK */
    SP_STREAM_END, /* reading a stream of messages returns it when the stream ended well */
};

/* The status's gRPC code (google.rpc.Code, 0 to 16). */
int sp_status_to_grpc(enum sp_status status);

/* The nearest status for a gRPC code; SP_ERR_INTERNAL for codes that are not listed above. */
enum sp_status sp_status_from_grpc(int code);

/* The gRPC code's name, such as "NOT_FOUND". A constant. */
const char *sp_status_name(enum sp_status status);

/* A status with its message. Held by the caller; needs no disposal. */
struct sp_error {
    enum sp_status status;
    char message[1024]; /* UTF-8, says what is wrong, where, and how to fix it; cut at the end if longer */
};

/* Sets `error` (may be NULL) and returns `status`, so that `return sp_error_set(…)` reads well.
 * What looks like a key in the message is masked (base/mask.h). */
enum sp_status sp_error_set(struct sp_error *error, enum sp_status status, const char *format, ...) SP_PRINTF(3, 4);
enum sp_status sp_error_vset(struct sp_error *error, enum sp_status status, const char *format, va_list arguments)
    SP_PRINTF(3, 0);

#endif
