/* Addresses and keys from options, environment and profiles, and files that hold secrets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/profile.h"
#include "cli/secret_file.h"
#include "support/process.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char folder[64];
static struct sp_arena arena;

static int make(void **state) {
    (void)state;
    folder_make(folder);
    return sp_arena_init(&arena, 4096, 65536) == SP_OK ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    folder_remove(folder);
    return 0;
}

static const char *write_file(const char *name, const char *text, mode_t mode) {
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void set(const char *name, const char *value) {
    assert_int_equal(value != NULL ? setenv(name, value, 1) : unsetenv(name), 0);
}

struct given {
    const char *profile, *admin, *server;                       /* options */
    const char *env_profile, *env_admin, *env_server, *env_key; /* environment */
};

static enum sp_status apply(const struct given *given, struct cli_call *call, struct sp_error *error) {
    set("SALLYPORT_PROFILE", given->env_profile);
    set("SALLYPORT_ADMIN", given->env_admin);
    set("SALLYPORT_SERVER", given->env_server);
    set("SALLYPORT_KEY_FILE", given->env_key);
    *call = (struct cli_call){.local = json_object()};
    if (given->profile != NULL)
        json_object_set_new(call->local, "profile", json_string(given->profile));
    if (given->admin != NULL)
        json_object_set_new(call->local, "admin", json_string(given->admin));
    if (given->server != NULL)
        json_object_set_new(call->local, "server", json_string(given->server));
    return sp_cli_profile_apply(call, &arena, error);
}

static bool same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char profiles[] = "default: {admin: \"d:1\", key_file: /d.key}\n"
                               "prod:\n"
                               "  admin: p:1\n"
                               "  server: p:2\n"
                               "  key_file: ~/p.key\n"
                               "half: {server: \"h:2\"}\n";

static void what_is_nearer_goes_first(void **state) {
    (void)state;
    static const struct {
        struct given given;
        const char *admin, *server, *key;
    } rows[] = {
        {{0}, "d:1", "127.0.0.1:7400", "/d.key"},
        {{.env_admin = "e:1", .env_key = "/e.key"}, "e:1", "127.0.0.1:7400", "/e.key"},
        {{.admin = "o:1", .server = "o:2", .env_admin = "e:1", .env_server = "e:2"}, "o:1", "o:2", "/d.key"},
        {{.env_profile = "prod"}, "p:1", "p:2", "/home/me/p.key"},
        {{.env_profile = "prod", .env_admin = "e:1", .env_key = "/e.key"}, "e:1", "p:2", "/e.key"},
        /* A profile named on the command line goes before the environment. */
        {{.profile = "prod", .env_admin = "e:1", .env_server = "e:2", .env_key = "/e.key"},
         "p:1",
         "p:2",
         "/home/me/p.key"},
        {{.profile = "half", .env_admin = "e:1", .env_server = "e:2"}, "e:1", "h:2", NULL},
        {{.profile = "prod", .env_profile = "half", .admin = "o:1"}, "o:1", "p:2", "/home/me/p.key"},
    };
    set("SALLYPORT_PROFILES", write_file("profiles.yaml", profiles, 0600));
    set("HOME", "/home/me");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_call call;
        struct sp_error error = {0};
        if (apply(&rows[i].given, &call, &error) != SP_OK)
            fail_msg("row %zu: %s", i, error.message);
        if (!same(call.admin_target, rows[i].admin) || !same(call.server_target, rows[i].server) ||
            !same(call.key_file, rows[i].key))
            fail_msg("row %zu: %s %s %s", i, call.admin_target, call.server_target,
                     call.key_file != NULL ? call.key_file : "no key");
        json_decref(call.local);
    }
}

