#include "trial/report.h"

#include <stdlib.h>

#include "trial/why.h"

static bool is_failure(const struct sp_trial_run *run, size_t i) {
    const struct sp_trial_question *question = &run->spec->questions[i];
    return run->chosen[question->test] && !sp_trial_is_expected(question, run->answers[i].reason);
}

/* "ben, read note/plan: expected ALLOWED, got NOT_SHARED" */
static void print_verdict(const struct sp_trial_run *run, size_t i, FILE *out) {
    const struct sp_trial_question *question = &run->spec->questions[i];
    const struct sp_trial_answer *answer = &run->answers[i];
    const struct sp_trial_key *key = question->key;
    (void)fprintf(out, "%s%s", key->name != NULL ? "key " : "", key->name != NULL ? key->name : key->principal);
    if (question->ip != NULL)
        (void)fprintf(out, " from %s", question->ip);
    if (question->request != NULL)
        (void)fprintf(out, ", %s", question->request);
    if (answer->action.size > 0)
        (void)fprintf(out, ", %.*s %.*s%s%.*s", SP_STR_ARG(answer->action), SP_STR_ARG(answer->type),
                      answer->id.size > 0 ? "/" : "", SP_STR_ARG(answer->id));
    (void)fprintf(out, ": expected %s, got %s", sp_trial_word(question->expected), sp_reason_name(answer->reason));
}

void sp_trial_print_failures(const struct sp_trial_run *run, bool colour, FILE *out) {
    for (size_t i = 0; i < run->spec->question_count; i++) {
        const struct sp_trial_question *question = &run->spec->questions[i];
        if (!is_failure(run, i))
            continue;
        (void)fprintf(out, "%sFAIL%s  %s:%zu:%zu: %s\n      ", colour ? "\033[31m" : "", colour ? "\033[0m" : "",
                      run->spec->file, question->line, question->column, run->spec->tests[question->test].name);
        print_verdict(run, i, out);
        (void)fputc('\n', out);
        sp_trial_print_why(run->answers[i].explanation, run->answers[i].reason, "      ", out);
    }
}

/* ---- GitHub ---- */

/* A property's value or a message, as workflow commands escape them. */
static void print_github_text(const char *text, bool property, FILE *out) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '%' || *at == '\r' || *at == '\n' || (property && (*at == ':' || *at == ',')))
            (void)fprintf(out, "%%%02X", (unsigned char)*at);
        else
            (void)fputc(*at, out);
    }
}

/* A question's verdict as a text that the caller frees; NULL when out of memory. */
static char *write_verdict(const struct sp_trial_run *run, size_t i) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    print_verdict(run, i, out);
    (void)fputc('\n', out);
    sp_trial_print_why(run->answers[i].explanation, run->answers[i].reason, "", out);
    return fclose(out) == 0 ? text : NULL;
}

void sp_trial_print_annotations(const struct sp_trial_run *run, FILE *out) {
    for (size_t i = 0; i < run->spec->question_count; i++) {
        const struct sp_trial_question *question = &run->spec->questions[i];
        char *verdict = is_failure(run, i) ? write_verdict(run, i) : NULL;
        if (verdict == NULL)
            continue;
        (void)fputs("::error file=", out);
        print_github_text(run->spec->file, true, out);
        (void)fprintf(out, ",line=%zu,col=%zu,title=", question->line, question->column);
        print_github_text(run->spec->tests[question->test].name, true, out);
        (void)fputs("::", out);
        print_github_text(verdict, false, out);
        (void)fputc('\n', out);
        free(verdict);
    }
}

/* ---- JUnit ---- */

static void print_xml_text(const char *text, FILE *out) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<' || *at == '>' || *at == '&' || *at == '"' || *at == '\n')
            (void)fprintf(out, "&#%u;", (unsigned)*at);
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            (void)fputc('?', out); /* what XML cannot hold */
        else
            (void)fputc(*at, out);
    }
}

static void print_xml_case(const struct sp_trial_run *run, size_t test, FILE *out) {
    (void)fputs("    <testcase name=\"", out);
    print_xml_text(run->spec->tests[test].name, out);
    (void)fputs("\" file=\"", out);
    print_xml_text(run->spec->file, out);
    (void)fprintf(out, "\" line=\"%zu\">", run->spec->tests[test].line);
    for (size_t i = 0; i < run->spec->question_count; i++) {
        char *verdict = run->spec->questions[i].test == test && is_failure(run, i) ? write_verdict(run, i) : NULL;
        if (verdict == NULL)
            continue;
        (void)fprintf(out, "\n      <failure message=\"line %zu\">", run->spec->questions[i].line);
        print_xml_text(verdict, out);
        (void)fputs("</failure>", out);
        free(verdict);
    }
    (void)fputs("</testcase>\n", out);
}

void sp_trial_print_junit(const struct sp_trial_run *run, FILE *out) {
    (void)fputs("  <testsuite name=\"", out);
    print_xml_text(run->spec->file, out);
    (void)fprintf(out, "\" tests=\"%zu\" failures=\"%zu\">\n", run->tests, run->failed_tests);
    for (size_t i = 0; i < run->spec->test_count; i++)
        if (run->chosen[i])
            print_xml_case(run, i, out);
    (void)fputs("  </testsuite>\n", out);
}
