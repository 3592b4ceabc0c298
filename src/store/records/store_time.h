/* The time that a store has seen pass, whatever the system's clock says.
 *
 * The head holds the newest time that a commit has seen. It never goes back, so it is a floor for
 * decisions: a clock that was set back revives no expired key. It moves on with the clock, but at
 * most two seconds for each second since boot, so that a clock that jumps ahead for a while
 * neither expires keys for good nor erases the audit trail; the second of the two lets it catch
 * up after the machine was off. In another boot than the last commit's, elapsed time is not
 * known, and it may move on by a day at first. */
#ifndef SP_STORE_RECORDS_STORE_TIME_H
#define SP_STORE_RECORDS_STORE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct sp_view;
struct sp_write;
struct sp_head;

enum { SP_STORE_TIME_DAY_S = 24 * 60 * 60 };

/* `now_s`, but not before the newest time of the view's store. SP_ERR_CORRUPT: the head is. */
enum sp_status sp_view_floor_time(struct sp_view *view, int64_t now_s, int64_t *ret_now_s) SP_MUST_USE;

/* The store's time at the clock's `now_s`: at most that, unless the clock was set back. What
 * expires for good, and what is erased, goes by this. SP_ERR_CORRUPT. */
enum sp_status sp_view_store_time(struct sp_view *view, int64_t now_s, int64_t *ret_time_s) SP_MUST_USE;

/* Commits the store's time with this write if the last commit was an hour ago: for a store in
 * which nothing changes. SP_ERR_CORRUPT. */
enum sp_status sp_write_keep_time(struct sp_write *write, int64_t now_s) SP_MUST_USE;

/* Takes the clock's `now_s` as it is: for a new store, and for what a person runs by hand on one
 * whose time has stood still. SP_ERR_CORRUPT. */
enum sp_status sp_write_accept_time(struct sp_write *write, int64_t now_s) SP_MUST_USE;

/* ---- inside the store ---- */

/* Moves the head's newest time on to the store's time at `now_s`. The caller writes the head. */
enum sp_status sp_write_move_time(struct sp_write *write, struct sp_head *head, int64_t now_s) SP_MUST_USE;

#endif
