/* The example of sallyport.h as a program: asks one question of a store and says the answer.
 * Compiled and run by the tests. Usage: example STORE KEY_FILE IP TYPE ID ACTION */
#include <sallyport.h>
#include <stdio.h>
#include <string.h>

static struct sallyport_text text(const char *terminated) {
    return (struct sallyport_text){terminated, strlen(terminated)};
}

static int ask(struct sallyport_store *store, const char *key, char **words) {
    char message[SALLYPORT_MESSAGE_BYTES];
    struct sallyport_reader *reader;
    if (sallyport_reader_open(store, &reader, message) != SALLYPORT_OK) {
        fprintf(stderr, "example: %s\n", message);
        return 2;
    }
    struct sallyport_question question = {.api_key = text(key),
                                          .ip = text(words[0]),
                                          .type = text(words[1]),
                                          .id = text(words[2]),
                                          .action = text(words[3])};
    struct sallyport_answer answer;
    enum sallyport_status status = sallyport_check(reader, &question, &answer);
    if (status == SALLYPORT_OK)
        printf("%s %s %u\n", answer.allowed ? "ALLOW" : "DENY", sallyport_reason_name(answer.reason),
               (unsigned)answer.http_status);
    sallyport_reader_close(reader);
    return status == SALLYPORT_OK ? !answer.allowed : 2;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: example STORE KEY_FILE IP TYPE ID ACTION\n");
        return 2;
    }
    char key[512] = "";
    FILE *file = fopen(argv[2], "r");
    if (file == NULL || fgets(key, sizeof(key), file) == NULL) {
        fprintf(stderr, "example: cannot read %s\n", argv[2]);
        return 2;
    }
    fclose(file);
    key[strcspn(key, "\n")] = '\0';

    char message[SALLYPORT_MESSAGE_BYTES];
    struct sallyport_store *store;
    if (sallyport_open(argv[1], &store, message) != SALLYPORT_OK) {
        fprintf(stderr, "example: %s\n", message);
        return 2;
    }
    int result = ask(store, key, argv + 3);
    sallyport_close(store);
    return result;
}
