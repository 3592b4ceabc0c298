/* Starting threads. Any thread. */
#ifndef SP_BASE_THREAD_H
#define SP_BASE_THREAD_H

#include <pthread.h>

#include "base/status.h"

/* Starts a thread that is to be joined. The format says what it is, as the end of "cannot start …".
 * SP_ERR_IO. */
enum sp_status sp_thread_start(pthread_t *ret_thread, void *(*run)(void *context), void *context,
                               struct sp_error *error, const char *format, ...) SP_PRINTF(5, 6) SP_MUST_USE;

#endif
