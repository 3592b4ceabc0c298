#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/failure_words.h"
#include "cli/print.h"

bool sp_cli_wants_colour(FILE *out) {
    return sp_cli_has_screen(fileno(out)) && getenv("NO_COLOR") == NULL;
}

void sp_cli_write_error(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer, bool colour,
                        FILE *out) {
    struct cli_failure failure;
    sp_cli_explain_failure(call, error, peer, &failure);
    (void)fprintf(out, "%ssallyport:%s ", colour ? "\033[31m" : "", colour ? "\033[0m" : "");
    sp_cli_put_text(failure.what, out);
    (void)fprintf(out, " (%s)\n", sp_status_name(error->status));
    if (failure.cure[0] == '\0')
        return;
    sp_cli_put_text(failure.cure, out);
    (void)fputc('\n', out);
}

static enum cli_peer probe_asked(const struct cli_call *call) {
    struct cli_address address;
    struct sp_error ignored;
    if (sp_cli_read_address(call->asked_target, call->asked->set_by, call->asked->port, &address, &ignored) != SP_OK)
        return CLI_PEER_UNKNOWN;
    return sp_cli_probe(&address);
}

int sp_cli_report_error(const struct cli_call *call, const struct sp_error *error) {
    enum cli_peer peer = sp_cli_is_unreachable(call, error) ? probe_asked(call) : CLI_PEER_UNKNOWN;
    (void)fflush(stdout); /* what came before stands before the error where both go to one file */
    sp_cli_write_error(call, error, peer, sp_cli_wants_colour(stderr), stderr);
    return CLI_ERROR;
}
