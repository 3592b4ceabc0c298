/* libsallyport from outside: only what sallyport.h says, on a store that the admin layer wrote. */
#include <sallyport.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"
#include "support/question_texts.h"

/* ---- how often memory is asked for ---- */

static volatile unsigned long allocations;

#ifdef __SANITIZE_ADDRESS__
extern int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                     void (*on_free)(const volatile void *));
static void on_malloc(const volatile void *at, size_t size) {
    (void)at;
    (void)size;
    allocations++;
}
static void on_free(const volatile void *at) {
    (void)at;
}
static void count_allocations(void) {
    assert_int_not_equal(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free), 0);
}
#elif defined(__SANITIZE_THREAD__)
#define CANNOT_COUNT
#else
/* The program's malloc stands before the C library's for every library that it loads. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *at, size_t size) {
    allocations++;
    return __libc_realloc(at, size);
}
static void count_allocations(void) {
}
#endif

/* ---- the world ---- */

struct fixture {
    struct admin_fixture admin;
    char key[96];
    struct sallyport_store *store;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    admin_fixture_open(&fixture->admin, NULL);
    const char *boss = admin_workspace(&fixture->admin, "acme");
    admin_ok(&fixture->admin, boss, "CreateServiceAccount", "{'id':'bot','name':'Bot'}");
    admin_ok(&fixture->admin, fixture->admin.operator_key, "RegisterResource",
             "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}");
    admin_ok(&fixture->admin, boss, "ShareResource",
             "{'resource':{'type':'voice','id':'v1'},'subject':{'principal':'bot'},'role':'ROLE_VIEWER'}");
    const char *key = admin_new_key(&fixture->admin, boss, "bot", "{'names':['text_to_speech']}",
                                    ",'allowedIps':{'entries':['203.0.113.0/24']}");
    snprintf(fixture->key, sizeof(fixture->key), "%s", key);
    /* A process opens an environment once: the writer leaves before the library comes. */
    sp_store_close(fixture->admin.store);
    char message[SALLYPORT_MESSAGE_BYTES];
    if (sallyport_open(fixture->admin.folder, &fixture->store, message) != SALLYPORT_OK)
        fail_msg("%s", message);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    sallyport_close(fixture->store);
    struct sp_store_options options = {.mode = SP_STORE_WRITE};
    struct sp_error error;
    assert_int_equal(sp_store_open(fixture->admin.folder, &options, &fixture->admin.store, &error), SP_OK);
    admin_fixture_close(&fixture->admin);
    free(fixture);
    return 0;
}

static struct sallyport_text text(const char *terminated) {
    return (struct sallyport_text){terminated, strlen(terminated)};
}

static struct sallyport_question question(const struct fixture *fixture, const char *ip, const char *action) {
    return (struct sallyport_question){
        .api_key = text(fixture->key), .ip = text(ip), .type = text("voice"), .id = text("v1"), .action = text(action)};
}

static struct sallyport_reader *open_reader(const struct fixture *fixture) {
    struct sallyport_reader *reader;
    assert_int_equal(sallyport_reader_open(fixture->store, &reader, NULL), SALLYPORT_OK);
    return reader;
}

static void answers_with_reason_status_and_ids(void **state) {
    struct fixture *fixture = *state;
    struct sallyport_reader *reader = open_reader(fixture);
    static const struct {
        const char *ip, *action, *reason;
        unsigned http;
    } cases[] = {{"203.0.113.9", "use", "ALLOWED", 200},
                 {"198.51.100.9", "use", "IP_NOT_ALLOWED", 403},
                 {"203.0.113.9", "edit", "PERMISSION_MISSING", 403},
                 {"203.0.113.9", "nonesuch", "ACTION_UNKNOWN", 403}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sallyport_question asked = question(fixture, cases[i].ip, cases[i].action);
        struct sallyport_answer answer;
        assert_int_equal(sallyport_check(reader, &asked, &answer), SALLYPORT_OK);
        assert_string_equal(sallyport_reason_name(answer.reason), cases[i].reason);
        assert_int_equal(answer.http_status, cases[i].http);
        assert_int_equal(answer.allowed, cases[i].http == 200);
        assert_string_equal(answer.workspace, "acme");
        assert_string_equal(answer.principal, "bot");
    }
    sallyport_reader_close(reader);
}

