/* sallyport whoami, completion */
#include "cli/call.h"
#include "cli/command_rows.h"
#include "cli/completion.h"

static int run_completion(struct cli_call *call) {
    sp_cli_write_completion(call->tables, sp_cli_local(call, "shell"), stdout);
    return CLI_OK;
}

const struct cli_command sp_cli_self_commands[] = {
    {.noun = "whoami",
     .summary = "Show whose key you act with, and what it may do.",
     .method = "WhoAmI",
     .columns = "who=actor.id:raw,kind=actor.kind,key=actor.keyId:raw,workspace=workspace.id:raw,role=principal.role,"
                "permissions=apiKey.permissions,allowed "
                "ips=apiKey.allowedIps,expires=apiKey.expiresAt:time,from=address:raw,revision=revision",
     .example = "  sallyport whoami"},
    {.noun = "completion",
     .summary = "Print a completion script for bash, zsh or fish.",
     .acts = "no key",
     .details = "In zsh, write it to _sallyport in a folder of $fpath, or source it after compinit.",
     .example = "  sallyport completion fish > ~/.config/fish/completions/sallyport.fish\n"
                "  sallyport completion zsh > ~/.zfunc/_sallyport\n"
                "  source <(sallyport completion bash)",
     .positionals = {{.name = "shell",
                      .kind = CLI_LOCAL,
                      .choices = "bash|zsh|fish",
                      .value = "SHELL",
                      .help = "bash, zsh or fish",
                      .required = true}},
     .run = run_completion},
    {.noun = NULL},
};
