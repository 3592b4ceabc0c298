#include "support/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/evidence.h"

enum { LOOK_EVERY_MS = 5, LOOKS_MAX = 60 * 1000 / LOOK_EVERY_MS };

extern char **environ;

static void pause_a_little(void) {
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
}

/* The default for tests: many servers run at the same time. */
static void take_free_http_ports(void) {
    assert_int_equal(setenv("SALLYPORTD_HTTP_LISTEN", "127.0.0.1:0", 0), 0);
    assert_int_equal(setenv("SALLYPORT_SYNC_HTTP_LISTEN", "127.0.0.1:0", 0), 0);
    assert_int_equal(setenv("SALLYPORTD_METRICS_LISTEN", "127.0.0.1:0", 0), 0);
    assert_int_equal(setenv("SALLYPORT_SYNC_METRICS_LISTEN", "127.0.0.1:0", 0), 0);
}

/* ---- what a failed test leaves ---- */

enum { CHILDREN_MAX = 256 };

static atomic_int children[CHILDREN_MAX]; /* 0: free */
static pthread_once_t children_once = PTHREAD_ONCE_INIT;

static void kill_children(void) {
    for (int i = 0; i < CHILDREN_MAX; i++) {
        pid_t pid = atomic_load(&children[i]);
        if (pid == 0 || waitpid(pid, NULL, WNOHANG) != 0)
            continue;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

static void kill_children_at_exit(void) {
    atexit(kill_children);
}

static void replace_child(int pid, int by) {
    for (int i = 0; i < CHILDREN_MAX; i++) {
        int expected = pid;
        if (atomic_compare_exchange_strong(&children[i], &expected, by))
            return;
    }
}

/* ---- processes ---- */

/* spawn instead of fork: the test may have gRPC threads. */
void process_start(struct process *process, const char *folder, const char *name, const char *const *arguments) {
    take_free_http_ports();
    const char *bin = getenv("SP_BIN_DIR");
    char path[512];
    posix_spawn_file_actions_t actions;
    union {
        const char *const *in;
        char *const *out;
    } words = {arguments}; /* only read */
    bool foreign = arguments[0][0] == '/';
    snprintf(path, sizeof(path), "%s%s%s", foreign ? "" : bin == NULL ? "." : bin, foreign ? "" : "/", arguments[0]);
    snprintf(process->out, sizeof(process->out), "%s/%s.out", folder, name);
    snprintf(process->err, sizeof(process->err), "%s/%s.err", folder, name);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    /* Others print a key on stdout. */
    if (strcmp(arguments[0], "sallyportd") == 0 || (arguments[1] != NULL && strcmp(arguments[1], "serve") == 0))
        evidence_stdout(process->out);
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, process->out, flags, 0600), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, process->err, flags, 0600), 0);
    int failed = posix_spawn(&process->pid, path, &actions, NULL, words.out, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        fail_msg("cannot start %s: %s", path, strerror(failed));
    pthread_once(&children_once, kill_children_at_exit);
    replace_child(0, process->pid);
}

/* -1: still running. */
static int look(struct process *process) {
    int status = 0;
    pid_t got = waitpid(process->pid, &status, WNOHANG);
    assert_true(got >= 0 || errno == EINTR);
    if (got != process->pid)
        return -1;
    replace_child(process->pid, 0);
    process->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_wait(struct process *process) {
    for (int i = 0; i < LOOKS_MAX; i++) {
        int status = look(process);
        if (status >= 0)
            return status;
        pause_a_little();
    }
    kill(process->pid, SIGKILL);
    fail_msg("process %d did not end: %s", (int)process->pid, process->err);
    return -1;
}

bool process_has_ended(struct process *process) {
    return process->pid == 0 || look(process) >= 0;
}

int process_end(struct process *process, int signal) {
    assert_int_not_equal(process->pid, 0);
    assert_int_equal(kill(process->pid, signal), 0);
    return process_wait(process);
}

int process_run(struct process *process, const char *folder, const char *name, const char *const *arguments) {
    process_start(process, folder, name, arguments);
    return process_wait(process);
}

char *process_read(const char *file) {
    FILE *in = fopen(file, "re");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    long size = ftell(in);
    assert_true(size >= 0);
    rewind(in);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    size_t got = fread(text, 1, (size_t)size, in);
    text[got] = '\0';
    fclose(in);
    return text;
}

void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

void process_assert_said(const struct process *process, const char *text) {
    char *said = process_read(process->err);
    assert_says(said, text);
    free(said);
}

void file_write(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void process_wait_for(struct process *process, const char *text) {
    for (int i = 0; i < LOOKS_MAX; i++) {
        int status = look(process);
        char *said = process_read(process->err);
        bool found = strstr(said, text) != NULL;
        if (!found && status >= 0)
            fail_msg("it ended with %d before it said \"%s\": %s", status, text, said);
        free(said);
        if (found)
            return;
        pause_a_little();
    }
    fail_msg("it never said \"%s\"", text);
}

int process_port_of(struct process *process, const char *listens) {
    process_wait_for(process, listens);
    char *said = process_read(process->err);
    char *address = strstr(said, listens) + strlen(listens);
    address[strcspn(address, "\" \n")] = '\0';
    const char *colon = strrchr(address, ':');
    assert_non_null(colon);
    int port = (int)strtol(colon + 1, NULL, 10);
    free(said);
    assert_in_range(port, 1, 65535);
    return port;
}

int process_port(struct process *process) {
    return process_port_of(process, "listening on ");
}

/* ---- folders ---- */

void folder_make(char *ret_path) {
    snprintf(ret_path, 64, "/tmp/sallyport-test-XXXXXX");
    assert_non_null(mkdtemp(ret_path));
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where) {
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

void folder_remove(const char *path) {
    evidence_folder(path);
    assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

size_t folder_count(const char *path, const char *prefix) {
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(folder);
    return count;
}
