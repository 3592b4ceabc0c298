/* The text of an argument as a value of the request. Pure but for the clock, from which "+90d"
 * counts. */
#ifndef SP_CLI_VALUE_H
#define SP_CLI_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/command.h"

/* All give SP_ERR_INVALID with what is wrong and what to write. */
enum sp_status sp_cli_read_duration(const char *text, int64_t *ret_s, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_cli_read_time(const char *text, int64_t now_s, int64_t *ret_s, struct sp_error *error) SP_MUST_USE;

/* By the argument's kind. The caller decrefs. */
enum sp_status sp_cli_read_value(const struct cli_argument *argument, const char *text, json_t **ret_value,
                                 struct sp_error *error) SP_MUST_USE;

/* Whether the text is one of "a|b|c"; '-' and '_' are the same. */
bool sp_cli_is_choice(const char *choices, const char *text, size_t size);

#endif
