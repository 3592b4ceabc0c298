/* The options of a program, declared once in a table: name, environment variable, range, default,
 * unit and meaning. Reading, checking and --help all follow from the table. Not thread-safe: call
 * before threads start. */
#ifndef SP_CONFIG_OPTIONS_H
#define SP_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum { SP_OPTION_TEXTS_MAX = 16, SP_OPTIONS_MAX = 96 };

/* The values of an option that may be given several times. */
struct sp_option_texts {
    const char *values[SP_OPTION_TEXTS_MAX];
    size_t count;
};

/* Turns the single value "none" into no values. */
void sp_option_texts_none(struct sp_option_texts *texts);

enum sp_option_kind {
    SP_OPTION_FLAG,   /* bool: no argument; in the environment "1", "true", "0" or "false" */
    SP_OPTION_TEXT,   /* const char * */
    SP_OPTION_TEXTS,  /* struct sp_option_texts: repeatable; in the environment separated by commas */
    SP_OPTION_NUMBER, /* uint64_t in decimal, between `least` and `most` */
    SP_OPTION_SIZE,   /* the same in bytes, with an optional K, M, G or T (of 1,024) behind it */
};

struct sp_option {
    const char *name; /* without "--" */
    enum sp_option_kind kind;
    void *target;
    const char *environment;  /* NULL: none */
    const char *default_text; /* NULL: none, the target stays as it is */
    const char *argument;     /* what --help calls the argument: "DIR", "MS"; NULL for flags */
    uint64_t least, most;
    const char *help;
};

/* Where a value comes from; a later one replaces an earlier one. */
enum sp_option_source { SP_OPTION_DEFAULT, SP_OPTION_FILE, SP_OPTION_ENVIRONMENT, SP_OPTION_ARGUMENT };

/* A file's settings, read by somebody else (config/settings.h): names as in the table, values as in
 * the environment. */
struct sp_option_setting {
    const char *name, *value;
    size_t line;
};
struct sp_option_file {
    const char *path; /* NULL: none */
    const struct sp_option_setting *settings;
    size_t count;
};

/* Sets defaults, then the environment's values, then those of argv[1]…; an option that is given
 * replaces the environment's value. Texts are borrowed from argv, the environment (lists are copied
 * and never freed) and the table. *ret_rest is the index in argv of the first argument that is no
 * option (they are moved to the end), or argc. Abbreviations are not accepted. SP_ERR_INVALID names
 * the option and what it may be. At most SP_OPTIONS_MAX rows. */
enum sp_status sp_options_parse(const struct sp_option *table, size_t count, int argc, char **argv, int *ret_rest,
                                struct sp_error *error) SP_MUST_USE;

/* The same with a file's settings between defaults and environment, and where each row's value
 * comes from. Both may be NULL. A setting that names no row or has an invalid value is
 * SP_ERR_INVALID with the file's name and line. */
enum sp_status sp_options_read(const struct sp_option *table, size_t count, const struct sp_option_file *file, int argc,
                               char **argv, enum sp_option_source ret_sources[SP_OPTIONS_MAX], int *ret_rest,
                               struct sp_error *error) SP_MUST_USE;

/* An option of a program that reads its arguments with argp or getopt_long. */
struct sp_option_word {
    const char *name; /* without "--" */
    bool takes_value;
};

/* Refuses what those take but no other program here does: abbreviations, which another option can
 * make ambiguous or mean something else. Looks at words that begin with "--", up to "--" alone.
 * SP_ERR_INVALID with the option that was probably meant. */
enum sp_status sp_options_check_words(const struct sp_option_word *words, size_t count, int argc, char **argv,
                                      struct sp_error *error) SP_MUST_USE;

/* The argument that an option is given, else the value of its environment variable, before anything
 * is read; NULL for none. */
const char *sp_options_peek(const struct sp_option *option, int argc, char **argv);

/* Writes every setting: name, value, unit, and where the value comes from. */
void sp_options_print(const struct sp_option *table, size_t count, const enum sp_option_source *sources, FILE *out);

/* Writes a text, which begins at `column` of its line, in lines of at most 80 characters. */
void sp_options_wrap(const char *text, size_t column, FILE *out);

/* Writes each row, in such lines. */
void sp_options_help(const struct sp_option *table, size_t count, FILE *out);

#endif