static void tls_files_come_from_option_environment_and_profile(void **state) {
    (void)state;
    struct cli_call call;
    struct sp_error error = {0};
    set("SALLYPORT_PROFILES",
        write_file("profiles.yaml", "default: {tls_ca: ~/ca.pem, tls_cert: /c.pem, tls_key: /c.key, tls_name: n}\n",
                   0600));
    set("HOME", "/home/me");
    set("SALLYPORT_TLS_CERT", "/e.pem");
    assert_int_equal(apply(&(struct given){0}, &call, &error), SP_OK);
    unsetenv("SALLYPORT_TLS_CERT");
    assert_string_equal(call.tls.ca, "/home/me/ca.pem");
    assert_string_equal(call.tls.certificate, "/e.pem");
    assert_string_equal(call.tls.key, "/c.key");
    assert_string_equal(call.tls.server_name, "n");
    json_decref(call.local);
}

static void without_a_file_there_is_loopback_and_no_key(void **state) {
    (void)state;
    struct cli_call call;
    struct sp_error error = {0};
    set("SALLYPORT_PROFILES", NULL);
    set("HOME", folder);
    assert_int_equal(apply(&(struct given){0}, &call, &error), SP_OK);
    assert_string_equal(call.admin_target, "127.0.0.1:7401");
    assert_string_equal(call.server_target, "127.0.0.1:7400");
    assert_null(call.key_file);
    json_decref(call.local);
}

static void profiles_are_found_below_the_home_folder(void **state) {
    (void)state;
    struct cli_call call;
    struct sp_error error = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/.config", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/.config/sallyport", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)write_file(".config/sallyport/profiles.yaml", profiles, 0600);
    set("SALLYPORT_PROFILES", NULL);
    set("HOME", folder);
    assert_int_equal(apply(&(struct given){.profile = "prod"}, &call, &error), SP_OK);
    assert_string_equal(call.admin_target, "p:1");
    json_decref(call.local);
}

static void a_bad_profiles_file_is_refused_with_its_reason(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *profile;
        enum sp_status status;
        const char *fragment;
    } rows[] = {
        {"a: {admin: x}\n", "b", SP_ERR_NOT_FOUND, "no profile 'b'"},
        {"", "b", SP_ERR_NOT_FOUND, "no profile 'b'"},
        {"a: {admin: x, key: y}\n", "a", SP_ERR_INVALID, "admin, server, key_file, tls_ca"},
        {"a: {admin: [x]}\n", "a", SP_ERR_INVALID, "admin, server, key_file, tls_ca"},
        {"a: 5\n", "a", SP_ERR_INVALID, "admin, server, key_file, tls_ca"},
        {"- a\n", "a", SP_ERR_INVALID, "must map"},
        {"a: {admin: x\n", "a", SP_ERR_INVALID, "line 2"},
        {"a: {key_file: \"\\xzz\"}\n", "a", SP_ERR_INVALID, "line 1"},
        /* What a reader of the file takes for a comment is none to libyaml. */
        {"a: {admin: x}\n# seen\xe2\x80\xa8"
         "b: {admin: y}\n",
         "b", SP_ERR_INVALID, "U+2028"},
        {"a: {admin: x}\n# seen\rb: {admin: y}\n", "b", SP_ERR_INVALID, "line 2"},
        {"a: {admin: x}\na: {admin: y}\n", "a", SP_ERR_INVALID, "line 2, column 1: a is given twice"},
        {"a: {admin: x, admin: y}\n", "a", SP_ERR_INVALID, "line 1"},
    };
    set("HOME", folder);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_call call;
        struct sp_error error = {0};
        set("SALLYPORT_PROFILES", write_file("bad.yaml", rows[i].yaml, 0600));
        enum sp_status status = apply(&(struct given){.profile = rows[i].profile}, &call, &error);
        if (status != rows[i].status || strstr(error.message, rows[i].fragment) == NULL)
            fail_msg("row %zu: %s: %s", i, sp_status_name(status), error.message);
        json_decref(call.local);
    }
    struct cli_call call;
    struct sp_error error = {0};
    set("SALLYPORT_PROFILES", "/nowhere/profiles.yaml");
    assert_int_equal(apply(&(struct given){.env_profile = "a"}, &call, &error), SP_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/profiles.yaml"));
    json_decref(call.local);
}

