/* libsallyport: Sallyport's decision inside the caller's process, from the same store, without a
 * network hop.
 *
 * For trusted processes on the machine (or in the pod) of a store that sallyport-sync writes:
 * they can read everything in it but the keys' texts, which are not there. A question is
 * answered as sallyportd's Check answers it, and refused where Check refuses it. What
 * --max-staleness is to sallyportd, sallyport_set_max_staleness is here.
 *
 *     struct sallyport_store *store;
 *     struct sallyport_reader *reader;
 *     char message[SALLYPORT_MESSAGE_BYTES];
 *     if (sallyport_open("/var/lib/sallyport", &store, message) != SALLYPORT_OK ||
 *         sallyport_reader_open(store, &reader, message) != SALLYPORT_OK)
 *         … print message and deny everything
 *     struct sallyport_answer answer;
 *     if (sallyport_check(reader, &question, &answer) == SALLYPORT_OK && answer.allowed)
 *         … go ahead
 *
 * Threads: a store is shared by all threads of a process and opened once; a reader belongs to
 * one thread at a time. A process that forks must not use either in the child. Nothing is
 * allocated and no lock is taken by a check.
 *
 * Files: once a second a check looks whether the store's folder and files are still those that
 * were opened. If they were replaced or removed, everything from then on is
 * SALLYPORT_UNAVAILABLE; close readers and store, and open them again.
 *
 * Anything but SALLYPORT_OK with answer.allowed
 * means: deny. A zeroed answer denies. Link with `pkg-config --cflags --libs sallyport`. */
#ifndef SALLYPORT_H
#define SALLYPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SALLYPORT_API __attribute__((visibility("default")))

enum sallyport_status {
    SALLYPORT_OK = 0,
    SALLYPORT_INVALID = 1,     /* the caller's mistake: see struct sallyport_question */
    SALLYPORT_UNAVAILABLE = 2, /* no store, another format, its files were replaced, or locks do not
                                * work: see the message */
    SALLYPORT_CORRUPT = 3,     /* a record that the decision needs is damaged */
    SALLYPORT_ERROR = 4        /* out of memory, or the operating system refused */
};

/* Text with its length: not terminated. {NULL, 0} is empty. */
struct sallyport_text {
    const char *data;
    size_t size;
};

/* What is asked. Borrowed for the duration of the call. All texts must be UTF-8 without NUL, and
 * all but `api_key` without other control characters; anything else, and a size out of bounds,
 * is SALLYPORT_INVALID. */
struct sallyport_question {
    struct sallyport_text api_key;   /* what the client presented, 1 to 512 bytes */
    const uint8_t *api_key_sha256;   /* or the 32 bytes of its SHA-256; NULL: `api_key` is given */
    struct sallyport_text ip;        /* IPv4 or IPv6 text; empty: not known */
    struct sallyport_text type;      /* of the resource, 1 to 64 bytes */
    struct sallyport_text id;        /* of the resource, up to 256 bytes; may be empty */
    struct sallyport_text action;    /* 1 to 64 bytes */
    struct sallyport_text workspace; /* asserted, up to 64 bytes; empty: not asserted */
};

enum {
    SALLYPORT_ID_BYTES = 65,         /* an id and its NUL */
    SALLYPORT_PRINCIPAL_BYTES = 257, /* the same of a principal */
    SALLYPORT_MESSAGE_BYTES = 1024
};

/* The answer, self-contained. Ids are NUL-terminated, and empty if nothing may be revealed. */
struct sallyport_answer {
    bool allowed;
    uint8_t reason;         /* number of sallyport.v1.Reason; sallyport_reason_name() */
    uint8_t role;           /* 0 none, 1 viewer, 2 commenter, 3 editor, 4 admin */
    uint8_t principal_kind; /* 0 not known, 1 user, 2 service account */
    uint16_t http_status;   /* 200, 401, 403 or 503 */
    uint64_t epoch;         /* of the revision decided at */
    uint64_t revision;
    char workspace[SALLYPORT_ID_BYTES];
    char principal[SALLYPORT_PRINCIPAL_BYTES];
    char key_id[SALLYPORT_ID_BYTES];
};

struct sallyport_store;
struct sallyport_reader;

/* Opens the store in the folder `path`, read-only (its lock file must be writable). On failure
 * `message`, of SALLYPORT_MESSAGE_BYTES or NULL, receives what is wrong and how to fix it. Free
 * with sallyport_close, after its readers. */
SALLYPORT_API enum sallyport_status sallyport_open(const char *path, struct sallyport_store **ret_store, char *message);
SALLYPORT_API void sallyport_close(struct sallyport_store *store);

/* From now on every answer is a denial for the reason STALE (503) while the store was last in step
 * with its source of truth more than `seconds` ago; 0, the default, is never. A store that follows
 * no etcd is its own source. Any thread. */
SALLYPORT_API void sallyport_set_max_staleness(struct sallyport_store *store, uint32_t seconds);

/* Looks now whether the files are still those that were opened. `message` as for sallyport_open.
 * Any thread. */
SALLYPORT_API enum sallyport_status sallyport_check_files(struct sallyport_store *store, char *message);

/* Makes a reader, for one thread. */
SALLYPORT_API enum sallyport_status sallyport_reader_open(struct sallyport_store *store,
                                                          struct sallyport_reader **ret_reader, char *message);
SALLYPORT_API void sallyport_reader_close(struct sallyport_reader *reader);

/* Answers at the newest committed revision. *ret_answer is zeroed (a denial) on any status but
 * OK. */
SALLYPORT_API enum sallyport_status sallyport_check(struct sallyport_reader *reader,
                                                    const struct sallyport_question *question,
                                                    struct sallyport_answer *ret_answer);

/* Answers `count` questions at one revision. Stops at the first that fails; all answers from it
 * on are zeroed. */
SALLYPORT_API enum sallyport_status sallyport_check_many(struct sallyport_reader *reader,
                                                         const struct sallyport_question *questions, size_t count,
                                                         struct sallyport_answer *ret_answers);

/* The newest committed revision: compare it with the revision that an admin call returned to
 * learn whether that change is visible yet. */
SALLYPORT_API enum sallyport_status sallyport_refresh(struct sallyport_reader *reader, uint64_t *ret_epoch,
                                                      uint64_t *ret_revision);

/* "ALLOWED", "IP_NOT_ALLOWED", …; a constant. */
SALLYPORT_API const char *sallyport_reason_name(uint8_t reason);

#ifdef __cplusplus
}
#endif

#endif
