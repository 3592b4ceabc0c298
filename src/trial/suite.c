#include "trial/suite.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "policy/files.h"
#include "trial/cover.h"
#include "trial/file_errors.h"
#include "trial/report.h"

enum { ARENA_FIRST_BYTES = 1 << 20, PASSED = 0, FAILED = 1, ERROR = 2 };
static const size_t arena_budget_bytes = (size_t)4 << 30;

/* One file of tests on its way through. */
struct trial {
    const struct sp_trial_options *options;
    struct sp_trial_inputs *inputs;
    FILE *junit;
    struct sp_arena arena;
    struct sp_trial_spec spec;
    struct sp_str schema_yaml;
    struct sp_schema schema;
    struct sp_policy policy;
    struct sp_policy_errors errors;
    struct sp_error error;
};

static int print_trial_error(const struct sp_error *error) {
    (void)fprintf(stderr, "%s\n", error->message);
    return ERROR;
}

static void note_input(struct sp_trial_inputs *inputs, const char *path) {
    const char **paths =
        sp_array_reserve_in(inputs->arena, inputs->paths, inputs->count, &inputs->room, sizeof(*paths));
    const char *copy = sp_arena_strdup(inputs->arena, sp_str_from(path));
    if (paths == NULL || copy == NULL)
        return;
    inputs->paths = paths;
    inputs->paths[inputs->count++] = copy;
}

unsigned long long sp_trial_inputs_state(const struct sp_trial_inputs *inputs) {
    unsigned long long state = 14695981039346656037ULL;
    for (size_t i = 0; i < inputs->count; i++) {
        struct stat about = {0};
        (void)stat(inputs->paths[i], &about);
        unsigned long long numbers[] = {(unsigned long long)about.st_mtim.tv_sec,
                                        (unsigned long long)about.st_mtim.tv_nsec, (unsigned long long)about.st_size,
                                        (unsigned long long)about.st_ino};
        for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
            state = (state ^ numbers[n]) * 1099511628211ULL;
    }
    return state;
}

/* A path as the spec's file gives it, from that file's folder. NULL when out of memory. */
static const char *path_from_spec(struct trial *trial, const char *path) {
    const char *slash = strrchr(trial->spec.file, '/');
    if (path[0] == '/' || slash == NULL)
        return path;
    return sp_arena_printf(&trial->arena, "%.*s%s%s", (int)(slash - trial->spec.file), trial->spec.file,
                           strcmp(path, ".") == 0 ? "" : "/", strcmp(path, ".") == 0 ? "" : path);
}

/* ---- reading ---- */

static enum sp_status read_spec_file(struct trial *trial, const char *file) {
    struct sp_str text = {0};
    note_input(trial->inputs, file);
    enum sp_status status = sp_policy_load_file(file, &trial->arena, &text, &trial->error);
    if (status != SP_OK)
        return status;
    trial->spec = (struct sp_trial_spec){.arena = &trial->arena, .file = file};
    return sp_trial_read_spec(text, &trial->spec, &trial->error);
}

/* The given one; otherwise schema.yaml, or the built-in one if that is not there. */
static enum sp_status read_schema(struct trial *trial) {
    struct sp_error why = {0};
    const char *path = path_from_spec(trial, trial->spec.schema != NULL ? trial->spec.schema : "schema.yaml");
    if (path == NULL)
        return sp_error_set(&trial->error, SP_ERR_MEMORY, "out of memory");
    note_input(trial->inputs, path);
    trial->schema_yaml = sp_schema_default_yaml();
    if (trial->spec.schema != NULL || access(path, F_OK) == 0) {
        enum sp_status status = sp_policy_load_file(path, &trial->arena, &trial->schema_yaml, &trial->error);
        if (status != SP_OK)
            return status;
    }
    enum sp_status status = sp_schema_parse(trial->schema_yaml, &trial->arena, &trial->schema, &why);
    return status == SP_OK ? SP_OK : sp_error_set(&trial->error, status, "%s: %s", path, why.message);
}

