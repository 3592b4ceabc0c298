#include "cli/key_argument.h"

#include <string.h>

#include "core/key_text.h"

/* Without the blanks and quotes that pasting leaves around a key. */
static struct sp_str trim_pasted(struct sp_str text) {
    static const char around[] = " \t\r\n'\"`";
    while (text.size > 0 && memchr(around, text.data[0], sizeof(around) - 1) != NULL)
        text = (struct sp_str){text.data + 1, text.size - 1};
    while (text.size > 0 && memchr(around, text.data[text.size - 1], sizeof(around) - 1) != NULL)
        text.size--;
    return text;
}

static struct sp_str find_value(const char *argument) {
    const char *value = strncmp(argument, "--", 2) == 0 ? strchr(argument, '=') : NULL;
    return trim_pasted(sp_str_from(value != NULL ? value + 1 : argument));
}

enum sp_status sp_cli_refuse_key_arguments(int argc, char **argv, struct sp_error *error) {
    for (int i = 1; i < argc; i++) {
        struct sp_str value = find_value(argv[i]);
        if (sp_key_text_is_complete(value))
            return sp_error_set(error, SP_ERR_INVALID,
                                "argument %d is the text of a key, %.*s, which other users of this machine can see. "
                                "Write the key to a file that only you can read, or to standard input, and name that "
                                "(--key-file FILE, `key find FILE`); commands that take a key's id want that id, as in "
                                "`sallyport key list`",
                                i, SP_STR_ARG(value));
    }
    return SP_OK;
}
