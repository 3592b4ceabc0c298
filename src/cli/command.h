/* Commands as data: what a command reads from its arguments, which call it makes of them, and how
 * the reply is shown. Most commands are only a row of their noun's table (cmd_<noun>.c); a few have
 * a function of their own. */
#ifndef SP_CLI_COMMAND_H
#define SP_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How the text of an argument becomes a value of the request. */
enum cli_kind {
    CLI_TEXT,
    CLI_TEXTS,    /* may be given several times: an array */
    CLI_FLAG,     /* takes no value: true */
    CLI_NUMBER,   /* a whole number */
    CLI_ENUM,     /* one of `choices`; `prefix` is put before it in capitals */
    CLI_ENUMS,    /* several of them */
    CLI_CLEAR,    /* takes no value: only `mask` is set, so that the field becomes empty */
    CLI_DURATION, /* 30s, 15m, 2h, 90d: seconds */
    CLI_TIME,     /* 2026-12-31, 2026-12-31T23:59:59Z, +90d, or "never": seconds since 1970 */
    CLI_RESOURCE, /* TYPE/ID or TYPE: {"type":…,"id":…} */
    CLI_REVISION, /* EPOCH:NUMBER: {"epoch":…,"number":…} */
    CLI_LOCAL,    /* a text for the command itself, not for the request */
    CLI_LOCALS,   /* may be given several times: an array of them */
    CLI_LOCAL_FLAG,
};

/* An option, or a positional argument if it is in `positionals`. */
struct cli_argument {
    const char *name; /* without "--" */
    enum cli_kind kind;
    bool required;
    const char *path;    /* where it goes in the request: "permissions.names"; NULL for local ones */
    const char *fills;   /* what the command makes of a local one: "api_key|api_key_sha256", fields as services name
                          * them; NULL: nothing of the request */
    const char *prefix;  /* of enums: "PLAN_" */
    unsigned least;      /* of numbers: not below; 0: whatever the field takes */
    const char *choices; /* what it may be: "viewer|editor"; NULL: anything. Completion offers them */
    const char *behind;  /* of a repeatable local one: the option to whose last value before it it belongs; each value
                          * is then [number of that value, text]; NULL: none */
    const char *mask;    /* the name that update_mask gets when it is given; NULL: none */
    const char *value;   /* what help calls its value: "ID" */
    const char *help;
};

enum { CLI_ARGUMENTS_MAX = 16, CLI_POSITIONALS_MAX = 4 };

/* Rows that many commands have. */
#define CLI_WORKSPACE(at)                                                                                              \
    {                                                                                                                  \
        .name = "workspace", .kind = CLI_TEXT, .path = (at), .value = "ID",                                            \
        .help = "workspace (default: your key's; required for operators)"                                              \
    }
#define CLI_NEW_ID                                                                                                     \
    { .name = "id", .kind = CLI_TEXT, .path = "id", .value = "ID", .help = "id (default: generated)" }
#define CLI_DISPLAY_NAME                                                                                               \
    { .name = "name", .kind = CLI_TEXT, .path = "name", .value = "TEXT", .help = "display name", .required = true }
#define CLI_RESOURCE_ARGUMENT                                                                                          \
    {                                                                                                                  \
        .name = "resource", .kind = CLI_RESOURCE, .path = "resource", .value = "TYPE/ID", .help = "the resource",      \
        .required = true                                                                                               \
    }
#define CLI_SECRET_FILE                                                                                                \
    {                                                                                                                  \
        .name = "secret-file", .kind = CLI_LOCAL, .value = "FILE",                                                     \
        .help = "write the key's text to this new file (mode 0600) instead of showing it"                              \
    }

#define CLI_ACTS_WITHOUT_KEY "no key: sallyportd knows its callers by their certificate, token or socket (docs/tls.md)"

struct cli_call; /* cli/call.h */

/* A table of commands ends with a row without a noun; an array of tables ends with NULL. */
struct cli_command {
    const char *noun;
    const char *verb;    /* NULL: the noun is the whole command */
    const char *summary; /* one line, in the imperative */
    const char *details; /* what else a reader should know; NULL: nothing */
    const char *method;  /* of the Admin service; NULL if `run` does it all */
    const char *fixed;   /* JSON that the request begins with; NULL: {} */
    bool mutation;       /* carries a request_id, so that it may be tried again */
    const char *list;    /* name of the reply's list: all pages are fetched, and shown as a table */
    const char *main;    /* name of the reply's field that is shown; NULL: the whole reply */
    const char *columns; /* "TITLE=path,…" of the table or of the lines */
    const char *example; /* lines, each a command */
    const char *acts;    /* whose key acts; NULL: whose the method demands (cli/acting_key.h) */
    const char *one_of;  /* "resource|group": arguments of which at least one must be given; NULL: none such */
    struct cli_argument positionals[CLI_POSITIONALS_MAX];
    struct cli_argument options[CLI_ARGUMENTS_MAX];
    int (*run)(struct cli_call *call); /* the exit status; NULL: sp_cli_run_single_call */
    /* Says on stderr what follows from the reply, if that is shown to a person; NULL: nothing
     * does. */
    void (*note)(const struct cli_call *call, const json_t *reply);
};

#endif
