#include "support/command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/evidence.h"

enum { LINE_MAX_BYTES = 4096, WORDS_MAX = 64, VARIABLES_MAX = 256, SHOWN_MAX_BYTES = 1 << 20 };

extern char **environ;

static struct command last;

void command_forget(void) {
    free(last.out);
    free(last.err);
    last = (struct command){0};
}

static void split(char *line, char *ret_words[WORDS_MAX]) {
    size_t count = 0;
    for (char *at = line; *at != '\0';) {
        while (*at == ' ')
            *at++ = '\0';
        if (*at == '\0')
            break;
        char end = *at == '\'' ? '\'' : ' ';
        at += end == '\'';
        assert_true(count + 1 < WORDS_MAX);
        ret_words[count++] = at;
        while (*at != '\0' && *at != end)
            at++;
        if (*at == '\'')
            *at++ = '\0';
    }
    ret_words[count] = NULL;
}

static void add_variable(const char *variable, char *ret_environment[VARIABLES_MAX]) {
    size_t count = 0;
    union {
        const char *in;
        char *out;
    } extra = {variable}; /* only read */
    if (variable != NULL)
        ret_environment[count++] = extra.out;
    for (char **at = environ; *at != NULL; at++) {
        size_t name = strcspn(*at, "=") + 1;
        if (variable != NULL && strncmp(*at, variable, name) == 0)
            continue;
        assert_true(count + 1 < VARIABLES_MAX);
        ret_environment[count++] = *at;
    }
    ret_environment[count] = NULL;
}

static int scratch(const char *text) {
    char path[] = "/tmp/sallyport-test-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    if (text != NULL) {
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    }
    return fd;
}

static char *whole(int fd) {
    off_t size = lseek(fd, 0, SEEK_END);
    assert_true(size >= 0);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    return text;
}

static pid_t spawn(char **words, const char *variable, const int fds[3]) {
    const char *bin = getenv("SP_BIN_DIR");
    char path[512], *environment[VARIABLES_MAX];
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    snprintf(path, sizeof(path), "%s/%s", bin == NULL ? "." : bin, words[0]);
    add_variable(variable, environment);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[i], i), 0);
    int failed = posix_spawn(&pid, path, &actions, NULL, words, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        fail_msg("cannot start %s: %s", path, strerror(failed));
    return pid;
}

static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_caught(const struct command_setting *setting, char **words) {
    int in = scratch(setting->input), err = scratch(NULL);
    int out = setting->output == NULL ? scratch(NULL) : open(setting->output, O_WRONLY | O_CLOEXEC);
    assert_true(out >= 0);
    last.status = wait_for(spawn(words, setting->variable, (const int[]){in, out, err}));
    last.out = setting->output == NULL ? whole(out) : strdup("");
    last.err = whole(err);
    evidence_said("stderr of a command", last.err, strlen(last.err));
    close(in);
    close(out);
    close(err);
}

/* Reads what the program and the terminal's echo write, until the program ends. */
static char *shown_on(int master) {
    char *text = calloc(1, SHOWN_MAX_BYTES);
    size_t used = 0;
    assert_non_null(text);
    for (;;) {
        ssize_t got = read(master, text + used, SHOWN_MAX_BYTES - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* EIO: the other side is closed */
            return text;
        used += (size_t)got;
    }
}

static void run_on_terminal(const struct command_setting *setting, char **words) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    char name[64];
    assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
    int side = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(side >= 0);
    pid_t pid = spawn(words, setting->variable, (const int[]){side, side, side});
    close(side);
    if (setting->input != NULL) {
        /* Typed after the prompt, which ends with ": ". */
        char prompt[64] = "";
        size_t used = 0;
        while (strstr(prompt, ": ") == NULL && used + 1 < sizeof(prompt)) {
            ssize_t got = read(master, prompt + used, 1);
            assert_true(got == 1 || (got < 0 && errno == EINTR));
            used += got == 1;
        }
        assert_int_equal(write(master, setting->input, strlen(setting->input)), strlen(setting->input));
    }
    last.out = shown_on(master);
    last.err = strdup("");
    last.status = wait_for(pid);
    close(master);
}

const struct command *command_run(const struct command_setting *setting, const char *format, ...) {
    char line[LINE_MAX_BYTES], *words[WORDS_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    assert_in_range(size, 1, sizeof(line) - 1);
    split(line, words);
    command_forget();
    if (setting->terminal)
        run_on_terminal(setting, words);
    else
        run_caught(setting, words);
    return &last;
}
