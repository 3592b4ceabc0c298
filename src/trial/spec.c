#include "trial/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/yaml.h"

/* Values of a field of a test, each with its place. */
struct values {
    struct sp_yaml_scalar *list;
    size_t count, room;
};

/* What is expected, of whom and on what, if that is said there. */
struct expectation {
    struct sp_yaml_scalar who, resource; /* size 0: as the test says */
    struct sp_yaml_scalar word;
};

enum field { WHO, KEY, IP, AT, RESOURCE, ACTION, REQUEST, VALUE_FIELDS, EXPECT = VALUE_FIELDS, FIELDS };

static const char *const field_names[FIELDS] = {
    [WHO] = "who",           [KEY] = "key",       [IP] = "ip",           [AT] = "at",
    [RESOURCE] = "resource", [ACTION] = "action", [REQUEST] = "request", [EXPECT] = "expect"};

struct draft_test {
    struct sp_trial_test test;
    struct sp_yaml_scalar name;
    struct values fields[VALUE_FIELDS];
    struct expectation *expectations;
    size_t expectation_count, expectation_room;
    struct sp_yaml_scalar who; /* whose expectations are being read */
    unsigned seen;
};

struct drafts {
    struct sp_trial_spec *spec;
    struct draft_test *tests;
    size_t count, room;
    unsigned seen;
};

static struct sp_trial_spec *spec_of(const struct sp_yaml *yaml) {
    return ((struct drafts *)yaml->user)->spec;
}

/* ---- values ---- */

static enum sp_status take_value(struct sp_yaml *yaml, const struct sp_yaml_scalar *item, void *context) {
    struct values *values = context;
    struct sp_yaml_scalar *list =
        sp_array_reserve_in(yaml->arena, values->list, values->count, &values->room, sizeof(*list));
    if (list == NULL)
        return sp_yaml_refuse_memory(yaml);
    if (memchr(item->text.data, '\0', item->text.size) != NULL)
        return sp_yaml_refuse(yaml, item, "the text", "contains a NUL; remove it");
    values->list = list;
    values->list[values->count++] = *item;
    return SP_OK;
}

static enum sp_status read_values(struct sp_yaml *yaml, struct values *values) {
    const struct sp_yaml_shapes shapes = {
        .otherwise = "expected text or a list of texts here", .text = take_value, .item = take_value};
    return sp_yaml_read_value(yaml, &shapes, values);
}

static const char **texts_of(const struct sp_yaml *yaml, const struct values *values) {
    const char **texts = sp_arena_calloc(yaml->arena, values->count, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < values->count; i++)
        texts[i] = values->list[i].text.data;
    return texts;
}

static enum sp_status read_texts(struct sp_yaml *yaml, const char ***ret_texts, size_t *ret_count) {
    struct values values = {0};
    enum sp_status status = read_values(yaml, &values);
    if (status != SP_OK)
        return status;
    *ret_texts = texts_of(yaml, &values);
    *ret_count = values.count;
    return *ret_texts == NULL ? sp_yaml_refuse_memory(yaml) : SP_OK;
}

static enum sp_status read_trial_time(const struct sp_yaml *yaml, const struct sp_yaml_scalar *text, int64_t *ret_s) {
    if (sp_moment_parse(text->text, ret_s))
        return SP_OK;
    return sp_yaml_refuse(yaml, text, "a time", "must be written as 2026-12-31T23:59:59Z");
}

/* ---- keys ---- */

static enum sp_status add_trial_key(const struct sp_yaml *yaml, struct sp_trial_key **ret_key) {
    struct sp_trial_spec *spec = spec_of(yaml);
    struct sp_trial_key *key = sp_arena_calloc(yaml->arena, 1, sizeof(*key));
    struct sp_trial_key **keys =
        sp_array_reserve_in(yaml->arena, spec->keys, spec->key_count, &spec->key_room, sizeof(*keys));
    if (key == NULL || keys == NULL)
        return sp_yaml_refuse_memory(yaml);
    spec->keys = keys;
    spec->keys[spec->key_count++] = *ret_key = key;
    return SP_OK;
}

