#include "cli/answer.h"

#include <string.h>

#include "cli/call.h"
#include "cli/print.h"

#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static bool is_text(const json_t *object, const char *name, const char *text) {
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL && strcmp(value, text) == 0;
}

int sp_cli_answer_exit_status(const json_t *answer) {
    return is_text(answer, "decision", "ALLOW") ? CLI_OK : CLI_DENIED;
}

static void print_field(const json_t *object, const char *name, const char *after, FILE *out) {
    const char *text = json_string_value(json_object_get(object, name));
    sp_cli_put_text(text != NULL ? text : "", out);
    (void)fputs(after, out);
}

static void print_coloured(const char *text, const char *escape, bool colour, FILE *out) {
    (void)fprintf(out, "%s%s%s  ", colour ? escape : "", text, colour ? PLAIN : "");
}

void sp_cli_print_answer(const json_t *answer, bool colour, FILE *out) {
    bool allowed = sp_cli_answer_exit_status(answer) == CLI_OK;
    print_coloured(allowed ? "ALLOW" : "DENY", allowed ? GREEN : RED, colour, out);
    print_field(answer, "reason", "  ", out);
    (void)fprintf(out, "%lld\n", (long long)json_integer_value(json_object_get(answer, "httpStatus")));
    sp_cli_print_lines(
        answer,
        "  workspace=workspace:raw,  principal=principal:raw,  key=keyId:raw,  role=role,  revision=revision,"
        "  decision id=decisionId:raw",
        out);
}

static void print_step(const json_t *step, bool colour, FILE *out) {
    const char *evidence = json_string_value(json_object_get(step, "evidence"));
    (void)fprintf(out, "%2lld  ", (long long)json_integer_value(json_object_get(step, "number")));
    if (is_text(step, "outcome", "FAILED"))
        print_coloured("FAIL", RED, colour, out);
    else
        print_coloured(is_text(step, "outcome", "PASSED") ? "ok  " : " -  ", "", false, out);
    print_field(step, "test", "\n", out);
    if (evidence == NULL || evidence[0] == '\0')
        return;
    (void)fputs("          ", out);
    print_field(step, "evidence", "\n", out);
}

void sp_cli_print_explanation(const json_t *explanation, bool colour, FILE *out) {
    const json_t *grants = json_object_get(explanation, "grants");
    const json_t *needed = json_object_get(explanation, "changesNeeded");
    size_t i;
    json_t *step, *change;
    sp_cli_print_answer(json_object_get(explanation, "answer"), colour, out);
    (void)fputc('\n', out);
    json_array_foreach(json_object_get(explanation, "steps"), i, step) {
        print_step(step, colour, out);
    }
    if (json_array_size(grants) > 0) {
        (void)fputs("\nShares considered:\n", out);
        sp_cli_print_table(grants, "WITH=subject,ROLE=role", &(struct cli_table_shape){.wide = true}, out);
    }
    if (json_array_size(needed) > 0)
        (void)fputs("\nTo allow it:\n", out);
    json_array_foreach(needed, i, change) {
        const char *text = json_string_value(change);
        (void)fputs("  - ", out);
        sp_cli_put_text(text != NULL ? text : "", out);
        (void)fputc('\n', out);
    }
}