static void a_callers_mistake_is_invalid_and_the_answer_denies(void **state) {
    struct fixture *fixture = *state;
    struct sallyport_reader *reader = open_reader(fixture);
    struct sallyport_question good = question(fixture, "203.0.113.9", "use"), wrong[5];
    for (size_t i = 0; i < 5; i++)
        wrong[i] = good;
    wrong[0].ip = text("203.0.113");
    wrong[1].action = (struct sallyport_text){"use\0me", 6};
    wrong[2].type = text("\xff\xfe");
    wrong[3].api_key = (struct sallyport_text){NULL, 0};
    char longer[300];
    memset(longer, 'a', sizeof(longer));
    wrong[4].id = (struct sallyport_text){longer, 257};
    for (size_t i = 0; i < 5; i++) {
        struct sallyport_answer answer = {.allowed = true};
        assert_int_equal(sallyport_check(reader, &wrong[i], &answer), SALLYPORT_INVALID);
        assert_false(answer.allowed);
    }
    sallyport_reader_close(reader);
}

static void takes_and_refuses_the_same_texts_as_every_other_api(void **state) {
    struct fixture *fixture = *state;
    struct sallyport_reader *reader = open_reader(fixture);
    for (size_t i = 0; i < QUESTION_TEXTS; i++) {
        const struct question_text *row = &question_texts[i];
        for (unsigned field = 0; field < QUESTION_TEXT_FIELDS; field++) {
            struct sallyport_question asked = question(fixture, "203.0.113.9", "use");
            struct sallyport_answer answer = {.allowed = true};
            struct sallyport_text *const places[QUESTION_TEXT_FIELDS] = {[QUESTION_TEXT_KEY] = &asked.api_key,
                                                                         [QUESTION_TEXT_TYPE] = &asked.type,
                                                                         [QUESTION_TEXT_ACTION] = &asked.action,
                                                                         [QUESTION_TEXT_ID] = &asked.id,
                                                                         [QUESTION_TEXT_WORKSPACE] = &asked.workspace};
            if ((row->fields & 1U << field) == 0)
                continue;
            *places[field] = (struct sallyport_text){row->text, row->size};
            enum sallyport_status status = sallyport_check(reader, &asked, &answer);
            if (status != ((row->refused & 1U << field) != 0 ? SALLYPORT_INVALID : SALLYPORT_OK))
                fail_msg("field %u, %s: status %d", field, row->name, (int)status);
            /* Only the workspace may be left out. */
            assert_true(!answer.allowed || (field == QUESTION_TEXT_WORKSPACE && row->size == 0));
        }
    }
    sallyport_reader_close(reader);
}

static void many_stop_at_the_first_mistake_and_deny_the_rest(void **state) {
    struct fixture *fixture = *state;
    struct sallyport_reader *reader = open_reader(fixture);
    struct sallyport_question asked[3] = {question(fixture, "203.0.113.9", "use"), question(fixture, "nowhere", "use"),
                                          question(fixture, "203.0.113.9", "use")};
    struct sallyport_answer answers[3];
    memset(answers, 0xff, sizeof(answers));
    assert_int_equal(sallyport_check_many(reader, asked, 3, answers), SALLYPORT_INVALID);
    assert_true(answers[0].allowed);
    assert_false(answers[1].allowed);
    assert_false(answers[2].allowed);
    asked[1] = asked[0];
    assert_int_equal(sallyport_check_many(reader, asked, 3, answers), SALLYPORT_OK);
    assert_true(answers[2].allowed);
    assert_int_equal(answers[0].revision, answers[2].revision);
    uint64_t epoch, revision;
    assert_int_equal(sallyport_refresh(reader, &epoch, &revision), SALLYPORT_OK);
    assert_int_equal(epoch, answers[0].epoch);
    assert_int_equal(revision, answers[0].revision);
    sallyport_reader_close(reader);
}

static void a_decision_allocates_nothing(void **state) {
#ifdef CANNOT_COUNT
    (void)state;
    skip();
#else
    struct fixture *fixture = *state;
    struct sallyport_reader *reader = open_reader(fixture);
    struct sallyport_question asked[] = {question(fixture, "203.0.113.9", "use"),
                                         question(fixture, "198.51.100.9", "use"),
                                         question(fixture, "203.0.113.9", "edit")};
    struct sallyport_answer answer;
    for (int i = 0; i < 100; i++)
        assert_int_equal(sallyport_check(reader, &asked[i % 3], &answer), SALLYPORT_OK);
    count_allocations();
    unsigned long before = allocations;
    void *volatile one = malloc(1);
    free(one);
    assert_true(allocations > before); /* the counter counts */
    before = allocations;
    unsigned failed = 0;
    for (int i = 0; i < 30000; i++)
        failed += sallyport_check(reader, &asked[i % 3], &answer) != SALLYPORT_OK;
    unsigned long after = allocations;
    assert_int_equal(failed, 0);
    assert_int_equal(after, before);
    sallyport_reader_close(reader);
#endif
}

