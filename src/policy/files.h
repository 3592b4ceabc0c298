/* Policy files by their names: which there are, and what they say. Reads files; one thread. */
#ifndef SP_POLICY_FILES_H
#define SP_POLICY_FILES_H

#include "policy/read.h"

enum { SP_POLICY_FILE_MAX_BYTES = 256 << 20 };

/* Reads files, and folders with all that is in them: names that end in .yaml or .yml, in the order
 * of their names, but none that begins with a dot, no schema.yaml, and none that ends in
 * tests.yaml. "-" is standard input. Then checks the model (sp_policy_check). SP_OK even if they
 * have errors; otherwise with a message. */
enum sp_status sp_policy_read_files(const char *const *paths, size_t count, struct sp_policy *policy,
                                    struct sp_policy_errors *errors, struct sp_error *error) SP_MUST_USE;

/* All of a file in the arena. SP_ERR_NOT_FOUND; SP_ERR_INVALID: more than
 * SP_POLICY_FILE_MAX_BYTES. */
enum sp_status sp_policy_load_file(const char *path, struct sp_arena *arena, struct sp_str *ret_text,
                                   struct sp_error *error) SP_MUST_USE;

#endif
