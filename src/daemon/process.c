#include "daemon/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

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

enum sp_status sp_process_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? SP_OK : SP_ERR_IO;
}