struct key_draft {
    struct sp_trial_key *key;
    unsigned seen;
};

static enum sp_status read_key_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *name, void *context) {
    enum { PRINCIPAL, PERMISSIONS, ALLOWED_IPS, EXPIRES, DISABLED, KEY_FIELDS };
    static const char *const names[KEY_FIELDS] = {"principal", "permissions", "allowed_ips", "expires", "disabled"};
    struct key_draft *draft = context;
    struct sp_trial_key *key = draft->key;
    struct sp_yaml_scalar scalar = {0};
    size_t index = 0;
    enum sp_status status =
        sp_yaml_find_key(yaml, name, names, KEY_FIELDS, "principal, permissions, allowed_ips, expires or disabled",
                         &draft->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == PERMISSIONS)
        return read_texts(yaml, &key->permissions, &key->permission_count);
    if (index == ALLOWED_IPS)
        return read_texts(yaml, &key->allowed_ips, &key->allowed_ip_count);
    if (index == DISABLED)
        return sp_yaml_read_choice(yaml, "false", "true", "true or false", &key->disabled);
    status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    if (index == EXPIRES)
        return read_trial_time(yaml, &scalar, &key->expires_at_s);
    key->principal = scalar.text.data;
    return SP_OK;
}

static struct sp_trial_key *find_trial_key(const struct sp_trial_spec *spec, bool shape, struct sp_str text) {
    for (size_t i = 0; i < spec->key_count; i++) {
        struct sp_trial_key *key = spec->keys[i];
        if ((key->name != NULL) == shape && sp_str_equal(sp_str_from(shape ? key->name : key->principal), text))
            return key;
    }
    return NULL;
}

static enum sp_status read_key(struct sp_yaml *yaml, const struct sp_yaml_scalar *name, void *context) {
    struct key_draft draft = {0};
    (void)context;
    if (find_trial_key(spec_of(yaml), true, name->text) != NULL)
        return sp_yaml_refuse(yaml, name, name->text.data, "is the name of an earlier key; choose another");
    enum sp_status status = add_trial_key(yaml, &draft.key);
    if (status != SP_OK)
        return status;
    draft.key->name = name->text.data;
    draft.key->line = name->line;
    draft.key->column = name->column;
    status = sp_yaml_read_mapping(yaml, "expected a mapping, such as {principal: ann}", read_key_field, &draft);
    if (status != SP_OK || draft.key->principal != NULL)
        return status;
    return sp_yaml_refuse(yaml, name, name->text.data, "has no principal: add the id of the key's owner");
}

/* The shape of that name, or the unlimited key of that principal. */
static enum sp_status choose_trial_key(const struct sp_yaml *yaml, bool shape, const struct sp_yaml_scalar *text,
                                       struct sp_trial_key **ret_key) {
    *ret_key = find_trial_key(spec_of(yaml), shape, text->text);
    if (*ret_key != NULL)
        return SP_OK;
    if (shape)
        return sp_yaml_refuse(yaml, text, text->text.data, "is not among the keys of this file; add it there");
    enum sp_status status = add_trial_key(yaml, ret_key);
    if (status != SP_OK)
        return status;
    (*ret_key)->principal = text->text.data;
    (*ret_key)->line = text->line;
    (*ret_key)->column = text->column;
    return SP_OK;
}

/* ---- expectations ---- */

static enum sp_status add_expectation(const struct sp_yaml *yaml, struct draft_test *draft,
                                      const struct expectation *expectation) {
    struct expectation *list = sp_array_reserve_in(yaml->arena, draft->expectations, draft->expectation_count,
                                                   &draft->expectation_room, sizeof(*list));
    if (list == NULL)
        return sp_yaml_refuse_memory(yaml);
    draft->expectations = list;
    draft->expectations[draft->expectation_count++] = *expectation;
    return SP_OK;
}

