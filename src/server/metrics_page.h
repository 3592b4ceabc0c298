/* The page of /metrics. */
#ifndef SP_SERVER_METRICS_PAGE_H
#define SP_SERVER_METRICS_PAGE_H

#include "observe/metrics.h"
#include "server/service.h"

/* Gathers what is known only on request, and writes the page. On the HTTP server's thread. */
void sp_server_metrics_page(struct sp_service *service, struct sp_text_out *out);

#endif