static void a_key_is_the_first_line_of_its_file(void **state) {
    (void)state;
    static const struct {
        const char *text, *key; /* NULL: refused */
    } rows[] = {
        {"sp_abc\n", "sp_abc"},       {"sp_abc", "sp_abc"}, {"sp_abc\r\n", "sp_abc"},
        {"sp_abc\nmore\n", "sp_abc"}, {"", NULL},           {"\nsp_abc\n", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_str key = {0};
        struct sp_error error = {0};
        enum sp_status status = sp_cli_read_key_file(write_file("key", rows[i].text, 0600), &arena, &key, &error);
        assert_int_equal(status, rows[i].key != NULL ? SP_OK : SP_ERR_INVALID);
        if (rows[i].key != NULL) {
            assert_int_equal(key.size, strlen(rows[i].key));
            assert_memory_equal(key.data, rows[i].key, key.size);
        }
    }
}

static void no_error_about_a_key_file_holds_what_is_in_it(void **state) {
    (void)state;
    char text[6000];
    struct sp_str key = {0};
    struct sp_error error = {0};
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(sp_cli_read_key_file(write_file("long", text, 0600), &arena, &key, &error), SP_ERR_INVALID);
    assert_null(strstr(error.message, "xxx"));
    assert_int_equal(sp_cli_read_key_file("/nowhere/key", &arena, &key, &error), SP_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/key"));
}

static void a_secret_goes_to_a_new_file_that_only_its_owner_reads(void **state) {
    (void)state;
    char path[128];
    int fd = -1;
    struct sp_error error = {0};
    struct stat about;
    snprintf(path, sizeof(path), "%s/secret", folder);
    mode_t before = umask(0);
    assert_int_equal(sp_cli_make_secret_file(path, &fd, &error), SP_OK);
    umask(before);
    assert_int_equal(sp_cli_write_secret(fd, path, "sp_secret", &error), SP_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    char *text = process_read(path);
    assert_string_equal(text, "sp_secret\n");
    free(text);

    assert_int_equal(sp_cli_make_secret_file(path, &fd, &error), SP_ERR_EXISTS);
    text = process_read(path);
    assert_string_equal(text, "sp_secret\n");
    free(text);
    assert_int_equal(sp_cli_make_secret_file("/nowhere/secret", &fd, &error), SP_ERR_NOT_FOUND);
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    struct sp_error error = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_int_equal(sp_cli_write_secret(fd, "/dev/full", "sp_secret", &error), SP_ERR_IO);
    assert_null(strstr(error.message, "sp_secret"));
    close(fd);
}

static void a_named_profile_needs_a_profiles_file(void **state) {
    (void)state;
    struct cli_call call;
    struct sp_error error = {0};
    set("HOME", NULL);
    set("SALLYPORT_PROFILES", NULL);
    assert_int_equal(apply(&(struct given){.profile = "prod"}, &call, &error), SP_ERR_NOT_FOUND);
    assert_string_equal(error.message, "no profile 'prod': neither SALLYPORT_PROFILES nor HOME is set");
    json_decref(call.local);
    assert_int_equal(apply(&(struct given){.profile = NULL}, &call, &error), SP_OK);
    json_decref(call.local);
    set("SALLYPORT_PROFILES", "/nowhere/profiles.yaml");
    assert_int_equal(apply(&(struct given){.env_profile = "prod"}, &call, &error), SP_ERR_NOT_FOUND);
    assert_string_equal(error.message,
                        "cannot read the profiles file /nowhere/profiles.yaml: No such file or directory");
    json_decref(call.local);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_profile_needs_a_profiles_file),
        cmocka_unit_test(what_is_nearer_goes_first),
        cmocka_unit_test(tls_files_come_from_option_environment_and_profile),
        cmocka_unit_test(without_a_file_there_is_loopback_and_no_key),
        cmocka_unit_test(profiles_are_found_below_the_home_folder),
        cmocka_unit_test(a_bad_profiles_file_is_refused_with_its_reason),
        cmocka_unit_test(a_key_is_the_first_line_of_its_file),
        cmocka_unit_test(no_error_about_a_key_file_holds_what_is_in_it),
        cmocka_unit_test(a_secret_goes_to_a_new_file_that_only_its_owner_reads),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, make, clean) != 0;
}
