/* A second, naive implementation of the decision: plain lists, and loops over all of them. No
 * index, no code of src/; slow and easy to believe. Tests keep a model in parallel with a real
 * store and compare the answers. */
#ifndef TEST_SUPPORT_MODEL_H
#define TEST_SUPPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_ID = 72, MODEL_RESOURCE_ID = 264, MODEL_NAMES = 8, MODEL_RANGES = 8 };

struct model_workspace {
    char id[MODEL_ID];
    bool disabled;
};

struct model_principal {
    char workspace[MODEL_ID];
    char id[MODEL_ID];
    bool service_account;
    bool admin;
    bool disabled;
};

struct model_group {
    char workspace[MODEL_ID];
    char id[MODEL_ID];
};

struct model_member {
    char workspace[MODEL_ID];
    char group[MODEL_ID];
    char principal[MODEL_ID];
};

struct model_resource {
    char workspace[MODEL_ID];
    char type[MODEL_ID];
    char id[MODEL_RESOURCE_ID];
};

struct model_grant {
    char workspace[MODEL_ID];
    char type[MODEL_ID];
    char resource[MODEL_RESOURCE_ID];
    bool to_group;
    char subject[MODEL_ID];
    int role; /* 1 viewer to 4 admin */
};

struct model_key {
    char workspace[MODEL_ID];
    char id[MODEL_ID];
    char principal[MODEL_ID];
    char text[96];
    bool all;
    char permissions[MODEL_NAMES][MODEL_ID];
    size_t permission_count;
    char ranges[MODEL_RANGES][64]; /* "address/prefix", IPv4 or IPv6 */
    size_t range_count;
    int64_t expires_at; /* 0: never */
    bool disabled;
};

struct model_action {
    const char *type;
    const char *name;
    const char *permission; /* NULL: none */
    int role;               /* 0: none */
    bool workspace_scoped;
};

/* Lists of what exists; what is deleted is removed. */
struct model {
    const struct model_action *actions;
    size_t action_count;
    struct model_workspace *workspaces;
    size_t workspace_count;
    struct model_principal *principals;
    size_t principal_count;
    struct model_group *groups;
    size_t group_count;
    struct model_member *members;
    size_t member_count;
    struct model_resource *resources;
    size_t resource_count;
    struct model_grant *grants;
    size_t grant_count;
    struct model_key *keys;
    size_t key_count;
};

struct model_question {
    const char *key; /* the text presented */
    const char *ip;  /* "": not given */
    const char *type;
    const char *resource; /* "": none */
    const char *action;
    const char *workspace; /* asserted; "": none */
};

/* The reason's number as in sallyport.v1.Reason. */
int model_decide(const struct model *model, const struct model_question *question, int64_t now_s);

/* Appends an item of `size` bytes to a list that grows; returns the new item, zeroed. Aborts when
 * out of memory. */
void *model_append(void *list, size_t *count, size_t size);
/* Removes item i; the last one takes its place. */
void model_take_out(void *list, size_t *count, size_t size, size_t i);

/* Deletions, with everything that depends on what is deleted. */
void model_delete_principal(struct model *model, const char *workspace, const char *id);
void model_delete_group(struct model *model, const char *workspace, const char *id);
void model_delete_resource(struct model *model, const char *workspace, const char *type, const char *id);
void model_set_member(struct model *model, const char *workspace, const char *group, const char *principal,
                      bool member);
/* role 0 removes the grant. */
void model_set_grant(struct model *model, const struct model_grant *grant);

void model_free(struct model *model);

#endif