static enum sp_status take_word(struct sp_yaml *yaml, const struct sp_yaml_scalar *word, void *context) {
    struct draft_test *draft = context;
    return add_expectation(yaml, draft, &(struct expectation){.who = draft->who, .word = *word});
}

static enum sp_status read_expected_resource(struct sp_yaml *yaml, const struct sp_yaml_scalar *resource,
                                             void *context) {
    struct draft_test *draft = context;
    struct expectation expectation = {.who = draft->who, .resource = *resource};
    enum sp_status status = sp_yaml_read_scalar(yaml, &expectation.word);
    if (status != SP_OK)
        return status;
    return add_expectation(yaml, draft, &expectation);
}

static enum sp_status read_expected_who(struct sp_yaml *yaml, const struct sp_yaml_scalar *who, void *context) {
    const struct sp_yaml_shapes shapes = {.otherwise = "expected a word such as ALLOWED here, or words by resource",
                                          .text = take_word,
                                          .entry = read_expected_resource};
    ((struct draft_test *)context)->who = *who;
    return sp_yaml_read_value(yaml, &shapes, context);
}

static enum sp_status read_expectations(struct sp_yaml *yaml, struct draft_test *draft) {
    const struct sp_yaml_shapes shapes = {.otherwise = "expected a word such as ALLOWED here, or words by who",
                                          .text = take_word,
                                          .entry = read_expected_who};
    return sp_yaml_read_value(yaml, &shapes, draft);
}

static enum sp_status read_word(const struct sp_yaml *yaml, const struct sp_yaml_scalar *word,
                                enum sp_reason *ret_reason) {
    if (sp_str_equal(word->text, sp_str_from("DENIED"))) {
        *ret_reason = SP_TRIAL_DENIED;
        return SP_OK;
    }
    enum sp_reason reason = sp_reason_find(word->text);
    if (reason != SP_REASON_NONE) {
        *ret_reason = reason;
        return SP_OK;
    }
    return sp_yaml_refuse(yaml, word, word->text.data,
                          "is not an outcome; write ALLOWED, DENIED or a reason such as NOT_SHARED");
}

/* ---- tests ---- */

static enum sp_status read_test_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *name, void *context) {
    struct draft_test *draft = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(
        yaml, name, field_names, FIELDS, "who, key, ip, at, resource, action, request or expect", &draft->seen, &index);
    if (status != SP_OK)
        return status;
    return index == EXPECT ? read_expectations(yaml, draft) : read_values(yaml, &draft->fields[index]);
}

static enum sp_status refuse_test(const struct sp_yaml *yaml, const struct draft_test *draft, const char *what) {
    return sp_yaml_refuse(yaml, &draft->name, draft->name.text.data, what);
}

static enum sp_status check_test(const struct sp_yaml *yaml, const struct draft_test *draft) {
    bool who_expected = false, resource_expected = false;
    for (size_t i = 0; i < draft->expectation_count; i++) {
        who_expected |= draft->expectations[i].who.text.data != NULL;
        resource_expected |= draft->expectations[i].resource.text.data != NULL;
    }
    if (draft->expectation_count == 0)
        return refuse_test(yaml, draft, "has no expectation: add expect, such as ALLOWED");
    if ((draft->fields[WHO].count > 0) + (draft->fields[KEY].count > 0) + who_expected != 1)
        return refuse_test(yaml, draft, "must name who asks, in exactly one of who, key, and expect by who");
    if (draft->fields[REQUEST].count > 0) {
        if (draft->fields[RESOURCE].count > 0 || draft->fields[ACTION].count > 0 || resource_expected)
            return refuse_test(yaml, draft,
                               "has a request, which names the resource and the action: remove resource and action");
        return SP_OK;
    }
    if (draft->fields[ACTION].count == 0)
        return refuse_test(yaml, draft, "must name what is asked: a resource and an action, or a request");
    for (size_t i = 0; i < draft->expectation_count; i++)
        if ((draft->expectations[i].resource.text.data != NULL) == (draft->fields[RESOURCE].count > 0))
            return refuse_test(yaml, draft, "must name the resource once: in resource, or in expect");
    return SP_OK;
}

