#include "daemon/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* For the one thread that waits for signals. */
static struct {
    void (*call)(void *user);
    void *user;
} on_hangup;

static sigset_t ending_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static sigset_t all_signals(void) {
    sigset_t set = ending_signals();
    sigaddset(&set, SIGHUP);
    return set;
}

void sp_process_block_signals(void) {
    sigset_t set = all_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

void sp_process_on_hangup(void (*call)(void *user), void *user) {
    on_hangup.call = call;
    on_hangup.user = user;
}

bool sp_process_wait_for_signal(int timeout_ms) {
    sigset_t set = all_signals();
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    int got;
    do {
        got = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &timeout);
        if (got == SIGHUP && on_hangup.call != NULL)
            on_hangup.call(on_hangup.user);
    } while (got == SIGHUP || (got < 0 && errno == EINTR));
    return got > 0;
}

void sp_process_let_signals_end(void) {
    sigset_t set = ending_signals();
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- faults ---- */

enum { FAULT_LINE_BYTES = 512 };

/* Written by a signal handler, and so made before. Without a time, which it could not tell. */
struct fault_line {
    char text[FAULT_LINE_BYTES];
    size_t size;
};

enum { FAULT_PATIENCE_MS = 1000 }; /* with whoever reads stderr */

static struct fault_line bus_line, segment_line;

static void write_fault_line(int number) {
    const struct fault_line *line = number == SIGBUS ? &bus_line : &segment_line;
    struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&reader, 1, FAULT_PATIENCE_MS) > 0) {
        ssize_t wrote = write(STDERR_FILENO, line->text, line->size);
        (void)wrote;
    }
    /* SA_RESETHAND: the instruction faults again, and now ends the process; raise() serves for a
     * signal that another process sent. */
    (void)raise(number);
}

static void make_fault_line(struct fault_line *line, const char *program, const char *message) {
    int size = sp_log_is_text()
                   ? snprintf(line->text, sizeof(line->text), "error   %s: %s\n", program, message)
                   : snprintf(line->text, sizeof(line->text),
                              "{\"level\":\"error\",\"program\":\"%s\",\"message\":\"%s\"}\n", program, message);
    line->size = size < 0 ? 0 : (size_t)size;
}

static void catch_fault(int number) {
    struct sigaction action = {.sa_handler = write_fault_line, .sa_flags = (int)SA_RESETHAND};
    struct sigaction there;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &there) == 0 && there.sa_handler == SIG_DFL)
        (void)sigaction(number, &action, NULL);
}

void sp_process_report_faults(const char *program) {
    make_fault_line(&bus_line, program,
                    "killed by SIGBUS: a mapped file was truncated, or its disk cannot be read; check the disk and run "
                    "`sallyport-sync verify`");
    make_fault_line(&segment_line, program,
                    "killed by SIGSEGV: run `sallyport-sync verify`; if the store is intact, please report this");
    catch_fault(SIGBUS);
    catch_fault(SIGSEGV);
}

enum sp_status sp_process_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? SP_OK : SP_ERR_IO;
}
