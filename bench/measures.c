#include "measures.h"

#include <math.h>

#include "results.h"

static double divide_or_nan(double a, double b) {
    return b > 0 ? a / b : NAN;
}

double measure_call_us(const json_t *line) {
    return divide_or_nan(result_number(line, "server_cpu_s") * 1e6, result_number(line, "calls"));
}

double measure_decision_us(const json_t *line) {
    return divide_or_nan(result_number(line, "server_cpu_s") * 1e6, result_number(line, "decisions"));
}

double measure_calls_per_s(const json_t *line) {
    return divide_or_nan(result_number(line, "calls"), result_number(line, "elapsed_s"));
}

double measure_decisions_per_core_s(const json_t *line) {
    return divide_or_nan(result_number(line, "decisions"), result_number(line, "server_cpu_s"));
}

double measure_p99_us(const json_t *line) {
    return result_number_in(line, "latency_ns", "p99") / 1e3;
}

double measure_private_mib(const json_t *line) {
    return result_number(line, "server_private_bytes") / 1048576;
}
