#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/print.h"

bool sp_cli_wants_colour(FILE *out) {
    return isatty(fileno(out)) != 0 && getenv("NO_COLOR") == NULL;
}

void sp_cli_write_error(const struct cli_call *call, const struct sp_error *error, bool colour, FILE *out) {
    (void)fprintf(out, "%ssallyport:%s ", colour ? "\033[31m" : "", colour ? "\033[0m" : "");
    /* gRPC's message begins with what it tried; the reason comes last. */
    const char *why = strrchr(error->message, ':');
    if (strncmp(error->message, "failed to connect", 17) == 0 && call->asked != NULL && why != NULL)
        (void)fprintf(out, "cannot connect to %s:", call->asked);
    else
        why = error->message;
    sp_cli_put_text(why + (*why == ':'), out);
    (void)fprintf(out, " (%s)\n", sp_status_name(error->status));
    if (error->status == SP_ERR_UNAVAILABLE && call->asked != NULL)
        (void)fprintf(out, "To call another address, use %s or a profile.\n", call->asked_by);
}

int sp_cli_report_error(const struct cli_call *call, const struct sp_error *error) {
    sp_cli_write_error(call, error, sp_cli_wants_colour(stderr), stderr);
    return CLI_ERROR;
}
