#include "support/pods.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 32, LOOKS_MAX = 6000 };

static void run(const char *folder, const char *const *arguments) {
    struct process process;
    if (process_run(&process, folder, "command", arguments) == 0)
        return;
    char *said = process_read(process.err);
    char *out = process_read(process.out);
    fail_msg("%s %s: %s%s", arguments[0], arguments[1], out, said);
}

void origin_make(struct origin *origin) {
    static const char *const nothing[] = {NULL};
    origin_make_with(origin, nothing);
}

void origin_make_with(struct origin *origin, const char *const *etcd_words) {
    struct programs programs;
    memset(origin, 0, sizeof(*origin));
    programs_make_store(&programs, NULL);
    snprintf(origin->folder, sizeof(origin->folder), "%s", programs.folder);
    snprintf(origin->operator_key, sizeof(origin->operator_key), "%s", programs.operator_key);
    etcd_make(&origin->etcd, origin->folder, "one");
    for (size_t i = 0; etcd_words[i] != NULL; i++) {
        assert_true(i + 1 < ETCD_WORDS);
        origin->etcd.words[i] = etcd_words[i];
    }
    etcd_start(&origin->etcd);
    const char *migrate[] = {"sallyport-sync",        "migrate", "--store", programs.store, "--to",
                             etcd_url(&origin->etcd), NULL};
    run(origin->folder, migrate);
}

void origin_end(struct origin *origin) {
    etcd_end(&origin->etcd, SIGKILL);
    folder_remove(origin->folder);
}

void pod_make(struct pod *pod, const struct origin *origin, const char *name, const char *url) {
    memset(pod, 0, sizeof(*pod));
    snprintf(pod->folder, sizeof(pod->folder), "%s", origin->folder);
    snprintf(pod->name, sizeof(pod->name), "%s", name);
    snprintf(pod->store, sizeof(pod->store), "%s/%s", pod->folder, name);
    snprintf(pod->url, sizeof(pod->url), "%s", url == NULL ? etcd_url(&origin->etcd) : url);
}

static void add_words(const char **arguments, size_t count, const char *const *words) {
    for (; *words != NULL && count + 1 < ARGUMENTS_MAX; words++)
        arguments[count++] = *words;
    arguments[count] = NULL;
}

void pod_start_sync(struct pod *pod, const struct origin *origin) {
    char name[40];
    char listen[40];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", pod->sync_port);
    const char *arguments[ARGUMENTS_MAX] = {"sallyport-sync", "serve",  "--store",    pod->store,
                                            "--source",       pod->url, "--listen",   listen,
                                            "--http-listen",  "none",   "--map-size", "4G"};
    add_words(arguments, 12, pod->sync_words);
    snprintf(name, sizeof(name), "%s-sync", pod->name);
    process_start(&pod->sync, pod->folder, name, arguments);
    snprintf(pod->sync_target, sizeof(pod->sync_target), "127.0.0.1:%d", process_port(&pod->sync));
    programs_wait_for_health(pod->sync_target, true);
    if (pod->admin.client != NULL)
        caller_close(&pod->admin);
    assert_true(caller_open(&pod->admin, pod->sync_target, origin->operator_key));
}

void pod_start_server(struct pod *pod) {
    char name[40];
    char listen[40];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", pod->server_port);
    const char *arguments[ARGUMENTS_MAX] = {"sallyportd", "--store",       pod->store, "--listen",
                                            listen,       "--http-listen", "none"};
    add_words(arguments, 7, pod->server_words);
    snprintf(name, sizeof(name), "%s-server", pod->name);
    process_start(&pod->server, pod->folder, name, arguments);
    snprintf(pod->server_target, sizeof(pod->server_target), "127.0.0.1:%d", process_port(&pod->server));
    programs_wait_for_health(pod->server_target, true);
    if (pod->checker.client != NULL)
        caller_close(&pod->checker);
    assert_true(caller_open(&pod->checker, pod->server_target, ""));
}

void pod_start(struct pod *pod, const struct origin *origin) {
    pod_start_sync(pod, origin);
    pod_start_server(pod);
}

static void end(struct process *process, int signal) {
    if (process->pid == 0)
        return;
    int status = process_end(process, signal);
    if (signal == SIGTERM && status != 0) {
        char *said = process_read(process->err);
        fail_msg("ended with %d: %s", status, said);
    }
}

void pod_end(struct pod *pod, int signal) {
    end(&pod->server, signal);
    end(&pod->sync, signal);
    if (pod->admin.client != NULL)
        caller_close(&pod->admin);
    if (pod->checker.client != NULL)
        caller_close(&pod->checker);
}

static long long number_now(struct pod *pod) {
    if (caller_call(&pod->admin, "Admin/WhoAmI", "{}") != SP_OK)
        fail_msg("%s: %s", pod->name, pod->admin.error.message);
    return caller_number(&pod->admin, "revision.number");
}

void pod_await(struct pod *pod, struct pod *other) {
    long long wanted = number_now(other);
    for (int i = 0; number_now(pod) < wanted; i++) {
        if (i == LOOKS_MAX)
            fail_msg("%s never came to revision %lld", pod->name, wanted);
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000L}, NULL);
    }
}

void pod_verify(struct pod *pod) {
    const char *verify[] = {"sallyport-sync", "verify", "--store", pod->store, NULL};
    const char *compare[] = {"sallyport-sync", "compare", "--store", pod->store, "--source", pod->url, NULL};
    run(pod->folder, verify);
    run(pod->folder, compare);
}

void pod_revision(struct caller *admin, char *ret_text) {
    snprintf(ret_text, 96, "{'epoch': '%lld', 'number': '%lld'}", caller_number(admin, "revision.epoch"),
             caller_number(admin, "revision.number"));
}

const char *pod_check(struct pod *pod, const char *key, const char *revision) {
    if (caller_callf(&pod->checker, "Authorization/Check",
                     "{'apiKey': '%s', 'resource': {'type': 'voice'}, 'action': 'preview'%s%s}", key,
                     revision[0] == '\0' ? "" : ", 'minRevision': ", revision) != SP_OK)
        return sp_status_name(pod->checker.error.status);
    return caller_text(&pod->checker, "reason");
}