static enum sp_status read_test(struct sp_yaml *yaml, const struct sp_yaml_scalar *name, void *context) {
    struct drafts *drafts = yaml->user;
    (void)context;
    for (size_t i = 0; i < drafts->count; i++)
        if (sp_str_equal(drafts->tests[i].name.text, name->text))
            return sp_yaml_refuse(yaml, name, name->text.data, "is the name of an earlier test; choose another");
    struct draft_test *tests =
        sp_array_reserve_in(yaml->arena, drafts->tests, drafts->count, &drafts->room, sizeof(*tests));
    if (tests == NULL)
        return sp_yaml_refuse_memory(yaml);
    drafts->tests = tests;
    struct draft_test draft = {.name = *name};
    enum sp_status status = sp_yaml_read_mapping(yaml, "expected a mapping here: a test", read_test_field, &draft);
    if (status != SP_OK)
        return status;
    drafts->tests[drafts->count++] = draft;
    return check_test(yaml, &draft);
}

/* ---- questions ---- */

/* One of the values that a field may have, or the value that stands for none. */
static const struct sp_yaml_scalar *take_combined_value(const struct values *values, size_t *number) {
    static const struct sp_yaml_scalar none;
    size_t count = values->count == 0 ? 1 : values->count;
    const struct sp_yaml_scalar *picked = values->count == 0 ? &none : &values->list[*number % count];
    *number /= count;
    return picked;
}

static size_t count_combinations(const struct draft_test *draft) {
    size_t count = 1;
    for (size_t i = 0; i < VALUE_FIELDS; i++) {
        size_t values = draft->fields[i].count == 0 ? 1 : draft->fields[i].count;
        if (count > SP_TRIAL_QUESTIONS_MAX / values)
            return SIZE_MAX;
        count *= values;
    }
    return count;
}

/* The question with the number among the combinations. */
static enum sp_status make_question(const struct sp_yaml *yaml, const struct draft_test *draft,
                                    const struct expectation *expectation, size_t number,
                                    struct sp_trial_question *question) {
    const struct sp_yaml_scalar *picked[VALUE_FIELDS];
    struct sp_trial_key *key = NULL;
    for (size_t i = 0; i < VALUE_FIELDS; i++)
        picked[i] = take_combined_value(&draft->fields[i], &number);
    if (expectation->who.text.data != NULL)
        picked[WHO] = &expectation->who;
    if (expectation->resource.text.data != NULL)
        picked[RESOURCE] = &expectation->resource;
    bool shape = picked[KEY]->text.data != NULL;
    enum sp_status status = choose_trial_key(yaml, shape, shape ? picked[KEY] : picked[WHO], &key);
    if (status != SP_OK)
        return status;
    question->key = key;
    question->ip = picked[IP]->text.data;
    question->resource = picked[RESOURCE]->text.data;
    question->action = picked[ACTION]->text.data;
    question->request = picked[REQUEST]->text.data;
    question->has_time = picked[AT]->text.data != NULL;
    question->line = expectation->word.line;
    question->column = sp_yaml_column(yaml, expectation->word.line, expectation->word.column);
    status = question->has_time ? read_trial_time(yaml, picked[AT], &question->now_s) : SP_OK;
    if (status != SP_OK)
        return status;
    return read_word(yaml, &expectation->word, &question->expected);
}

