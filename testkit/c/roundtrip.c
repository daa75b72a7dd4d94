/* A second program beside dsnap. It loads a library, makes the handshake of docs/abi.md, makes each
 * call once, and prints the results. Built with sanitizers, it finds memory errors in a library or in
 * the interface: everything it passes is allocated in its exact size, and freed after the call.
 *
 * roundtrip LIBRARY [WORD]... */
#define _POSIX_C_SOURCE 200809L
#include "dsnap.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 0x5eed

/* The context that a library must pass to the callbacks. */
struct context {
    int mark;
    int asked;
};

static void fail(const char *what)
{
    fprintf(stderr, "roundtrip: %s\n", what);
    exit(1);
}

static void check(int holds, const char *what)
{
    if (!holds)
        fail(what);
}

static void print(struct dsnap_bytes bytes)
{
    check(bytes.data != NULL || bytes.len == 0, "bytes without an address");
    fwrite(bytes.data ? (const char *)bytes.data : "", 1, bytes.len, stdout);
}

static struct context *mine(void *context)
{
    check(context != NULL && ((struct context *)context)->mark == CONTEXT, "a foreign context");
    return context;
}

static void say(void *context, uint32_t kind, struct dsnap_bytes text)
{
    static const char *const kinds[] = {"?", "words", "reason", "hint", "code", "label"};
    mine(context);
    check(kind >= DSNAP_SAY_WORDS && kind <= DSNAP_SAY_TRACE, "an unknown kind");
    if (kind == DSNAP_SAY_TRACE) /* each library says there what it likes */
        return;
    printf("  %s: ", kinds[kind]);
    print(text);
    printf("\n");
}

static void progress(void *context, uint64_t done, uint64_t of, struct dsnap_bytes unit)
{
    mine(context);
    check(of == 0 || done <= of, "more done than there is");
    printf("  progress: %llu of %llu ", (unsigned long long)done, (unsigned long long)of);
    print(unit);
    printf("\n");
}

static uint32_t shall_stop(void *context)
{
    mine(context)->asked++;
    return 0;
}

/* Copies a text without a NUL behind it, so that reading one byte too many is noticed. */
static struct dsnap_bytes bytes(const char *text)
{
    struct dsnap_bytes made = {NULL, strlen(text)};
    if (made.len > 0) {
        uint8_t *copy = malloc(made.len);
        check(copy != NULL, "no memory");
        memcpy(copy, text, made.len);
        made.data = copy;
    }
    return made;
}

static void give_back(struct dsnap_bytes bytes)
{
    free((void *)bytes.data);
}

/* Makes one call, with a request of its own that is freed afterwards. */
static long call(int32_t (*function)(const struct dsnap_request *),
                 uint32_t (*check_words)(const struct dsnap_request *), const char *code,
                 int word_count, char **words)
{
    struct context *context = malloc(sizeof *context);
    struct dsnap_caller *caller = malloc(sizeof *caller);
    struct dsnap_request *request = malloc(sizeof *request);
    struct dsnap_bytes *copies = word_count > 0 ? malloc(word_count * sizeof *copies) : NULL;
    check(context && caller && request && (copies || word_count == 0), "no memory");
    for (int i = 0; i < word_count; i++)
        copies[i] = bytes(words[i]);
    *context = (struct context){CONTEXT, 0};
    *caller = (struct dsnap_caller){sizeof *caller, context, say, progress, shall_stop};
    *request = (struct dsnap_request){sizeof *request, bytes("/srv/ds"), bytes("/srv/ds/config"),
                                      copies, (uint64_t)word_count, bytes(code), 5000, caller, 5000, 0};
    long result = function ? (long)function(request) : (long)check_words(request);
    check(request->size == sizeof *request && caller->size == sizeof *caller, "it wrote to us");
    check(request->words == copies && request->caller == caller, "it wrote to us");
    for (int i = 0; i < word_count; i++)
        give_back(copies[i]);
    give_back(request->storage);
    give_back(request->conf_folder);
    give_back(request->code);
    free(copies);
    free(request);
    free(caller);
    free(context);
    return result;
}

/* Makes the handshake and returns the library's table. Each step makes the next one safe. */
static const struct dsnap_library *shake_hands(const char *file)
{
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fail(dlerror());
    const struct dsnap_library *(*entry)(void);
    void *symbol = dlsym(handle, "dsnap_entry");
    check(symbol != NULL, "no dsnap_entry");
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no other way */
    const struct dsnap_library *library = entry();
    check(library != NULL, "no table");
    check(library == entry(), "another table each time");
    check(library->abi_version == DSNAP_ABI_VERSION, "another version");
    check(library->size >= sizeof *library, "a table that is too small");
    check(library->method_count > 0 && library->methods != NULL, "no method");
    return library;
}

static void try_method(const struct dsnap_method *method, int word_count, char **words)
{
    check(method != NULL && method->size >= offsetof(struct dsnap_method, check_words), "too small");
    check(method->enter && method->leave && method->status, "a function is missing");
    printf("method ");
    print(method->name);
    printf(", works with %u, flags %u\n", method->works_with, method->flags);
    if (method->size >= sizeof *method && method->check_words) {
        printf("check_words: %ld\n", call(NULL, method->check_words, "", word_count, words));
        printf("check_words, none: %ld\n", call(NULL, method->check_words, "", 0, NULL));
    }
    printf("enter: %ld\n", call(method->enter, NULL, "roundtrip-1", word_count, words));
    printf("status: %ld\n", call(method->status, NULL, "roundtrip-1", word_count, words));
    printf("leave: %ld\n", call(method->leave, NULL, "roundtrip-1", word_count, words));
    printf("leave again: %ld\n", call(method->leave, NULL, "roundtrip-1", word_count, words));
    printf("enter, no words: %ld\n", call(method->enter, NULL, "roundtrip-1", 0, NULL));
}

int main(int argc, char **argv)
{
    check(argc >= 2, "usage: roundtrip LIBRARY [WORD]...");
    const struct dsnap_library *library = shake_hands(argv[1]);
    for (uint64_t i = 0; i < library->method_count; i++)
        try_method(library->methods[i], argc - 2, argv + 2);
    return 0;
}
