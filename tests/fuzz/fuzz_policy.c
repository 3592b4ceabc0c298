/* Any text is read or refused; what is read without errors is written and read again as the
 * same. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/check.h"
#include "policy/diff.h"
#include "policy/read.h"
#include "policy/update.h"
#include "policy/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static void init_policy(struct sp_policy *policy, struct sp_policy_errors *errors, struct sp_arena *arena) {
    require(sp_arena_init(arena, 65536, 64 << 20) == SP_OK);
    *policy = (struct sp_policy){.arena = arena};
    *errors = (struct sp_policy_errors){.arena = arena};
}

/* What is in the file is written into it: it says the same, and is then left as it is. */
static char *update_file(struct sp_policy *store, const struct sp_policy *files, struct sp_str text) {
    char *updated = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&updated, &size);
    require(out != NULL);
    require(sp_policy_adopt_places(store, files) == SP_OK);
    require(sp_policy_write_file(store, files, 0, text, out) == SP_OK);
    require(fclose(out) == 0);
    return updated;
}

static void require_same(const struct sp_policy *policy, const char *text) {
    struct sp_arena arena;
    struct sp_policy read;
    struct sp_policy_errors errors;
    struct sp_policy_edits edits;
    init_policy(&read, &errors, &arena);
    require(sp_policy_read(&read, "updated", sp_str_from(text), &errors) == SP_OK);
    sp_policy_sort(&read);
    require(errors.count == 0);
    require(sp_policy_diff(policy, &read, true, &edits, &errors) == SP_OK);
    require(edits.count == 0 && errors.count == 0);
    sp_arena_fini(&arena);
}

static void write_and_read_again(const struct sp_policy *policy, struct sp_str file) {
    struct sp_arena arena;
    struct sp_policy again;
    struct sp_policy_errors errors;
    struct sp_policy_edits edits;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    require(out != NULL);
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        sp_policy_write_section(policy, section, out);
    require(fclose(out) == 0);
    init_policy(&again, &errors, &arena);
    require(sp_policy_read(&again, "again", (struct sp_str){text, size}, &errors) == SP_OK);
    for (size_t i = 0; i < SP_POLICY_SECTIONS; i++)
        require(again.has[i]);
    sp_policy_sort(&again);
    require(errors.count == 0);
    require(sp_policy_diff(policy, &again, true, &edits, &errors) == SP_OK);
    require(edits.count == 0 && errors.count == 0);
    char *updated = update_file(&again, policy, file);
    require_same(policy, updated);
    sp_arena_fini(&arena);
    free(updated);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    struct sp_policy policy;
    struct sp_policy_errors errors;
    init_policy(&policy, &errors, &arena);
    if (sp_policy_read(&policy, "fuzz", (struct sp_str){(const char *)data, size}, &errors) == SP_OK) {
        sp_policy_check(&policy, &errors);
        if (errors.count == 0)
            write_and_read_again(&policy, (struct sp_str){(const char *)data, size});
    }
    sp_arena_fini(&arena);
    return 0;
}
