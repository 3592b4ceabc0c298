/* Without libFuzzer: gives every file named, and every file of the folders named, to the target, so
 * that the corpus is an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return -1;
    long size = ftell(file);
    rewind(file);
    uint8_t *data = size < 0 ? NULL : malloc(size > 0 ? (size_t)size : 1);
    int result = -1;
    if (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size)
        result = LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    fclose(file);
    return result;
}

static void replay_or_exit(const char *path) {
    if (replay_file(path) != 0) {
        fprintf(stderr, "cannot replay %s\n", path);
        exit(1);
    }
}

/* A folder, or one file. */
static size_t replay(const char *name) {
    DIR *entries = opendir(name);
    if (entries == NULL) {
        replay_or_exit(name);
        return 1;
    }
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
        replay_or_exit(path);
        count++;
    }
    closedir(entries);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    fprintf(stderr, "%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
