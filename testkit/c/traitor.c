/* A plugin that really enters and leaves, by asking a Zope on this machine: `traitor PORT`. With
 * -DVICE_... it does one thing wrong after it has entered. The run must leave the snapshot anyway. */
#define _GNU_SOURCE
#include "dsnap.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

static int connected(const struct dsnap_request *request)
{
    char port[8] = "";
    memcpy(port, request->words[0].data, request->words[0].len % sizeof port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int zope = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(zope, (const struct sockaddr *)&address, sizeof address))
        abort();
    return zope;
}

/* Calls a method of the toolkit with the code. Returns whether the answer is a success. */
static int asked(const struct dsnap_request *request, const char *method)
{
    char body[1024], answer[1 << 14];
    size_t filled = 0;
    ssize_t count;
    int zope = connected(request);
    int length = snprintf(body, sizeof body,
                          "<?xml version='1.0'?><methodCall><methodName>%s</methodName><params>"
                          "<param><value><string>%.*s</string></value></param></params></methodCall>",
                          method, (int)request->code.len, (const char *)request->code.data);
    dprintf(zope,
            "POST /DSToolkit HTTP/1.0\r\nAuthorization: Basic YWRtaW46YWRtaW5wYXNz\r\n"
            "Content-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s",
            length, body);
    while ((count = read(zope, answer + filled, sizeof answer - 1 - filled)) > 0)
        filled += (size_t)count;
    answer[filled] = 0;
    close(zope);
    return strstr(answer, "<nil") != NULL;
}

/* Returns the path of a file in the storage directory. */
static const char *beside(const struct dsnap_request *request, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%.*s/%s", (int)request->storage.len,
             (const char *)request->storage.data, name);
    return path;
}

static int32_t enter(const struct dsnap_request *request)
{
    int entered = asked(request, "enterSnapshot");
#ifdef VICE_DIES_AFTER_ENTERING
    if (entered)
        abort();
#endif
    return entered ? DSNAP_HELD : DSNAP_FAILED;
}

static int32_t leave(const struct dsnap_request *request)
{
#ifdef VICE_CANNOT_LEAVE
    abort();
#endif
#ifdef VICE_LEAVES_ONCE
    static const struct dsnap_bytes why = BYTES("not a second time");
    if (mkdir(beside(request, "left"), 0755)) {
        request->caller->say(request->caller->context, DSNAP_SAY_REASON, why);
        return DSNAP_FAILED;
    }
#endif
#ifdef VICE_LEAVES_SLOWLY
    FILE *says = fopen(beside(request, "says"), "w"), *waits;
    fprintf(says, "%d\n", getpid());
    fclose(says);
    waits = fopen(beside(request, "waits"), "r");
    if (fgetc(waits) != 'g')
        abort();
#endif
    int left = asked(request, "leaveSnapshot");
#ifdef VICE_DIES_AFTER_LEAVING
    abort();
#endif
    return left ? DSNAP_LEFT : DSNAP_FAILED;
}

static int32_t status(const struct dsnap_request *request)
{
    return request->size ? DSNAP_CANNOT_TELL : DSNAP_REFUSED;
}

#ifdef VICE_HIDES_ITS_SECOND_WORD
/* No vice: the second word is a password, so messages name the line without it. */
static uint32_t check_words(const struct dsnap_request *request)
{
    static const struct dsnap_bytes why = BYTES("`traitor` takes PORT PASSWORD");
    if (request->word_count != 2) {
        request->caller->say(request->caller->context, DSNAP_SAY_REASON, why);
        return 0;
    }
    request->caller->say(request->caller->context, DSNAP_SAY_LABEL, request->words[0]);
    return DSNAP_WORDS_USABLE | DSNAP_WORDS_NO_RELATIVE_FILES;
}
#endif

static const struct dsnap_method method = {
    .size = sizeof(struct dsnap_method),
    .name = BYTES("traitor"),
    .version = BYTES("1"),
    .works_with = DSNAP_WORKS_WITH_OWNER,
    .flags = DSNAP_NEVER_CLOSES,
    .enter = enter,
    .leave = leave,
    .status = status,
#ifdef VICE_HIDES_ITS_SECOND_WORD
    .check_words = check_words,
#endif
};
static const struct dsnap_method *const methods[] = {&method};
static const struct dsnap_library library = {
    .abi_version = DSNAP_ABI_VERSION,
    .size = sizeof(struct dsnap_library),
    .method_count = 1,
    .methods = methods,
};

const struct dsnap_library *dsnap_entry(void)
{
    return &library;
}
