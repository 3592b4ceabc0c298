#include "cli/trial_program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"

enum { PATH_BYTES = 4096 };

static const char program_name[] = "sallyport-test";

/* argv wants to change what nobody changes. */
static char *borrow_word(const char *text) {
    return (char *)(uintptr_t)text;
}

struct cli_trial_words sp_cli_trial_begin(size_t most) {
    struct cli_trial_words words = {.words = calloc(most + 2, sizeof(*words.words))};
    if (words.words != NULL)
        words.words[words.count++] = borrow_word(program_name);
    return words;
}

void sp_cli_trial_add(struct cli_trial_words *words, const char *word) {
    words->words[words->count++] = borrow_word(word);
}

void sp_cli_trial_add_flag(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                           const char *word) {
    if (sp_cli_local_flag(call, name))
        sp_cli_trial_add(words, word);
}

void sp_cli_trial_add_option(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                             const char *word) {
    const char *value = sp_cli_local(call, name);
    if (value == NULL)
        return;
    sp_cli_trial_add(words, word);
    sp_cli_trial_add(words, value);
}

void sp_cli_trial_add_options(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                              const char *word) {
    const json_t *values = json_object_get(call->local, name);
    for (size_t i = 0; i < json_array_size(values); i++) {
        sp_cli_trial_add(words, word);
        sp_cli_trial_add(words, json_string_value(json_array_get(values, i)));
    }
}

/* Beside this program, wherever that is. "" if that cannot be told. */
static void find_beside(char path[static PATH_BYTES]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_BYTES - sizeof(program_name));
    char *slash = NULL;
    path[size < 0 ? 0 : size] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        path[0] = '\0';
    else
        memcpy(slash + 1, program_name, sizeof(program_name));
}

int sp_cli_become_trial(const struct cli_call *call, struct cli_trial_words *words) {
    struct sp_error error = {0};
    char path[PATH_BYTES];
    if (words->words == NULL) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    find_beside(path);
    if (path[0] != '\0')
        (void)execv(path, words->words);
    (void)execvp(program_name, words->words);
    (void)sp_error_set(&error, SP_ERR_NOT_FOUND, "cannot run %s: %s; install it beside sallyport", program_name,
                       strerror(errno));
    free(words->words);
    return sp_cli_report_error(call, &error);
}
