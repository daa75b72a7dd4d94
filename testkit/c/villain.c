/* A plugin with one vice, chosen by -DVICE_... Whatever it does wrong, only its line fails, and the
 * run continues. Without a vice it is a method that says that it is unavailable. */
#define _GNU_SOURCE
#include "dsnap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

static void say(const struct dsnap_request *request, uint32_t kind, struct dsnap_bytes text)
{
    request->caller->say(request->caller->context, kind, text);
}

/* Copies a file of /proc to a file in the storage directory. */
static void note(const struct dsnap_request *request, const char *from, const char *name)
{
    char path[4096], piece[4096];
    ssize_t count;
    snprintf(path, sizeof path, "%.*s/%s", (int)request->storage.len,
             (const char *)request->storage.data, name);
    int in = open(from, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    while ((count = read(in, piece, sizeof piece)) > 0 && write(out, piece, (size_t)count) > 0)
        ;
    close(in);
    close(out);
}

/* Leaves a process behind, in this process group or detached from it. Returns once a file in the
 * storage directory contains its process id. */
static void leave_behind(const struct dsnap_request *request, int detached)
{
    int ready[2];
    char byte;
    if (pipe(ready))
        abort();
    if (fork() == 0) {
        if (detached)
            setsid();
        note(request, "/proc/self/stat", "child");
        /* In case nobody ends it. */
        alarm(300);
        while (write(ready[1], "", 1) > 0)
            pause();
    }
    if (read(ready[0], &byte, 1) != 1)
        abort();
}

/* Writes the numbers of all open descriptors to a file in the storage directory. */
static void note_descriptors(const struct dsnap_request *request)
{
    char numbers[4096] = "", path[4096];
    size_t filled = 0;
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            filled += (size_t)snprintf(numbers + filled, sizeof numbers - filled, "%d\n", fd);
    snprintf(path, sizeof path, "%.*s/fds", (int)request->storage.len,
             (const char *)request->storage.data);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dprintf(out, "%s", numbers);
    close(out);
}

#ifdef VICE_WAITS_IN_ITS_INITIALISER
__attribute__((constructor)) static void begin(void)
{
    for (;;)
        pause();
}
#endif
#ifdef VICE_EXITS_IN_ITS_INITIALISER
__attribute__((constructor)) static void begin(void)
{
    _exit(0);
}
#endif

static int32_t enter(const struct dsnap_request *request)
{
#ifdef VICE_ABORTS
    abort();
#endif
#ifdef VICE_SEGFAULTS
    *(volatile int *)8 = 1;
#endif
#ifdef VICE_HANGS
    for (;;)
        pause();
#endif
#ifdef VICE_SPINS
    for (volatile int i = 0;; i++)
        ;
#endif
#ifdef VICE_STOPS
    raise(SIGSTOP);
#endif
#ifdef VICE_EXITS
    exit(0);
#endif
#ifdef VICE_CLOSES_ALL
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
#endif
#ifdef VICE_PRINTS
    for (int i = 0; i < 20000; i++)
        printf("%099d\n", i);
    fflush(stdout);
#endif
#ifdef VICE_ALLOCATES
    for (;;) {
        char *more = malloc(1 << 24);
        if (!more)
            abort();
        memset(more, 1, 1 << 24);
    }
#endif
#ifdef VICE_CHANGES_THE_PROCESS
    sigset_t all;
    sigfillset(&all);
    if (chdir("/proc") || sigprocmask(SIG_SETMASK, &all, NULL))
        abort();
    signal(SIGTERM, SIG_DFL);
    umask(0777);
    setenv("SNAPSHOT_CODE", "stolen", 1);
#endif
#ifdef VICE_LEAVES_A_CHILD
    leave_behind(request, 0);
#endif
#ifdef VICE_LEAVES_A_DAEMON
    leave_behind(request, 1);
#endif
#ifdef VICE_TALKS_ON
    static const struct dsnap_bytes words = BYTES("one hundred bottles of beer");
    for (int i = 0; i < 40000; i++) {
        say(request, DSNAP_SAY_WORDS, words);
        say(request, DSNAP_SAY_HINT, words);
        request->caller->progress(request->caller->context, (uint64_t)i, 40000, words);
    }
    static const struct dsnap_bytes at_last = BYTES("not with me");
    say(request, DSNAP_SAY_REASON, at_last);
    return DSNAP_REFUSED;
#endif
#ifdef VICE_WAITS_UNTIL_ASKED_TO_STOP
    const struct timespec while_ = {.tv_nsec = 10000000};
    note(request, "/proc/self/stat", "begun");
    while (!request->caller->shall_stop(request->caller->context))
        nanosleep(&while_, NULL);
    note(request, "/proc/self/stat", "asked");
#endif
#ifdef VICE_TALKS
    static char much[1 << 21];
    memset(much, 'm', sizeof much);
    const struct dsnap_bytes unit = BYTES("things"), all = {(const uint8_t *)much, 30000};
    for (uint64_t i = 0; i < 40000; i++)
        request->caller->progress(request->caller->context, i, 0, unit);
    for (int i = 0; i < 60; i++)
        say(request, DSNAP_SAY_WORDS, all);
    say(request, DSNAP_SAY_REASON, all);
    return DSNAP_REFUSED;
#endif
#ifdef VICE_SAYS_NONSENSE
    static const struct dsnap_bytes nonsense = BYTES("\x1b[31mred\xff\n\a and more");
    say(request, DSNAP_SAY_WORDS, nonsense);
    say(request, 77, nonsense);
    say(request, DSNAP_SAY_HINT, nonsense);
    say(request, DSNAP_SAY_REASON, nonsense);
    return DSNAP_FAILED;
#endif
#ifdef VICE_RETURNS_NONSENSE
    return -559038737;
#endif
#if defined VICE_LOOKS_AROUND || defined VICE_CHECKS
    note(request, "/proc/self/status", "status");
    note(request, "/proc/self/stat", "stat");
    note_descriptors(request);
#endif
    static const struct dsnap_bytes why = BYTES("not today");
    say(request, DSNAP_SAY_REASON, why);
    return DSNAP_UNAVAILABLE;
}

static int32_t leave(const struct dsnap_request *request)
{
    return request->size ? DSNAP_LEFT : DSNAP_FAILED;
}

static int32_t status(const struct dsnap_request *request)
{
    return request->size ? DSNAP_CANNOT_TELL : DSNAP_REFUSED;
}

#ifdef VICE_CHECKS
/* Returns the number that the vice gives: -DVICE_CHECKS=7. */
static uint32_t check_words(const struct dsnap_request *request)
{
    return request->size ? (uint32_t)VICE_CHECKS : 0;
}
#elif defined VICE_LABELS_NONSENSE
static uint32_t check_words(const struct dsnap_request *request)
{
    static char much[1 << 14] = "\x1b[31mred\xff\nand ";
    size_t begun = strlen(much);
    memset(much + begun, 'm', sizeof much - begun);
    const struct dsnap_bytes label = {(const uint8_t *)much, sizeof much};
    say(request, DSNAP_SAY_LABEL, label);
    return DSNAP_WORDS_USABLE;
}
#elif defined VICE_LABELS_NOTHING
static uint32_t check_words(const struct dsnap_request *request)
{
    static const struct dsnap_bytes label = BYTES(" ");
    say(request, DSNAP_SAY_LABEL, label);
    return DSNAP_WORDS_USABLE;
}
#endif

static const struct dsnap_method method = {
#ifdef VICE_SHORT_METHOD
    .size = offsetof(struct dsnap_method, status),
#else
    .size = sizeof(struct dsnap_method),
#endif
#ifdef VICE_NO_NAME
    .name = BYTES("../villain"),
#elif defined VICE_OTHER_NAME
    .name = BYTES("somebody"),
#else
    .name = BYTES("villain"),
#endif
    .version = BYTES("1\x1b[2J"),
    .works_with = DSNAP_WORKS_WITH_OWNER,
    .enter = enter,
    .leave = leave,
#ifndef VICE_NO_FUNCTION
    .status = status,
#endif
#if defined VICE_CHECKS || defined VICE_LABELS_NONSENSE || defined VICE_LABELS_NOTHING
    .check_words = check_words,
#endif
};
static const struct dsnap_method *const methods[] = {&method};
static const struct dsnap_library library = {
#ifdef VICE_OTHER_ABI
    .abi_version = DSNAP_ABI_VERSION + 6,
#else
    .abi_version = DSNAP_ABI_VERSION,
#endif
#ifdef VICE_SHORT_LIBRARY
    .size = 8,
#else
    .size = sizeof(struct dsnap_library),
#endif
#ifndef VICE_NO_METHODS
    .method_count = 1,
#endif
    .methods = methods,
};

#ifdef VICE_NO_SYMBOL
const struct dsnap_library *another_entry(void);
const struct dsnap_library *another_entry(void)
#else
const struct dsnap_library *dsnap_entry(void)
#endif
{
#ifdef VICE_NO_TABLE
    return library.size ? NULL : &library;
#else
    return &library;
#endif
}
