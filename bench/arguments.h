/* What the commands of sallyport-bench have in common: options of a world, and numbers on the
 * command line. */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

#include "base/status.h"
#include "world.h"

enum { OPTION_KEYS = 'k', OPTION_SEED = 's' };

/* --keys and --seed; the parser's input is a struct world. */
extern const struct argp_child arguments_of_world[];

/* As argp_parse, but abbreviations of options are refused as in the other programs. */
void parse_arguments(const struct argp *argp, int argc, char **argv, void *input);

/* Ends the program with a message about its arguments, in which keys are masked (base/mask.h), and
 * points to --help. */
void refuse_argument(const struct argp_state *state, const char *format, ...) SP_PRINTF(2, 3);

/* A number within bounds; anything else ends the program with a message that begins with `what`. */
uint64_t read_number(struct argp_state *state, const char *what, const char *text, uint64_t least, uint64_t most);
double read_decimal(struct argp_state *state, const char *what, const char *text, double least, double most);

/* Whether the text is the second of two choices; anything else than the two ends the program. */
bool read_choice(struct argp_state *state, const char *what, const char *text, const char *first, const char *second);

#endif
