#include "support/metrics_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/http_client.h"

int http_port(struct process *process) {
    return process_port_of(process, "listening for HTTP on ");
}

int metrics_port(struct process *process) {
    return process_port_of(process, "listening for metrics on ");
}

char *scrape(struct process *process) {
    struct http_reply reply;
    http_get(metrics_port(process), "/metrics", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    char *page = strdup(reply.body);
    assert_non_null(page);
    http_reply_fini(&reply);
    return page;
}

double sample(const char *page, const char *name) {
    size_t size = strlen(name);
    for (const char *line = page; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ' ')
            return strtod(line + size + 1, NULL);
    }
    return -1;
}

void assert_sample(const char *page, const char *name, double wanted) {
    if (sample(page, name) != wanted)
        fail_msg("%s is %g and not %g", name, sample(page, name), wanted);
}
