/* Callbacks of long work on a store: its findings and its progress. */
#ifndef SP_STORE_RECOVERY_REPORT_H
#define SP_STORE_RECOVERY_REPORT_H

#include <stdint.h>

/* Called now and then during long work; `total` is 0 while it is not known. May be NULL. */
typedef void sp_progress(void *context, const char *phase, uint64_t done, uint64_t total);

/* One finding, or one line of what was done. May be NULL. */
typedef void sp_verify_report(void *context, const char *finding);

#endif
