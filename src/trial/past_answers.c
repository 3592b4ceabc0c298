#include "trial/past_answers.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 1 << 18, QUESTION_BYTES = 164 };

/* The texts of a line, each behind its size. */
struct past_question_bytes {
    uint16_t size; /* 0: they do not fit, or the entry is free */
    uint8_t bytes[QUESTION_BYTES];
};

/* Three lines of the processor's cache, of which short questions touch two. */
struct past_answers_entry {
    struct sp_trial_past_answer answer;
    struct past_question_bytes question;
};
_Static_assert(sizeof(struct past_answers_entry) == 192, "three lines of a cache");

struct sp_trial_past_answers {
    struct past_question_bytes asked; /* last */
    size_t place;                     /* of it */
    struct past_answers_entry *entries;
};

static bool add_question_text(struct past_question_bytes *question, struct sp_str text) {
    if (text.size + 1 > sizeof(question->bytes) - question->size || text.size > UINT8_MAX)
        return false;
    question->bytes[question->size] = (uint8_t)text.size;
    if (text.size > 0)
        memcpy(question->bytes + question->size + 1, text.data, text.size);
    question->size = (uint16_t)(question->size + 1 + text.size);
    return true;
}

static void describe_question(const struct sp_trial_log_line *line, struct past_question_bytes *question) {
    static const enum sp_trial_log_text texts[] = {SP_TRIAL_LOG_WORKSPACE,
                                                   SP_TRIAL_LOG_KEY_ID,
                                                   SP_TRIAL_LOG_ACTION,
                                                   SP_TRIAL_LOG_IP,
                                                   SP_TRIAL_LOG_RESOURCE_ID,
                                                   SP_TRIAL_LOG_RESOURCE_TYPE,
                                                   SP_TRIAL_LOG_ASSERTED_WORKSPACE};
    question->size = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (!add_question_text(question, line->texts[texts[i]])) {
            question->size = 0;
            return;
        }
}

/* Eight bytes at a time. */
static size_t hash_question(const struct past_question_bytes *question) {
    uint64_t hash = question->size;
    for (size_t i = 0; i < question->size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t left = question->size - i;
        memcpy(&word, question->bytes + i, left < sizeof(word) ? left : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash & (PLACES - 1);
}

const struct sp_trial_past_answer *sp_trial_past_answers_find(struct sp_trial_past_answers *answers,
                                                              const struct sp_trial_log_line *line, int64_t time_s) {
    describe_question(line, &answers->asked);
    if (answers->asked.size == 0)
        return NULL;
    answers->place = hash_question(&answers->asked);
    const struct past_answers_entry *entry = &answers->entries[answers->place];
    if (entry->question.size != answers->asked.size ||
        memcmp(entry->question.bytes, answers->asked.bytes, answers->asked.size) != 0)
        return NULL;
    return time_s >= entry->answer.from_s && time_s < entry->answer.until_s ? &entry->answer : NULL;
}

void sp_trial_past_answers_keep(struct sp_trial_past_answers *answers, const struct sp_trial_past_answer *answer) {
    if (answers->asked.size == 0)
        return;
    struct past_answers_entry *entry = &answers->entries[answers->place];
    entry->answer = *answer;
    entry->question.size = answers->asked.size;
    memcpy(entry->question.bytes, answers->asked.bytes, answers->asked.size);
}

enum sp_status sp_trial_past_answers_open(struct sp_trial_past_answers **ret_answers) {
    enum { CACHE_LINE_BYTES = 64 };
    struct sp_trial_past_answers *answers = calloc(1, sizeof(*answers));
    if (answers == NULL)
        return SP_ERR_MEMORY;
    answers->entries = aligned_alloc(CACHE_LINE_BYTES, PLACES * sizeof(*answers->entries));
    if (answers->entries == NULL) {
        free(answers);
        return SP_ERR_MEMORY;
    }
    for (size_t i = 0; i < PLACES; i++)
        answers->entries[i].question.size = 0;
    *ret_answers = answers;
    return SP_OK;
}

void sp_trial_past_answers_close(struct sp_trial_past_answers *answers) {
    if (answers == NULL)
        return;
    free(answers->entries);
    free(answers);
}
