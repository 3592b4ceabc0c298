/* The page of metrics of a program, and what else its ports say about it. Every helper asserts. */
#ifndef TEST_SUPPORT_METRICS_PAGE_H
#define TEST_SUPPORT_METRICS_PAGE_H

#include "support/process.h"

/* The ports that it logged. */
int http_port(struct process *process);
int metrics_port(struct process *process);

/* The page; the caller frees. */
char *scrape(struct process *process);
/* The value of a sample, named as it stands in the page; -1 where it is not there. */
double sample(const char *page, const char *name);
void assert_sample(const char *page, const char *name, double wanted);

#endif
