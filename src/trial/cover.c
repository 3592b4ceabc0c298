#include "trial/cover.h"

#include <stdlib.h>

/* What is counted of each: how many there are, how many were reached, and a line for each that was
 * not. */
struct tally {
    size_t there, reached;
    FILE *missing;
};

static void count_reached(struct tally *tally, bool reached, const char *before, const char *what, struct sp_str more) {
    tally->there++;
    tally->reached += reached;
    if (!reached)
        (void)fprintf(tally->missing, "    %s%s%s%.*s\n", before, what, more.size > 0 ? " " : "", SP_STR_ARG(more));
}

static bool is_asked(const struct sp_trial_run *run, size_t i) {
    return run->chosen[run->spec->questions[i].test];
}

/* An action is reached by one question that is allowed and one that is denied. */
static void tally_actions(const struct sp_trial_run *run, struct tally *tally) {
    for (size_t t = 0; t < run->schema->type_count; t++) {
        const struct sp_schema_type *type = &run->schema->types[t];
        for (size_t a = 0; a < type->action_count; a++) {
            bool allowed = false, denied = false;
            for (size_t i = 0; i < run->spec->question_count; i++) {
                const struct sp_trial_answer *answer = &run->answers[i];
                if (!is_asked(run, i) || !sp_str_equal(answer->type, type->name) ||
                    !sp_str_equal(answer->action, type->actions[a].name))
                    continue;
                allowed |= answer->reason == SP_REASON_ALLOWED;
                denied |= answer->reason != SP_REASON_ALLOWED;
            }
            count_reached(tally, allowed && denied,
                          !allowed && !denied ? "never asked: "
                          : allowed           ? "never denied: "
                                              : "never allowed: ",
                          type->name.data, type->actions[a].name);
        }
    }
}

/* A role is reached if it decided something. */
static void tally_roles(const struct sp_trial_run *run, struct tally *tally) {
    for (enum sp_role role = SP_ROLE_VIEWER; role <= SP_ROLE_ADMIN; role++) {
        bool reached = false;
        for (size_t i = 0; i < run->spec->question_count; i++)
            reached |= is_asked(run, i) && run->answers[i].role == role;
        count_reached(tally, reached, "had by nobody: ", sp_role_name(role), (struct sp_str){0});
    }
}

static void tally_routes(const struct sp_trial_run *run, struct tally *tally) {
    for (size_t r = 0; r < run->schema->route_count; r++) {
        const struct sp_route *route = &run->schema->routes[r];
        bool reached = false;
        for (size_t i = 0; i < run->spec->question_count; i++)
            reached |= is_asked(run, i) && run->answers[i].route == route;
        char method[16];
        (void)snprintf(method, sizeof(method), "%.*s", SP_STR_ARG(route->method));
        count_reached(tally, reached, "not requested: ", method, route->path);
    }
}

/* Each reason that a policy can give. */
static void tally_gates(const struct sp_trial_run *run, struct tally *tally) {
    static const enum sp_reason gates[] = {SP_REASON_ALLOWED,          SP_REASON_KEY_DISABLED,
                                           SP_REASON_KEY_EXPIRED,      SP_REASON_PRINCIPAL_DISABLED,
                                           SP_REASON_IP_NOT_ALLOWED,   SP_REASON_PERMISSION_MISSING,
                                           SP_REASON_RESOURCE_UNKNOWN, SP_REASON_NOT_SHARED,
                                           SP_REASON_ROLE_TOO_LOW};
    for (size_t g = 0; g < sizeof(gates) / sizeof(*gates); g++) {
        bool reached = false;
        for (size_t i = 0; i < run->spec->question_count; i++)
            reached |= is_asked(run, i) && run->answers[i].reason == gates[g];
        count_reached(tally, reached, "never the answer: ", sp_reason_name(gates[g]), (struct sp_str){0});
    }
}

void sp_trial_print_coverage(const struct sp_trial_run *run, FILE *out) {
    static const struct {
        const char *what;
        void (*tally)(const struct sp_trial_run *run, struct tally *tally);
    } kinds[] = {{"actions", tally_actions}, {"roles", tally_roles}, {"routes", tally_routes}, {"gates", tally_gates}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        char *missing = NULL;
        size_t size = 0;
        struct tally tally = {.missing = open_memstream(&missing, &size)};
        if (tally.missing == NULL)
            return;
        kinds[i].tally(run, &tally);
        (void)fclose(tally.missing);
        (void)fprintf(out, "  %-8s %zu of %zu\n%s", kinds[i].what, tally.reached, tally.there,
                      missing == NULL ? "" : missing);
        free(missing);
    }
}
