/* The source of truth in etcd (docs/etcd.md): a thread that follows it into the store, and the
 * writer, which sends it the changes that are made here.
 *
 * Both write to the store; LMDB lets one at a time. The store's position in the source is kept
 * in the store itself, in the same transaction, so that neither can apply anything twice. Every
 * function that takes the source is the writer's thread's, but for sp_source_get_state. */
#ifndef SP_SOURCE_SOURCE_H
#define SP_SOURCE_SOURCE_H

#include "source/options.h"
#include "source/report.h"
#include "store/lmdb/environment.h"
#include "store/records/edit.h"

struct sp_source;

/* Creates a store that follows the source, unless the folder holds one already. */
enum sp_status sp_source_make_store(const struct sp_source_options *options, const char *path, uint64_t map_size_bytes,
                                    struct sp_error *error) SP_MUST_USE;

/* SP_ERR_PRECONDITION: the store follows a source, and none was given. */
enum sp_status sp_source_check_embedded(struct sp_store *store, struct sp_error *error) SP_MUST_USE;

/* SP_ERR_PRECONDITION: the store does not use etcd, or follows another source. */
enum sp_status sp_source_open(const struct sp_source_options *options, struct sp_store *store,
                              struct sp_source **ret_source, struct sp_error *error) SP_MUST_USE;
/* For an embedded store that is to be uploaded. */
enum sp_status sp_source_open_for_upload(const struct sp_source_options *options, struct sp_store *store,
                                         struct sp_source **ret_source, struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. The follower must have stopped. */
void sp_source_close(struct sp_source *source);

/* Makes sp_source_begin and sp_source_commit fit for callers of the API: what etcd said is only
 * logged, and while it does not answer they fail soon, where a command waits ten seconds. Before
 * another thread uses the source. NULL is allowed. */
void sp_source_serve_callers(struct sp_source *source);

/* Starts and stops the follower's thread. `applied` (may be NULL) is called on that thread after
 * each commit that it made. */
enum sp_status sp_source_start(struct sp_source *source, void (*applied)(void *user), void *user,
                               struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_source_stop(struct sp_source *source);

/* Any thread. */
void sp_source_get_state(struct sp_source *source, struct sp_source_state *ret_state);

/* ---- for the writer, and for commands that change a store ---- */

/* Begins a write whose changes go to the source; a plain one of the store if `source` is NULL.
 * First folds the large change that sp_source_concede_race or sp_source_commit left, which
 * writes to etcd. SP_ERR_UNAVAILABLE: etcd cannot be reached, or the follower is still catching
 * up; SP_ERR_PRECONDITION: this instance accepts no changes. */
enum sp_status sp_source_begin(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                               struct sp_error *error) SP_MUST_USE;

/* Makes what the write did in the source, and then in the store. If it did nothing, because
 * everything that was asked was refused or done before, asks etcd whether that was judged by the
 * newest state. Frees the write either way. SP_ERR_ABORTED: another instance was first:
 * sp_source_concede_race, and do it all again. SP_ERR_UNAVAILABLE: the message says whether the
 * change may have been made. SP_ERR_INTERNAL: the write holds part of a refused change
 * (sp_write_check). */
enum sp_status sp_source_commit(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Whether the write holds as much as one transaction of etcd should. False if `source` is NULL. */
bool sp_source_is_full(const struct sp_source *source, const struct sp_write *write);

/* Whether etcd's database is so near its quota that only changes that take access away should be
 * made: only etcd 3.6 and later tell. False if `source` is NULL. */
bool sp_source_has_little_room(struct sp_source *source);

/* For a command: waits, at most `timeout_ms`, until the store has etcd's newest head, which
 * `serve` on the same store takes care of. Then sp_source_begin works without a follower of this
 * process. SP_ERR_UNAVAILABLE. */
enum sp_status sp_source_join(struct sp_source *source, unsigned timeout_ms, struct sp_error *error) SP_MUST_USE;

/* Makes the store what the source is now. Not while the follower runs. */
enum sp_status sp_source_list(struct sp_source *source, struct sp_error *error) SP_MUST_USE;

/* After a lost race: counts it, folds the large change that was in the way if there is one, and
 * waits until the follower has applied what made the last sp_source_commit fail, at most
 * `timeout_ms`; false: it has not. */
bool sp_source_concede_race(struct sp_source *source, unsigned timeout_ms);

/* Begins a new epoch in the source if this store was found to be ahead of it, because etcd was
 * restored from a backup; otherwise does nothing. `arena` is scratch. */
enum sp_status sp_source_begin_restored_epoch(struct sp_source *source, struct sp_arena *arena,
                                              struct sp_error *error) SP_MUST_USE;

/* Puts the head again, about once a second at most, if it is of an earlier release or not signed by
 * this instance's key, which it should be by now; otherwise does nothing. */
enum sp_status sp_source_renew_head(struct sp_source *source, struct sp_error *error) SP_MUST_USE;

/* For a write that only forgets what has expired: commits it, and removes the same from etcd,
 * with staged parts that no head names. A plain write of the store if `source` is NULL. */
enum sp_status sp_source_begin_tidying(struct sp_source *source, struct sp_store *store, struct sp_write **ret_write,
                                       struct sp_error *error) SP_MUST_USE;
enum sp_status sp_source_commit_tidying(struct sp_source *source, struct sp_write *write,
                                        struct sp_error *error) SP_MUST_USE;

/* ---- moving and comparing stores ---- */

/* Writes everything that the store holds to an empty place in etcd, and then its head. `write`
 * is open on the store and notes nothing; afterwards it records that the store follows etcd: commit
 * it. SP_ERR_EXISTS: there is a store already. */
enum sp_status sp_source_upload(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Compares the store with the source at the store's position, record by record. Not while the
 * follower runs. `report` (may be NULL) receives the first hundred differences.
 * SP_ERR_NOT_FOUND: the store is empty; SP_ERR_OUT_OF_RANGE: etcd has compacted that revision
 * away; SP_ERR_ABORTED: a large change is on its way: try again. */
enum sp_status sp_source_compare(struct sp_source *source, sp_source_report *report, void *context,
                                 uint64_t *ret_compared, uint64_t *ret_differences, struct sp_error *error) SP_MUST_USE;

#endif