static void *check_in_a_thread(void *argument) {
    const struct fixture *fixture = argument;
    struct sallyport_reader *reader;
    uintptr_t wrong = 0;
    if (sallyport_reader_open(fixture->store, &reader, NULL) != SALLYPORT_OK)
        return (void *)(uintptr_t)1;
    for (int i = 0; i < 5000; i++) {
        bool inside = i % 2 == 0;
        struct sallyport_question asked = question(fixture, inside ? "203.0.113.9" : "198.51.100.9", "use");
        struct sallyport_answer answer;
        wrong += sallyport_check(reader, &asked, &answer) != SALLYPORT_OK || answer.allowed != inside;
    }
    sallyport_reader_close(reader);
    return (void *)wrong;
}

static void threads_with_a_reader_each_do_not_disturb_each_other(void **state) {
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_in_a_thread, *state), 0);
    for (size_t i = 0; i < 8; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void says_what_is_wrong_with_a_store_that_is_not_there(void **state) {
    (void)state;
    struct sallyport_store *store;
    char message[SALLYPORT_MESSAGE_BYTES];
    assert_int_equal(sallyport_open("/nonexistent/sallyport", &store, message), SALLYPORT_UNAVAILABLE);
    assert_non_null(strstr(message, "/nonexistent/sallyport"));
}

/* ---- a store of its own ---- */

/* A copy of the fixture's store, whose files a test may replace, or whose head it may change
 * first. */
struct copied_store {
    char folder[64];
    struct sallyport_store *store;
    struct sallyport_reader *reader;
};

static void copy_data_file(const char *from_folder, const char *to_folder) {
    char command[256];
    snprintf(command, sizeof(command), "cp '%s/data.mdb' '%s/data.mdb'", from_folder, to_folder);
    assert_int_equal(system(command), 0);
}

static void open_copied_store(struct copied_store *copy) {
    char message[SALLYPORT_MESSAGE_BYTES];
    if (sallyport_open(copy->folder, &copy->store, message) != SALLYPORT_OK)
        fail_msg("%s", message);
    assert_int_equal(sallyport_reader_open(copy->store, &copy->reader, message), SALLYPORT_OK);
}

static void close_copied_store(struct copied_store *copy) {
    sallyport_reader_close(copy->reader);
    sallyport_close(copy->store);
}

static void make_copied_store(const struct fixture *fixture, struct copied_store *copy) {
    snprintf(copy->folder, sizeof(copy->folder), "/tmp/sallyport-test-XXXXXX");
    assert_non_null(mkdtemp(copy->folder));
    copy_data_file(fixture->admin.folder, copy->folder);
}

static void remove_copied_store(struct copied_store *copy) {
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s' '%s.old'", copy->folder, copy->folder);
    assert_int_equal(system(command), 0);
}

/* $S is its folder. */
static void run_on_store(const struct copied_store *copy, const char *command) {
    assert_int_equal(setenv("S", copy->folder, 1), 0);
    assert_int_equal(system(command), 0);
}

static enum sallyport_status ask_copied_store(const struct fixture *fixture, struct copied_store *copy,
                                              struct sallyport_answer *answer) {
    struct sallyport_question asked = question(fixture, "203.0.113.9", "use");
    return sallyport_check(copy->reader, &asked, answer);
}

/* Within two seconds, and before anything of the old files is answered again. */
static void a_store_whose_files_were_replaced_answers_nothing_until_it_is_opened_again(void **state) {
    static const char *const ways[] = {
        "mv $S $S.old && cp -r $S.old $S",
        "mv $S $S.old",
        "cp $S/data.mdb $S/copy && mv $S/copy $S/data.mdb",
        "rm $S/data.mdb",
        "rm $S/lock.mdb",
    };
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        for (int told = i == 0 ? 0 : 1; told < 2; told++) {
            struct copied_store copy;
            struct sallyport_reader *other = NULL;
            struct sallyport_answer answer;
            char message[SALLYPORT_MESSAGE_BYTES] = "";
            uint64_t epoch, revision;
            make_copied_store(fixture, &copy);
            open_copied_store(&copy);
            assert_int_equal(ask_copied_store(fixture, &copy, &answer), SALLYPORT_OK);
            assert_true(answer.allowed);
            assert_int_equal(sallyport_check_files(copy.store, message), SALLYPORT_OK);
            run_on_store(&copy, ways[i]);
            if (told) {
                assert_int_equal(sallyport_check_files(copy.store, message), SALLYPORT_UNAVAILABLE);
                assert_non_null(strstr(message, copy.folder));
            } else {
                usleep(1100 * 1000);
            }
            assert_int_equal(ask_copied_store(fixture, &copy, &answer), SALLYPORT_UNAVAILABLE);
            assert_false(answer.allowed);
            assert_int_equal(sallyport_refresh(copy.reader, &epoch, &revision), SALLYPORT_UNAVAILABLE);
            assert_int_equal(sallyport_reader_open(copy.store, &other, message), SALLYPORT_UNAVAILABLE);
            close_copied_store(&copy);
            remove_copied_store(&copy);
        }
}

static void a_store_that_was_replaced_is_opened_again(void **state) {
    const struct fixture *fixture = *state;
    struct copied_store copy;
    struct sallyport_answer answer;
    make_copied_store(fixture, &copy);
    open_copied_store(&copy);
    run_on_store(&copy, "mv $S $S.old && cp -r $S.old $S");
    assert_int_equal(sallyport_check_files(copy.store, NULL), SALLYPORT_UNAVAILABLE);
    close_copied_store(&copy);
    open_copied_store(&copy);
    assert_int_equal(ask_copied_store(fixture, &copy, &answer), SALLYPORT_OK);
    assert_true(answer.allowed);
    close_copied_store(&copy);
    remove_copied_store(&copy);
}

static void set_synced_at(const struct copied_store *copy, int64_t synced_at_s) {
    struct sp_store_options options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_store_open(copy->folder, &options, &store, &error), SP_OK);
    assert_int_equal(sp_write_begin(store, &write, &error), SP_OK);
    assert_int_equal(sp_write_synced_at(write, synced_at_s), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    sp_store_close(store);
}

static void a_store_that_lost_its_source_is_stale_by_option(void **state) {
    static const struct {
        int64_t synced_ago_s; /* 0: it has no source */
        uint32_t max_s;       /* 0: any */
        bool stale;
    } rows[] = {{0, 1, false}, {100, 0, false}, {100, 1000, false}, {100, 50, true}, {100, UINT32_MAX, false}};
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct copied_store copy;
        struct sallyport_answer answer;
        make_copied_store(fixture, &copy);
        if (rows[i].synced_ago_s != 0)
            set_synced_at(&copy, (int64_t)time(NULL) - rows[i].synced_ago_s);
        open_copied_store(&copy);
        sallyport_set_max_staleness(copy.store, rows[i].max_s);
        assert_int_equal(ask_copied_store(fixture, &copy, &answer), SALLYPORT_OK);
        assert_string_equal(sallyport_reason_name(answer.reason), rows[i].stale ? "STALE" : "ALLOWED");
        assert_int_equal(answer.http_status, rows[i].stale ? 503 : 200);
        assert_int_equal(answer.allowed, !rows[i].stale);
        close_copied_store(&copy);
        remove_copied_store(&copy);
    }
}

