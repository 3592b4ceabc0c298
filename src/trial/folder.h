/* Temporary folders for scratch stores. */
#ifndef SP_TRIAL_FOLDER_H
#define SP_TRIAL_FOLDER_H

#include "base/status.h"

enum { SP_TRIAL_FOLDER_BYTES = 512 };

/* Makes a folder of this user alone below TMPDIR. After a failure its name is empty. SP_ERR_IO;
 * SP_ERR_INVALID: TMPDIR is too long. */
enum sp_status sp_trial_folder_make(char ret_folder[static SP_TRIAL_FOLDER_BYTES], struct sp_error *error) SP_MUST_USE;

/* Removes it and the files in it. An empty name is allowed. */
void sp_trial_folder_remove(const char *folder);

#endif
