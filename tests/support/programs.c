#include "support/programs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

const char programs_schema[] = "version: 1\n"
                               "permissions:\n"
                               "  text_to_speech: Turn text into speech\n"
                               "  voices_write: Change voices\n"
                               "types:\n"
                               "  voice:\n"
                               "    actions:\n"
                               "      use: {permission: text_to_speech, role: viewer}\n"
                               "      edit: {permission: voices_write, role: editor}\n"
                               "      share: {permission: voices_write, role: admin}\n"
                               "      preview: {}\n";

static void show(const struct process *process) {
    char *said = process_read(process->err);
    print_message("%s", said);
    free(said);
}

/* `schema_yaml` NULL: the default schema. */
static void make_store(struct programs *programs, const char *schema_yaml, const char *map_size) {
    char schema[128], key_file[128];
    struct process init;
    *programs = (struct programs){0};
    folder_make(programs->folder);
    snprintf(programs->store, sizeof(programs->store), "%s/store", programs->folder);
    snprintf(schema, sizeof(schema), "%s/schema.yaml", programs->folder);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs->folder);
    const char *arguments[] = {"sallyport-sync",
                               "init",
                               "--store",
                               programs->store,
                               "--key-file",
                               key_file,
                               "--map-size",
                               map_size == NULL ? "64G" : map_size,
                               schema_yaml == NULL ? NULL : "--schema",
                               schema,
                               NULL};
    if (schema_yaml != NULL)
        file_write(schema, schema_yaml);
    if (process_run(&init, programs->folder, "init", arguments) != 0) {
        show(&init);
        fail_msg("init failed");
    }
    char *key = process_read(key_file);
    key[strcspn(key, "\n")] = '\0';
    snprintf(programs->operator_key, sizeof(programs->operator_key), "%s", key);
    free(key);
}

void programs_make_store(struct programs *programs, const char *map_size) {
    make_store(programs, programs_schema, map_size);
}

void programs_wait_for_health(const char *target, bool serving) {
    struct caller caller;
    const char *wanted = serving ? "SERVING" : "NOT_SERVING";
    assert_true(caller_open(&caller, target, ""));
    for (int i = 0; i < 3000; i++) {
        if (caller_call(&caller, "grpc.health.v1.Health/Check", "{}") == SP_OK &&
            strcmp(caller_text(&caller, "status"), wanted) == 0) {
            caller_close(&caller);
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    fail_msg("%s never became %s", target, wanted);
}

void programs_start_sync(struct programs *programs) {
    const char *arguments[] = {"sallyport-sync", "serve", "--store", programs->store, "--listen", "127.0.0.1:0", NULL};
    process_start(&programs->sync, programs->folder, "sync", arguments);
    snprintf(programs->sync_target, sizeof(programs->sync_target), "127.0.0.1:%d", process_port(&programs->sync));
    programs_wait_for_health(programs->sync_target, true);
    if (programs->operator_caller.client != NULL)
        caller_close(&programs->operator_caller);
    assert_true(caller_open(&programs->operator_caller, programs->sync_target, programs->operator_key));
}

void programs_start_server(struct programs *programs) {
    const char *arguments[] = {"sallyportd", "--store", programs->store, "--listen", "127.0.0.1:0", NULL};
    process_start(&programs->server, programs->folder, "server", arguments);
    snprintf(programs->server_target, sizeof(programs->server_target), "127.0.0.1:%d", process_port(&programs->server));
    programs_wait_for_health(programs->server_target, true);
    if (programs->checker.client != NULL)
        caller_close(&programs->checker);
    assert_true(caller_open(&programs->checker, programs->server_target, ""));
}

void programs_start(struct programs *programs, const char *map_size) {
    make_store(programs, programs_schema, map_size);
    programs_start_sync(programs);
    programs_start_server(programs);
}

void programs_start_with(struct programs *programs, const char *schema_yaml) {
    make_store(programs, schema_yaml, NULL);
    programs_start_sync(programs);
    programs_start_server(programs);
}

void programs_verify(struct programs *programs) {
    struct process verify;
    const char *arguments[] = {"sallyport-sync", "verify", "--store", programs->store, NULL};
    if (process_run(&verify, programs->folder, "verify", arguments) != 0) {
        show(&verify);
        fail_msg("the store is not whole");
    }
}

static void end(struct process *process) {
    if (process->pid == 0)
        return;
    int status = process_end(process, SIGTERM);
    if (status != 0)
        show(process);
    assert_int_equal(status, 0);
}

void programs_stop(struct programs *programs) {
    caller_close(&programs->checker);
    caller_close(&programs->operator_caller);
    end(&programs->server);
    end(&programs->sync);
    programs_verify(programs);
    folder_remove(programs->folder);
}

/* ---- calls ---- */

static void SP_PRINTF(3, 0)
    vcaller_ok(struct caller *caller, const char *method, const char *format, va_list arguments) {
    char *request = NULL;
    assert_true(vasprintf(&request, format, arguments) >= 0);
    if (caller_call(caller, method, request) != SP_OK)
        fail_msg("%s %s: %s: %s", method, request, sp_status_name(caller->error.status), caller->error.message);
    free(request);
}

void caller_ok(struct caller *caller, const char *method, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vcaller_ok(caller, method, format, arguments);
    va_end(arguments);
}

void operator_ok(struct programs *programs, const char *method, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vcaller_ok(&programs->operator_caller, method, format, arguments);
    va_end(arguments);
}

void programs_workspace(struct programs *programs, const char *id, char ret_key[static PROGRAMS_KEY_BYTES]) {
    operator_ok(programs, "Admin/CreateWorkspace", "{'id': '%s', 'name': '%s', 'seats': 1000, 'adminId': '%s-admin'}",
                id, id, id);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(&programs->operator_caller, "secret"));
    assert_true(ret_key[0] != '\0');
}

void programs_user(struct caller *admin, const char *id, char ret_key[static PROGRAMS_KEY_BYTES]) {
    caller_ok(admin, "Admin/CreateUser", "{'id': '%s', 'name': '%s'}", id, id);
    caller_ok(admin, "Admin/CreateApiKey",
              "{'id': '%s-key', 'principal': '%s', 'name': 'key', 'permissions': {'all': true}}", id, id);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(admin, "secret"));
    assert_true(ret_key[0] != '\0');
}

const char *check_reason(struct caller *checker, const char *key, const char *type, const char *resource,
                         const char *action) {
    if (caller_callf(checker, "Authorization/Check",
                     "{'apiKey': '%s', 'resource': {'type': '%s', 'id': '%s'}, 'action': '%s'}", key, type, resource,
                     action) != SP_OK)
        return sp_status_name(checker->error.status);
    return caller_text(checker, "reason");
}

/* In a key's index record the digest is 16 bytes after the principal's number; in its entity, after
 * a tag and a length. */
void programs_damage_key(const char *store, const uint8_t digest[static 32]) {
    enum { NUMBER_BEFORE = 16 };
    char path[128];
    struct stat about;
    size_t found = 0;
    snprintf(path, sizeof(path), "%s/data.mdb", store);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &about), 0);
    size_t size = (size_t)about.st_size;
    uint8_t *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(data != MAP_FAILED);
    for (uint8_t *at = data; (at = memmem(at, size - (size_t)(at - data), digest, 32)) != NULL; at += 32) {
        bool entity = at[-2] == 0x12 && at[-1] == 0x20;
        if (!entity) {
            at[-NUMBER_BEFORE] ^= 0x55;
            found++;
        }
    }
    assert_true(found > 0);
    munmap(data, size);
    close(fd);
}
