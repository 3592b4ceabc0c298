#include "trial/screen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sp_trial_wants_colour(void) {
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL && (term == NULL || strcmp(term, "dumb") != 0);
}