static void the_example_program_says_the_answer(void **state) {
    struct fixture *fixture = *state;
    char key_file[160], command[1024], line[64] = "";
    snprintf(key_file, sizeof(key_file), "%s/example.key", fixture->admin.folder);
    FILE *file = fopen(key_file, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", fixture->key);
    assert_int_equal(fclose(file), 0);
    const char *folder = getenv("SP_BIN_DIR");
    snprintf(command, sizeof(command), "%s/tests/lib_example '%s' '%s' 203.0.113.9 voice v1 use",
             folder != NULL ? folder : ".", fixture->admin.folder, key_file);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof(line), pipe));
    assert_int_equal(pclose(pipe), 0);
    assert_string_equal(line, "ALLOW ALLOWED 200\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_with_reason_status_and_ids),
        cmocka_unit_test(a_callers_mistake_is_invalid_and_the_answer_denies),
        cmocka_unit_test(takes_and_refuses_the_same_texts_as_every_other_api),
        cmocka_unit_test(many_stop_at_the_first_mistake_and_deny_the_rest),
        cmocka_unit_test(a_decision_allocates_nothing),
        cmocka_unit_test(threads_with_a_reader_each_do_not_disturb_each_other),
        cmocka_unit_test(says_what_is_wrong_with_a_store_that_is_not_there),
        cmocka_unit_test(a_store_whose_files_were_replaced_answers_nothing_until_it_is_opened_again),
        cmocka_unit_test(a_store_that_was_replaced_is_opened_again),
        cmocka_unit_test(a_store_that_lost_its_source_is_stale_by_option),
        cmocka_unit_test(the_example_program_says_the_answer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
