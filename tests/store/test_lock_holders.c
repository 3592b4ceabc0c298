/* Opening a store beside processes of other PID namespaces, as containers of one pod have them that
 * do not share theirs. The other processes are this binary again, started with a task, by
 * unshare(1) where they get a namespace of their own. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "support/store_world.h"

extern char **environ;

static struct world world;

/* What a process says of its opening the store, as one byte. */
enum said { SAID_OPEN = 'o', SAID_OTHER_NAMESPACE = 'n', SAID_OTHER_ERROR = 'x' };

/* ---- the other processes ---- */

struct holder {
    pid_t pid;
    int out;
};

static int hold_task(const char *path) {
    struct sp_store *store = NULL;
    struct sp_error error = {.message = ""};
    /* Closed after the lock file when the process ends, so that the end of the pipe tells that the
     * locks are gone. */
    if (fcntl(STDOUT_FILENO, F_DUPFD, 100) < 0)
        return 1;
    enum sp_status status = sp_store_open(path, &(struct sp_store_options){.mode = SP_STORE_READ}, &store, &error);
    bool named = status == SP_ERR_PRECONDITION && strstr(error.message, "shareProcessNamespace: true") != NULL;
    char said = status == SP_OK ? SAID_OPEN : named ? SAID_OTHER_NAMESPACE : SAID_OTHER_ERROR;
    if (said == SAID_OTHER_ERROR)
        (void)fprintf(stderr, "%s: %s\n", sp_status_name(status), error.message);
    if (write(STDOUT_FILENO, &said, 1) != 1)
        return 1;
    while (status == SP_OK)
        pause();
    return 0;
}

/* The path of this program; not /proc/self/exe, which is another program once unshare runs. */
static char self[4096];

static struct holder start_with(char *const *argv) {
    int ends[2];
    struct holder holder;
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn(&holder.pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    holder.out = ends[0];
    return holder;
}

static struct holder start(bool own_namespace) {
    char unshare[] = "/usr/bin/unshare";
    char pid_flag[] = "--pid";
    char fork_flag[] = "--fork";
    char kill_flag[] = "--kill-child=KILL";
    char user_flag[] = "--map-root-user";
    char task[] = "hold";
    char *const plain[] = {self, task, world.path, NULL};
    char *const by_root[] = {unshare, pid_flag, fork_flag, kill_flag, self, task, world.path, NULL};
    char *const by_others[] = {unshare, pid_flag, fork_flag, kill_flag, user_flag, self, task, world.path, NULL};
    return start_with(!own_namespace ? plain : geteuid() == 0 ? by_root : by_others);
}

static int heard(const struct holder *holder) {
    char byte;
    return read(holder->out, &byte, 1) == 1 ? byte : 0;
}

static void end(struct holder *holder) {
    char byte;
    assert_int_equal(kill(holder->pid, SIGKILL), 0);
    assert_int_equal(waitpid(holder->pid, NULL, 0), holder->pid);
    while (read(holder->out, &byte, 1) > 0)
        ;
    close(holder->out);
}

static bool namespaces_can_be_made(void) {
    struct holder probe = start(true);
    bool can = heard(&probe) != 0;
    end(&probe);
    return can;
}

/* ---- cases ---- */

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    sp_store_close(world.store);
    world.store = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_fini(&world);
    return 0;
}

static void opens_beside_many_processes_of_its_own_namespace(void **state) {
    (void)state;
    enum { MANY = 5 };
    struct holder holders[MANY];
    for (size_t i = 0; i < MANY; i++) {
        holders[i] = start(false);
        assert_int_equal(heard(&holders[i]), SAID_OPEN);
    }
    for (size_t i = 0; i < MANY; i++)
        end(&holders[i]);
}

static void refuses_beside_a_process_of_another_namespace_that_has_another_id(void **state) {
    (void)state;
    if (!namespaces_can_be_made())
        skip();
    struct holder inside = start(true);
    assert_int_equal(heard(&inside), SAID_OPEN);
    struct holder outside = start(false);
    assert_int_equal(heard(&outside), SAID_OTHER_NAMESPACE);
    end(&outside);
    end(&inside);
}

static void refuses_inside_a_namespace_whose_outside_has_it_open(void **state) {
    (void)state;
    if (!namespaces_can_be_made())
        skip();
    struct holder outside = start(false);
    assert_int_equal(heard(&outside), SAID_OPEN);
    struct holder inside = start(true);
    assert_int_equal(heard(&inside), SAID_OTHER_NAMESPACE);
    end(&inside);
    end(&outside);
}

static void refuses_where_both_are_process_1_of_their_own_namespaces(void **state) {
    (void)state;
    if (!namespaces_can_be_made())
        skip();
    struct holder first = start(true);
    assert_int_equal(heard(&first), SAID_OPEN);
    struct holder second = start(true);
    assert_int_equal(heard(&second), SAID_OTHER_NAMESPACE);
    end(&second);
    end(&first);
}

static void opens_once_the_other_namespace_has_ended(void **state) {
    (void)state;
    if (!namespaces_can_be_made())
        skip();
    struct holder inside = start(true);
    assert_int_equal(heard(&inside), SAID_OPEN);
    end(&inside);
    struct holder outside = start(false);
    assert_int_equal(heard(&outside), SAID_OPEN);
    end(&outside);
}

static void refuses_everybody_until_it_ends(void **state) {
    (void)state;
    if (!namespaces_can_be_made())
        skip();
    struct holder inside = start(true);
    assert_int_equal(heard(&inside), SAID_OPEN);
    struct holder refused[3];
    for (size_t i = 0; i < 3; i++) {
        refused[i] = start(i == 1);
        assert_int_equal(heard(&refused[i]), SAID_OTHER_NAMESPACE);
    }
    for (size_t i = 0; i < 3; i++)
        end(&refused[i]);
    end(&inside);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc > 1)
        return argc == 3 && strcmp(argv[1], "hold") == 0 ? hold_task(argv[2]) : 2;
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (size <= 0)
        return 2;
    const struct CMUnitTest tests[] = {
        CASE(opens_beside_many_processes_of_its_own_namespace),
        CASE(refuses_beside_a_process_of_another_namespace_that_has_another_id),
        CASE(refuses_inside_a_namespace_whose_outside_has_it_open),
        CASE(refuses_where_both_are_process_1_of_their_own_namespaces),
        CASE(opens_once_the_other_namespace_has_ended),
        CASE(refuses_everybody_until_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
