/* Where lines go: a file, pipe, socket or terminal, which other processes may share and which
 * nobody may read. A write takes what fits now and never waits; waiting is a call of its own, with
 * a limit.
 *
 * Standard output and error belong to other processes too, so their O_NONBLOCK flag stays as it is:
 * the outlet opens a description of its own where the kernel allows that. Where it does not (a pipe
 * that another user made), a write asks poll(2) first and gives a pipe no more than it takes at
 * once. Only then, and if another process fills the pipe in between, can a write wait.
 *
 * One thread at a time. */
#ifndef SP_BASE_OUTLET_H
#define SP_BASE_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum sp_outlet_kind {
    SP_OUTLET_FILE,   /* a regular file */
    SP_OUTLET_STREAM, /* a pipe, a terminal or the like */
    SP_OUTLET_SOCKET,
};

struct sp_outlet {
    int fd; /* the outlet's own; -1: closed */
    enum sp_outlet_kind kind;
    bool may_wait; /* a stream whose description is shared with other processes */
};

/* Opens STDOUT_FILENO or STDERR_FILENO. SP_ERR_IO: it is closed; errno says why. */
enum sp_status sp_outlet_open_standard(int standard_fd, struct sp_outlet *ret_outlet) SP_MUST_USE;

/* Opens a file for appending, and creates it with mode 0640. A named pipe that nobody reads is
 * opened all the same. SP_ERR_IO; errno says why. */
enum sp_status sp_outlet_open_file(const char *path, struct sp_outlet *ret_outlet) SP_MUST_USE;

/* Writes what fits now. A stream gets whole lines, as long as none is longer than a pipe takes at
 * once (4,096 bytes). *ret_done: how many bytes; fewer than `size` if more would have to wait.
 * SP_ERR_IO: it cannot be written, beyond *ret_done bytes; errno says why. */
enum sp_status sp_outlet_write(const struct sp_outlet *outlet, const char *bytes, size_t size,
                               size_t *ret_done) SP_MUST_USE;

/* Waits until it takes more, at most `timeout_ms`. False: it does not. */
bool sp_outlet_wait(const struct sp_outlet *outlet, int timeout_ms);

/* A closed outlet is allowed. */
void sp_outlet_close(struct sp_outlet *outlet);

#endif
