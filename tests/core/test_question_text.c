/* The rules of a question's texts, and their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/question_text.h"
#include "support/question_texts.h"

static void takes_and_refuses_what_the_table_says(void **state) {
    (void)state;
    static const enum sp_question_field fields[QUESTION_TEXT_FIELDS] = {
        [QUESTION_TEXT_KEY] = SP_QUESTION_KEY,
        [QUESTION_TEXT_TYPE] = SP_QUESTION_TYPE,
        [QUESTION_TEXT_ACTION] = SP_QUESTION_ACTION,
        [QUESTION_TEXT_ID] = SP_QUESTION_ID,
        [QUESTION_TEXT_WORKSPACE] = SP_QUESTION_WORKSPACE,
    };
    for (size_t i = 0; i < QUESTION_TEXTS; i++) {
        const struct question_text *row = &question_texts[i];
        for (unsigned field = 0; field < QUESTION_TEXT_FIELDS; field++) {
            if ((row->fields & 1U << field) == 0)
                continue;
            const char *fault = sp_question_text_fault(fields[field], (struct sp_str){row->text, row->size});
            if ((fault != NULL) != ((row->refused & 1U << field) != 0))
                fail_msg("field %u, %s: %s", field, row->name, fault == NULL ? "taken" : fault);
        }
    }
}

static void says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        enum sp_question_field field;
        struct sp_str text;
        const char *fault;
    } rows[] = {
        {SP_QUESTION_TYPE, {NULL, 0}, "is required"},
        {SP_QUESTION_PRINCIPAL, {NULL, 0}, "is required"},
        {SP_QUESTION_PRINCIPAL, {QT_TEXT(QT_256 "a")}, "is longer than 256 bytes"},
        {SP_QUESTION_ACTION, {QT_TEXT(QT_64 "a")}, "is longer than 64 bytes"},
        {SP_QUESTION_ID, {QT_TEXT(QT_256 "a")}, "is longer than 256 bytes"},
        {SP_QUESTION_SUBJECT, {QT_TEXT(QT_256 QT_256 "a")}, "is longer than 512 bytes"},
        {SP_QUESTION_ID, {QT_TEXT("a\nb")}, "contains a control character"},
        {SP_QUESTION_ID, {QT_TEXT("\xff")}, "is not valid UTF-8"},
        {SP_QUESTION_KEY, {QT_TEXT("\xff")}, "is not valid UTF-8"},
        {SP_QUESTION_KEY, {QT_TEXT("a\0b")}, "contains a NUL"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_string_equal(sp_question_text_fault(rows[i].field, rows[i].text), rows[i].fault);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_refuses_what_the_table_says),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
