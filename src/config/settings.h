/* A program's options from a file: YAML that maps the options' names, without "--", to their
 * values, as the environment would have them (lists separated by commas, flags as true or false):
 *
 *   store: /var/lib/sallyport
 *   listen: 127.0.0.1:7400, unix:/run/sallyport/check.sock
 *   drain-ms: 10000
 *
 * The file is named by the table's option "config", or its environment variable. It stands below
 * the environment, and the environment below arguments. At most 64 KiB. */
#ifndef SP_CONFIG_SETTINGS_H
#define SP_CONFIG_SETTINGS_H

#include "base/arena.h"
#include "config/options.h"

/* Where the values came from. The file's texts live in it, as long as the process. */
struct sp_settings {
    struct sp_arena arena;
    struct sp_option_file file;
    enum sp_option_source sources[SP_OPTIONS_MAX];
};

/* As sp_options_read. SP_ERR_INVALID also for a file that cannot be read, with its name. */
enum sp_status sp_settings_read(const struct sp_option *table, size_t count, int argc, char **argv,
                                struct sp_settings *ret_settings, int *ret_rest, struct sp_error *error) SP_MUST_USE;

#endif