static enum sp_status add_questions(const struct sp_yaml *yaml, const struct draft_test *draft, size_t test) {
    struct sp_trial_spec *spec = spec_of(yaml);
    size_t combinations = count_combinations(draft);
    if (combinations == SIZE_MAX || spec->question_count + combinations > SP_TRIAL_QUESTIONS_MAX)
        return refuse_test(yaml, draft, "has too many combinations; a file may have a million questions");
    for (size_t i = 0; i < draft->expectation_count; i++) {
        for (size_t number = 0; number < combinations; number++) {
            struct sp_trial_question question = {.test = test};
            struct sp_trial_question *questions = sp_array_reserve_in(
                yaml->arena, spec->questions, spec->question_count, &spec->question_room, sizeof(*spec->questions));
            if (questions == NULL)
                return sp_yaml_refuse_memory(yaml);
            spec->questions = questions;
            enum sp_status status = make_question(yaml, draft, &draft->expectations[i], number, &question);
            if (status != SP_OK)
                return status;
            spec->questions[spec->question_count++] = question;
        }
    }
    return SP_OK;
}

/* After the whole file, whose keys may stand below its tests. */
static enum sp_status add_tests(const struct sp_yaml *yaml) {
    const struct drafts *drafts = yaml->user;
    struct sp_trial_spec *spec = drafts->spec;
    spec->tests = sp_arena_calloc(yaml->arena, drafts->count, sizeof(*spec->tests));
    if (spec->tests == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < drafts->count; i++) {
        const struct draft_test *draft = &drafts->tests[i];
        spec->tests[spec->test_count++] = (struct sp_trial_test){
            draft->name.text.data, draft->name.line, sp_yaml_column(yaml, draft->name.line, draft->name.column)};
        enum sp_status status = add_questions(yaml, draft, i);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- a file ---- */

static enum sp_status read_trial_top(struct sp_yaml *yaml, const struct sp_yaml_scalar *name, void *context) {
    enum { SCHEMA, POLICY, KEYS, TESTS, TOPS };
    static const char *const names[TOPS] = {"schema", "policy", "keys", "tests"};
    struct drafts *drafts = yaml->user;
    struct sp_yaml_scalar scalar = {0};
    size_t index = 0;
    (void)context;
    enum sp_status status =
        sp_yaml_find_key(yaml, name, names, TOPS, "schema, policy, keys or tests", &drafts->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == POLICY)
        return read_texts(yaml, &drafts->spec->policy, &drafts->spec->policy_count);
    if (index == KEYS)
        return sp_yaml_read_mapping(yaml, "expected keys by their names here", read_key, NULL);
    if (index == TESTS)
        return sp_yaml_read_mapping(yaml, "expected tests by their names here", read_test, NULL);
    status = sp_yaml_read_scalar(yaml, &scalar);
    if (status == SP_OK)
        drafts->spec->schema = scalar.text.data;
    return status;
}

/* "line L, column C: what" becomes "FILE:L:C: what". */
static enum sp_status place_error(const struct sp_trial_spec *spec, const struct sp_error *why,
                                  struct sp_error *error) {
    unsigned long line = 1, column = 1;
    const char *what = sp_text_read_number(sp_text_read_number(why->message, "line ", &line), ", column ", &column);
    what = what != NULL && strncmp(what, ": ", 2) == 0 ? what + 2 : why->message;
    return sp_error_set(error, why->status, "%s:%lu:%lu: %s", spec->file, line, column, what);
}

enum sp_status sp_trial_read_spec(struct sp_str text, struct sp_trial_spec *ret_spec, struct sp_error *error) {
    struct sp_error why = {0};
    struct drafts drafts = {.spec = ret_spec};
    struct sp_yaml yaml = {.arena = ret_spec->arena, .error = &why, .user = &drafts, .lists = true};
    enum sp_status status =
        sp_yaml_read(&yaml, text, "there are no tests", "a file of tests is a mapping with 'tests:'", read_trial_top);
    if (status == SP_OK)
        status = add_tests(&yaml);
    if (status != SP_OK)
        return place_error(ret_spec, &why, error);
    if (ret_spec->test_count == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s:1:1: there are no tests", ret_spec->file);
    return SP_OK;
}
