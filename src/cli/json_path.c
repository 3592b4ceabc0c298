#include "cli/json_path.h"

#include <string.h>

static json_t *find_or_add_object(json_t *parent, const char *name, size_t size) {
    char key[64];
    if (size >= sizeof(key))
        return NULL;
    memcpy(key, name, size);
    key[size] = '\0';
    json_t *found = json_object_get(parent, key);
    if (found != NULL)
        return found;
    if (json_object_set_new(parent, key, json_object()) != 0)
        return NULL;
    return json_object_get(parent, key);
}

enum sp_status sp_cli_put(json_t *request, const char *path, json_t *value, bool append) {
    json_t *at = request;
    for (const char *dot = strchr(path, '.'); dot != NULL && at != NULL; dot = strchr(path, '.')) {
        at = find_or_add_object(at, path, (size_t)(dot - path));
        path = dot + 1;
    }
    if (append && at != NULL) {
        json_t *array = json_object_get(at, path);
        if (array == NULL && json_object_set_new(at, path, json_array()) == 0)
            array = json_object_get(at, path);
        return json_array_append_new(array, value) == 0 ? SP_OK : SP_ERR_MEMORY;
    }
    return json_object_set_new(at, path, value) == 0 ? SP_OK : SP_ERR_MEMORY;
}

json_t *sp_cli_at(const json_t *json, const char *path) {
    char key[64];
    while (json != NULL) {
        size_t size = strcspn(path, ".");
        if (size >= sizeof(key))
            return NULL;
        memcpy(key, path, size);
        key[size] = '\0';
        json_t *found = json_object_get(json, key);
        if (path[size] == '\0')
            return found;
        path += size + 1;
        json = found;
    }
    return NULL;
}
