#include "cli/json_times.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"

static bool is_time_name(const char *name) {
    static const char *const others[] = {"notAfter", "knownSince", "knownUntil", "lostUntil", "time"};
    size_t size = strlen(name);
    if (size > 2 && strcmp(name + size - 2, "At") == 0)
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return false;
}

/* 64-bit numbers are texts in the JSON of protobuf. NULL: it is not a number. */
static json_t *seconds_to_text(const json_t *value) {
    const char *text = json_string_value(value);
    char *end = NULL, written[SP_MOMENT_TEXT_BYTES];
    long long seconds = text != NULL ? strtoll(text, &end, 10) : json_integer_value(value);
    if (!json_is_integer(value) && (text == NULL || text[0] == '\0' || *end != '\0'))
        return NULL;
    if (seconds == 0)
        return json_null();
    sp_moment_format(seconds, written);
    return json_string(written);
}

/* Replies nest a few levels only. */
void sp_cli_times_to_text(json_t *json) {
    size_t i;
    json_t *value;
    const char *name;
    json_array_foreach(json, i, value) {
        sp_cli_times_to_text(value);
    }
    json_object_foreach(json, name, value) {
        json_t *text = is_time_name(name) ? seconds_to_text(value) : NULL;
        if (text != NULL)
            (void)json_object_set_new(json, name, text);
        else
            sp_cli_times_to_text(value);
    }
}