static enum sp_status read_policy(struct trial *trial) {
    static const char *const beside[] = {"."};
    const char *const *given = trial->spec.policy_count > 0 ? trial->spec.policy : beside;
    size_t count = trial->spec.policy_count > 0 ? trial->spec.policy_count : 1;
    const char **paths = sp_arena_calloc(&trial->arena, count, sizeof(*paths));
    for (size_t i = 0; paths != NULL && i < count; i++) {
        paths[i] = path_from_spec(trial, given[i]);
        if (paths[i] == NULL)
            return sp_error_set(&trial->error, SP_ERR_MEMORY, "out of memory");
        note_input(trial->inputs, paths[i]);
    }
    if (paths == NULL)
        return sp_error_set(&trial->error, SP_ERR_MEMORY, "out of memory");
    trial->policy.arena = trial->errors.arena = &trial->arena;
    enum sp_status status = sp_policy_read_files(paths, count, &trial->policy, &trial->errors, &trial->error);
    for (size_t i = 0; i < trial->policy.file_count; i++)
        note_input(trial->inputs, trial->policy.files[i]);
    if (status != SP_OK)
        return status;
    return sp_trial_report_file_errors(&trial->errors, &trial->error);
}

/* ---- running ---- */

static int report_run(const struct trial *trial, const struct sp_trial_run *run) {
    sp_trial_print_failures(run, trial->options->colour, stdout);
    if (trial->options->github)
        sp_trial_print_annotations(run, stdout);
    if (trial->junit != NULL)
        sp_trial_print_junit(run, trial->junit);
    (void)fprintf(stdout, "%s: %zu test%s, %zu question%s, %zu failed\n", trial->spec.file, run->tests,
                  run->tests == 1 ? "" : "s", run->asked, run->asked == 1 ? "" : "s", run->failed);
    if (trial->options->cover)
        sp_trial_print_coverage(run, stdout);
    return run->failed > 0 ? FAILED : PASSED;
}

static int ask_in_world(struct trial *trial) {
    const struct sp_trial_parts parts = {
        .schema_yaml = trial->schema_yaml, .policy = &trial->policy, .spec = &trial->spec};
    struct sp_trial_run run = {.arena = &trial->arena, .spec = &trial->spec, .schema = &trial->schema};
    struct sp_trial_world *world = NULL;
    if (sp_trial_world_open(&parts, &world, &trial->error) != SP_OK)
        return print_trial_error(&trial->error);
    enum sp_status status = sp_trial_ask(world, trial->options->pattern, &run, &trial->error);
    sp_trial_world_close(world);
    if (status == SP_OK && run.tests == 0)
        status = sp_error_set(&trial->error, SP_ERR_NOT_FOUND, "%s: no test has a matching name", trial->spec.file);
    return status == SP_OK ? report_run(trial, &run) : print_trial_error(&trial->error);
}

static int run_file(const struct sp_trial_options *options, const char *file, FILE *junit,
                    struct sp_trial_inputs *inputs) {
    struct trial trial = {.options = options, .inputs = inputs, .junit = junit};
    int result = ERROR;
    if (sp_arena_init(&trial.arena, ARENA_FIRST_BYTES, arena_budget_bytes) != SP_OK) {
        (void)fputs("out of memory\n", stderr);
        return ERROR;
    }
    if (read_spec_file(&trial, file) != SP_OK || read_schema(&trial) != SP_OK || read_policy(&trial) != SP_OK)
        (void)print_trial_error(&trial.error);
    else
        result = ask_in_world(&trial);
    sp_arena_fini(&trial.arena);
    return result;
}

static FILE *open_junit(const char *path) {
    FILE *file = fopen(path, "we");
    if (file == NULL)
        (void)fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    else
        (void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", file);
    return file;
}

static int close_junit(FILE *file, const char *path, int result) {
    (void)fputs("</testsuites>\n", file);
    bool good = ferror(file) == 0;
    if (fclose(file) == 0 && good)
        return result;
    (void)fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    return ERROR;
}

int sp_trial_run_suite(const struct sp_trial_options *options, struct sp_trial_inputs *inputs) {
    FILE *junit = options->junit == NULL ? NULL : open_junit(options->junit);
    int result = PASSED;
    if (options->junit != NULL && junit == NULL)
        return ERROR;
    for (size_t i = 0; i < options->file_count; i++) {
        int of_file = run_file(options, options->files[i], junit, inputs);
        result = of_file > result ? of_file : result;
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        result = ERROR;
    return junit == NULL ? result : close_junit(junit, options->junit, result);
}
