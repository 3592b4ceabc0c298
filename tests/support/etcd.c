#include "support/etcd.h"
#include "etcd/client.h"
#include "etcd/kv.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/port.h"

enum { LOOK_EVERY_MS = 20, LOOKS_MAX = 60 * 1000 / LOOK_EVERY_MS, WORDS_MAX = 48, PATH_BYTES = 256 };

static bool find_program(const char *name, char *path, size_t size) {
    static const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/bin"};
    const char *chosen = getenv("SP_TEST_ETCD");
    if (chosen != NULL) {
        snprintf(path, size, "%s/%s", chosen, name);
        return access(path, X_OK) == 0;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        snprintf(path, size, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

bool etcd_is_here(void) {
    char path[PATH_BYTES];
    if (find_program("etcd", path, sizeof(path)) && find_program("etcdctl", path, sizeof(path)))
        return true;
    print_message("etcd and etcdctl are not installed (Debian: etcd-server, etcd-client): skipped\n");
    return false;
}

void etcd_make(struct etcd *etcd, const char *folder, const char *name) {
    memset(etcd, 0, sizeof(*etcd));
    snprintf(etcd->folder, sizeof(etcd->folder), "%s", folder);
    snprintf(etcd->name, sizeof(etcd->name), "%s", name);
    etcd->port = free_port();
    do
        etcd->peer_port = free_port();
    while (etcd->peer_port == etcd->port);
    snprintf(etcd->target, sizeof(etcd->target), "127.0.0.1:%d", etcd->port);
}

struct sp_etcd *etcd_client(const struct etcd *etcd) {
    struct sp_etcd *client = NULL;
    struct sp_error error = {0};
    const struct sp_etcd_options options = {.endpoints = sp_str_from(etcd->target),
                                            .ca_file = etcd->ca,
                                            .cert_file = etcd->client_cert,
                                            .key_file = etcd->client_key};
    if (sp_etcd_open(&options, &client, &error) != SP_OK)
        fail_msg("%s", error.message);
    return client;
}

static bool answers(struct sp_etcd *client, uint64_t *revision) {
    struct sp_arena arena;
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = {(const uint8_t *)"health", 6}};
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    enum sp_status status = sp_etcd_get(client, &range, &arena, &page, NULL);
    if (status == SP_OK)
        *revision = page.header.revision;
    sp_arena_fini(&arena);
    /* With authentication, a refusal is an answer too. */
    return status == SP_OK || status == SP_ERR_UNAUTHENTICATED || status == SP_ERR_PERMISSION;
}

static void wait_until_it_answers(struct etcd *etcd) {
    struct sp_etcd *client = etcd_client(etcd);
    uint64_t revision = 0;
    for (int i = 0; !answers(client, &revision); i++) {
        if (i == LOOKS_MAX || process_has_ended(&etcd->process))
            fail_msg("etcd does not answer; see %s", etcd->process.err);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
    }
    sp_etcd_close(client);
}

static void add_words(const char **words, const char *const *more) {
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    for (; *more != NULL && count + 1 < WORDS_MAX; more++)
        words[count++] = *more;
    words[count] = NULL;
}

void etcd_start(struct etcd *etcd) {
    char program[PATH_BYTES], data[160], client[64], peer[64], cluster[96];
    assert_true(find_program("etcd", program, sizeof(program)));
    snprintf(data, sizeof(data), "%s/%s.etcd", etcd->folder, etcd->name);
    snprintf(client, sizeof(client), "http%s://127.0.0.1:%d", etcd->cert == NULL ? "" : "s", etcd->port);
    snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", etcd->peer_port);
    snprintf(cluster, sizeof(cluster), "%s=%s", etcd->name, peer);
    const char *words[WORDS_MAX] = {program, "--name", etcd->name, "--data-dir", data, "--log-level", "error"};
    add_words(words,
              (const char *const[]){"--listen-client-urls", client, "--advertise-client-urls", client,
                                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                                    "--initial-cluster", cluster, "--heartbeat-interval", "50", "--election-timeout",
                                    "500", "--quota-backend-bytes", etcd->quota == NULL ? "0" : etcd->quota, NULL});
    /* Logins are cheap: a busy machine would need longer for one than etcdctl waits. */
    add_words(words, (const char *const[]){"--bcrypt-cost", "4", NULL});
    add_words(words, etcd->words);
    if (etcd->cert != NULL)
        add_words(words, (const char *const[]){"--client-cert-auth", "--trusted-ca-file", etcd->ca, "--cert-file",
                                               etcd->cert, "--key-file", etcd->key, NULL});
    process_start(&etcd->process, etcd->folder, etcd->name, words);
    wait_until_it_answers(etcd);
}

void etcd_run(struct process *process, const char *folder, const char *name, const char *const *words) {
    char program[PATH_BYTES];
    const char *all[WORDS_MAX] = {program};
    assert_true(find_program("etcd", program, sizeof(program)));
    add_words(all, words);
    process_start(process, folder, name, all);
}

void etcd_end(struct etcd *etcd, int signal) {
    if (etcd->process.pid != 0)
        (void)process_end(&etcd->process, signal);
}

const char *etcd_url(const struct etcd *etcd) {
    static char url[96];
    snprintf(url, sizeof(url), "etcd://%s/sallyport/v1/", etcd->target);
    return url;
}

uint64_t etcd_compact(struct etcd *etcd) {
    struct sp_etcd *client = etcd_client(etcd);
    struct sp_error error = {0};
    uint64_t revision = 0;
    assert_true(answers(client, &revision));
    enum sp_status status = sp_etcd_compact(client, revision, &error);
    /* It was compacted there already. */
    if (status != SP_OK && status != SP_ERR_OUT_OF_RANGE)
        fail_msg("%s", error.message);
    sp_etcd_close(client);
    return revision;
}

static void run_control(const struct etcd *etcd, const char *const *words) {
    struct process process = {0};
    if (process_run(&process, etcd->folder, "etcdctl", words) != 0) {
        char *text = process_read(process.err);
        fail_msg("%s: %s", words[0], text);
    }
}

static char *read_control_file(const struct etcd *etcd, const char *name) {
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", etcd->folder, name);
    return process_read(path);
}

char *etcd_control_said(const struct etcd *etcd) {
    return read_control_file(etcd, "etcdctl.out");
}

char *etcd_control_complained(const struct etcd *etcd) {
    return read_control_file(etcd, "etcdctl.err");
}

/* Splits at blanks, in place. */
static void split_words(char *line, const char **words) {
    const char *word;
    for (char *rest = line; (word = strtok_r(rest, " ", &rest)) != NULL;)
        add_words(words, (const char *const[]){word, NULL});
}

/* The exit status. */
static int control(const struct etcd *etcd, char *line, struct process *process) {
    char program[PATH_BYTES];
    const char *words[WORDS_MAX] = {program, "--endpoints", etcd->target};
    assert_true(find_program("etcdctl", program, sizeof(program)));
    if (etcd->user != NULL)
        add_words(words, (const char *const[]){"--user", etcd->user, NULL});
    split_words(line, words);
    setenv("ETCDCTL_API", "3", 1);
    return process_run(process, etcd->folder, "etcdctl", words);
}

void etcd_control(const struct etcd *etcd, const char *format, ...) {
    char line[512];
    struct process process = {0};
    va_list arguments;
    va_start(arguments, format);
    assert_true(vsnprintf(line, sizeof(line), format, arguments) < (int)sizeof(line));
    va_end(arguments);
    if (control(etcd, line, &process) != 0)
        fail_msg("etcdctl: %s", process_read(process.err));
}

bool etcd_try_control(const struct etcd *etcd, const char *format, ...) {
    char line[512];
    struct process process = {0};
    va_list arguments;
    va_start(arguments, format);
    assert_true(vsnprintf(line, sizeof(line), format, arguments) < (int)sizeof(line));
    va_end(arguments);
    return control(etcd, line, &process) == 0;
}

void etcd_restore(const struct etcd *etcd, const char *snapshot) {
    char program[PATH_BYTES], data[160], line[512];
    const char *words[WORDS_MAX] = {program};
    /* etcdctl of 3.6 and later prints its help instead. */
    if (!find_program("etcdutl", program, sizeof(program)))
        assert_true(find_program("etcdctl", program, sizeof(program)));
    snprintf(data, sizeof(data), "%s/%s.etcd", etcd->folder, etcd->name);
    folder_remove(data);
    snprintf(line, sizeof(line),
             "snapshot restore %s --data-dir %s --name %s --initial-advertise-peer-urls http://127.0.0.1:%d "
             "--initial-cluster %s=http://127.0.0.1:%d",
             snapshot, data, etcd->name, etcd->peer_port, etcd->name, etcd->peer_port);
    split_words(line, words);
    run_control(etcd, words);
    assert_int_equal(access(data, F_OK), 0);
}

void etcd_lock(struct etcd *etcd, const char *verb, const char *prefix) {
    etcd_control(etcd, "user add root:secret");
    etcd_control(etcd, "user grant-role root root");
    etcd_control(etcd, "role add pod");
    etcd_control(etcd, "role grant-permission pod --prefix=true %s %s", verb, prefix);
    etcd_control(etcd, "user add pod:word");
    etcd_control(etcd, "user grant-role pod pod");
    etcd_control(etcd, "auth enable");
    etcd->user = "root:secret";
}

void etcd_tokens_make(struct etcd_tokens *tokens, const char *folder, bool jwt) {
    *tokens = (struct etcd_tokens){.words = {"--auth-token-ttl", "2", NULL}};
    if (!jwt)
        return;
    snprintf(tokens->secret, sizeof(tokens->secret), "%s/jwt.secret", folder);
    file_write(tokens->secret, "not a secret that anybody else needs");
    snprintf(tokens->jwt, sizeof(tokens->jwt), "jwt,sign-method=HS256,priv-key=%s,ttl=2s", tokens->secret);
    tokens->words[0] = "--auth-token";
    tokens->words[1] = tokens->jwt;
}
