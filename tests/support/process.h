/* Starting real programs, reading what they say, and ending them by their id. Every helper asserts, and so belongs to the
 * test's own thread. The programs are looked for in SP_BIN_DIR. */
#ifndef TEST_SUPPORT_PROCESS_H
#define TEST_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;               /* 0: none */
    char out[128], err[128]; /* the files that take stdout and stderr */
};

/* Starts `arguments[0]`, one of ours unless it begins with a slash, with the arguments (NULL-terminated). Its output goes to `folder`/`name`.out and .err. */
void process_start(struct process *process, const char *folder, const char *name, const char *const *arguments);

/* Waits for its end, at most a minute: the exit status, or 128 and the signal. */
int process_wait(struct process *process);
/* The same after a signal. */
int process_end(struct process *process, int signal);

/* Starts, waits, and gives the exit status. */
int process_run(struct process *process, const char *folder, const char *name, const char *const *arguments);

/* Waits until it has written the text to stderr, at most a minute; ends the test where it ends before. */
void process_wait_for(struct process *process, const char *text);

/* What it wrote so far; the caller frees. */
char *process_read(const char *file);

/* The port of its first listener, once it was said. */
int process_port(struct process *process);

/* A temporary folder, and its removal with all that is in it. `ret_path` has room for 64 bytes. */
void folder_make(char *ret_path);
void folder_remove(const char *path);
/* How many entries have names that begin so. */
size_t folder_count(const char *path, const char *prefix);

#endif
