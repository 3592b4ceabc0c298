/* The source of truth in etcd (docs/etcd.md): a thread that follows it into the store, and sending it what the writer does.
 *
 * The follower and the writer each have a connection of their own. Both write to the store; LMDB lets one at a time. Where the
 * store is in the source is kept in the store itself, in the same transaction, so that neither can apply anything twice. */
#ifndef SP_SOURCE_SOURCE_H
#define SP_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/options.h"
#include "store/records/write.h"

struct sp_source;

/* Texts are borrowed until the source is closed. */
struct sp_source_options {
    const char *url; /* "etcd://host:port,host:port/prefix/" */
    const char *ca_file, *cert_file, *key_file;
    const char *user;
    const char *password_file;
    bool follow_only;         /* changes are refused here */
    uint64_t compare_every_s; /* between comparisons of the whole store with the source; 0: none */
};

/* The rows of these options, for a program's table; returns how many. */
enum { SP_SOURCE_OPTION_ROWS = 8, SP_SOURCE_CONNECTION_ROWS = 5 };
size_t sp_source_option_rows(struct sp_source_options *options,
                             struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]);

/* Only where it is and how it is reached. */
size_t sp_source_place_rows(struct sp_source_options *options, struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]);
/* Only how it is reached. */
size_t sp_source_connection_rows(struct sp_source_options *options,
                                 struct sp_option ret_rows[static SP_SOURCE_CONNECTION_ROWS]);

/* Reads the URL only. *ret_prefix and *ret_endpoints point into the URL; a prefix that is not said is "/sallyport/v1/". SP_ERR_INVALID. */
enum sp_status sp_source_read_url(const char *url, struct sp_str *ret_endpoints, struct sp_str *ret_prefix,
                                  struct sp_error *error) SP_MUST_USE;

/* Makes a store that follows the source where the folder has none. SP_OK too where there is one. */
enum sp_status sp_source_make_store(const struct sp_source_options *options, const char *path, uint64_t map_size_bytes,
                                    struct sp_error *error) SP_MUST_USE;

/* SP_ERR_PRECONDITION: the store follows a source, which was not said. */
enum sp_status sp_source_check_embedded(struct sp_store *store, struct sp_error *error) SP_MUST_USE;

/* SP_ERR_PRECONDITION: the store is the truth itself, or follows another source. */
enum sp_status sp_source_open(const struct sp_source_options *options, struct sp_store *store,
                              struct sp_source **ret_source, struct sp_error *error) SP_MUST_USE;
/* For an embedded store that is to be written there. */
enum sp_status sp_source_open_for_upload(const struct sp_source_options *options, struct sp_store *store,
                                         struct sp_source **ret_source, struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. The follower must have stopped. */
void sp_source_close(struct sp_source *source);

/* Starts and ends the follower's thread. `applied` is called after each commit that it made, on that thread; may be NULL. */
enum sp_status sp_source_start(struct sp_source *source, void (*applied)(void *user), void *user,
                               struct sp_error *error) SP_MUST_USE;
void sp_source_stop(struct sp_source *source);

struct sp_source_state {
    bool filled;          /* the store holds a revision */
    bool following;       /* a watch stands, and the store has what was there when it began */
    bool reachable;       /* etcd answered within the last three seconds */
    size_t unreadable;    /* entities that are left out */
    int64_t age_ms;       /* since the store was known to have all that etcd has; -1: it was not yet */
    uint64_t lists;       /* how often the whole was listed */
    uint64_t differences; /* that full comparisons found */
    uint64_t lost_races;
};
void sp_source_get_state(struct sp_source *source, struct sp_source_state *ret_state);

/* ---- for the writer, and for commands that change a store ---- */

/* Begins a write whose changes go to the source; `source` NULL: a plain one of the store. SP_ERR_UNAVAILABLE: etcd cannot be
 * reached, or the follower is still catching up; SP_ERR_PRECONDITION: this instance makes no changes. */
enum sp_status sp_source_begin(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                               struct sp_error *error) SP_MUST_USE;

/* Makes what the write did in the source, and then in the store. Where it did nothing, because all that was asked was refused or had been done
 * before, asks etcd whether that was judged by the newest state. Frees the write either way. SP_ERR_ABORTED: somebody else was
 * first: sp_source_await, and do it all again. SP_ERR_UNAVAILABLE: the message says whether the change may have been
 * made. */
enum sp_status sp_source_commit(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Whether the write has come to as much as one transaction of etcd should hold. */
bool sp_source_is_full(const struct sp_source *source, const struct sp_write *write);

/* For a command: asks etcd whether the store has its newest head, which `serve` on the same store sees to, and waits for that at most
 * `timeout_ms`. SP_ERR_UNAVAILABLE. Then sp_source_begin works without a follower of this process. */
enum sp_status sp_source_join(struct sp_source *source, unsigned timeout_ms, struct sp_error *error) SP_MUST_USE;

/* Makes the store what the source is now. Not while the follower runs. */
enum sp_status sp_source_list(struct sp_source *source, struct sp_error *error) SP_MUST_USE;

/* Waits until the follower has applied what made the last sp_source_commit fail, at most `timeout_ms`; false: it has not. */
bool sp_source_await(struct sp_source *source, unsigned timeout_ms);

/* Begins a new epoch in the source, where this store was found to be ahead of it: the source was restored from a backup. Else nothing.
 * `arena` is scratch. */
enum sp_status sp_source_mend_epoch(struct sp_source *source, struct sp_arena *arena,
                                    struct sp_error *error) SP_MUST_USE;

/* Commits a write that only forgot what expired (it must have begun with sp_source_begin_tidying), and removes the same from
 * etcd, with what no head names. */
enum sp_status sp_source_begin_tidying(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                                       struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_commit_tidying(struct sp_source *source, struct sp_write *write,
                                        struct sp_error *error) SP_MUST_USE;

/* ---- whole stores ---- */

/* Writes everything that the store holds to an empty place in etcd, and then its head. `write` is open on the store, notes
 * nothing, and says then that the store follows etcd: commit it. SP_ERR_EXISTS: there is a store already. */
enum sp_status sp_source_upload(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Compares the store with the source at the store's cursor, record by record; `report` is told of each difference. SP_ERR_OUT_OF_RANGE:
 * etcd has forgotten that revision: try again. */
typedef void sp_source_report(void *context, const char *difference);
enum sp_status sp_source_compare(struct sp_source *source, sp_source_report *report, void *context,
                                 uint64_t *ret_compared, uint64_t *ret_differences, struct sp_error *error) SP_MUST_USE;

#endif
