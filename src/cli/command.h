/* Commands as data: what a command reads from its arguments, which call it makes of them, and how the reply is shown. Most
 * commands are only a row of their noun's table (cmd_<noun>.c); a few have a function of their own. One thread. */
#ifndef SP_CLI_COMMAND_H
#define SP_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "rpc/client.h"

/* Exit statuses: allowed or done; denied; an error. */
enum { CLI_OK = 0, CLI_DENIED = 1, CLI_ERROR = 2 };

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
    CLI_LOCAL_FLAG,
};

/* An option, or a positional argument where it stands in `positionals`. */
struct cli_argument {
    const char *name; /* without "--" */
    enum cli_kind kind;
    bool required;
    const char *path;    /* where it goes in the request: "permissions.names"; NULL for local ones */
    const char *prefix;  /* of enums: "PLAN_" */
    const char *choices; /* what it may be: "viewer|editor"; NULL: anything. Completion offers them */
    const char *mask;    /* the name that update_mask gets when it is given; NULL: none */
    const char *value;   /* what help calls its value: "ID" */
    const char *help;
};

enum { CLI_ARGUMENTS_MAX = 16, CLI_POSITIONALS_MAX = 4 };

/* Rows that many commands have. */
#define CLI_WORKSPACE(at)                                                                                              \
    {                                                                                                                  \
        .name = "workspace", .kind = CLI_TEXT, .path = (at), .value = "ID",                                            \
        .help = "workspace (operators must name it; default: the key's own)"                                           \
    }
#define CLI_SECRET_FILE                                                                                                \
    {                                                                                                                  \
        .name = "secret-file", .kind = CLI_LOCAL, .value = "FILE",                                                     \
        .help = "write the new key's text to this new file (mode 0600) instead of showing it"                          \
    }

struct cli_call;

struct cli_command {
    const char *noun;
    const char *verb; /* NULL: the noun is the whole command */
    const char *summary;
    const char *method;  /* of the Admin service; NULL where `run` does it all */
    const char *fixed;   /* JSON that the request begins with; NULL: {} */
    bool mutation;       /* carries a request_id, so that it may be tried again */
    const char *list;    /* name of the reply's list: all pages are fetched, and shown as a table */
    const char *main;    /* name of the reply's field that is shown; NULL: the whole reply */
    const char *columns; /* "TITLE=path,…" of the table or of the lines */
    const char *example; /* lines, each a command */
    struct cli_argument positionals[CLI_POSITIONALS_MAX];
    struct cli_argument options[CLI_ARGUMENTS_MAX];
    int (*run)(struct cli_call *call); /* NULL: the generic one */
};

/* One run of a command. */
struct cli_call {
    const struct cli_command *command;
    json_t *request;                          /* built from the arguments */
    json_t *local;                            /* of CLI_LOCAL arguments, by name */
    const char *output;                       /* "table", "json" or "ndjson" */
    const char *admin_target, *server_target; /* addresses */
    const char *asked, *asked_by;             /* the one that was called, and what sets it; NULL: none yet */
    const char *key_file;                     /* NULL: none */
    struct sp_rpc_client_tls tls;             /* of both, unless over a Unix socket */
    uint64_t limit;                           /* of list rows; 0: all */
};

/* The tables, each ended by a row without a noun. */
extern const struct cli_command cli_workspace_commands[], cli_principal_commands[], cli_group_commands[],
    cli_resource_commands[], cli_share_commands[], cli_key_commands[], cli_server_commands[], cli_schema_commands[],
    cli_routes_commands[], cli_check_commands[], cli_list_commands[], cli_trail_commands[], cli_store_commands[],
    cli_import_commands[], cli_self_commands[];

/* All tables; NULL past the last. */
const struct cli_command *cli_table(size_t i);

/* NULL for none. `verb` may be NULL. */
const struct cli_command *cli_find(const char *noun, const char *verb);

/* The options that every command has. */
extern const struct cli_argument cli_common_options[];

/* Reads argv (after the command's words) into the call. SP_ERR_INVALID. */
enum sp_status cli_read_arguments(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                  bool *ret_help, struct sp_error *error) SP_MUST_USE;

/* A local argument's text, or NULL; whether a local flag is set. */
const char *cli_local(const struct cli_call *call, const char *name);
bool cli_local_flag(const struct cli_call *call, const char *name);

/* Whether the text is one of "a|b|c", where '-' and '_' are the same. */
bool cli_is_choice(const char *choices, const char *text, size_t size);

/* Whether any command has the noun. */
bool cli_has_noun(const char *noun);

/* The choice, noun or verb that was probably meant, or NULL. */
const char *cli_nearest_noun(const char *word);
const char *cli_nearest_verb(const char *noun, const char *word);

void cli_help(const struct cli_command *command, FILE *out);
void cli_help_noun(const char *noun, FILE *out);
void cli_help_all(FILE *out);

/* Values (value.c). */
enum sp_status cli_read_duration(const char *text, int64_t *ret_s, struct sp_error *error) SP_MUST_USE;
enum sp_status cli_read_time(const char *text, int64_t now_s, int64_t *ret_s, struct sp_error *error) SP_MUST_USE;
enum sp_status cli_read_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                              struct sp_error *error) SP_MUST_USE;

/* Puts a value at a dotted path, making the objects on the way; appends where `append`. Takes the value's reference. */
enum sp_status cli_put(json_t *request, const char *path, json_t *value, bool append) SP_MUST_USE;
/* What stands at a dotted path; borrowed, NULL for nothing. */
json_t *cli_at(const json_t *json, const char *path);

#endif
