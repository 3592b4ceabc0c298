/* Starts real programs, reads their output, and ends them by process id. Every helper asserts, so
 * use it only in the test's own thread. The programs are in SP_BIN_DIR. */
#ifndef TEST_SUPPORT_PROCESS_H
#define TEST_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;               /* 0: none */
    char out[128], err[128]; /* the files of stdout and stderr */
};

/* Starts `arguments[0]`, one of our programs unless it begins with a slash, with the arguments
 * (NULL-terminated). Its output goes to `folder`/`name`.out and .err. What still runs when the test
 * program ends, after a failure for example, is killed then. */
void process_start(struct process *process, const char *folder, const char *name, const char *const *arguments);

/* Waits at most a minute for its end. Returns the exit status, or 128 plus the signal. */
int process_wait(struct process *process);
/* The same after sending a signal. */
int process_end(struct process *process, int signal);

/* Whether it has ended by itself; then nothing of it is left to end. */
bool process_has_ended(struct process *process);

/* Starts it, waits, and returns the exit status. */
int process_run(struct process *process, const char *folder, const char *name, const char *const *arguments);

/* Waits at most a minute until it has written the text to stderr; fails the test if it exits before
 * that. */
void process_wait_for(struct process *process, const char *text);

/* What it has written so far; the caller frees it. */
char *process_read(const char *file);
/* It has written the text to stderr. */
void process_assert_said(const struct process *process, const char *text);

/* Waits until it has logged the port of its first listener, and returns it. */
int process_port(struct process *process);
/* The same of another one, which it logs as `listens`: "listening for HTTP on ". */
int process_port_of(struct process *process, const char *listens);

/* Makes a temporary folder; removes it with everything in it. `ret_path` has room for 64 bytes. */
void folder_make(char *ret_path);
void folder_remove(const char *path);
/* How many entries have names with this prefix. */
size_t folder_count(const char *path, const char *prefix);

/* Makes the file, or replaces what it holds. */
void file_write(const char *path, const char *text);

/* A part of the text is `part`. */
void assert_says(const char *text, const char *part);

#endif
