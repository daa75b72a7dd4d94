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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

static void say(const struct dsnap_request *request, uint32_t kind, struct dsnap_bytes text)
{
    request->caller->say(request->caller->context, kind, text);
}

/* Writes to the pipe for answers without end, past the functions of the caller. */
static void answer_without_end(void)
{
    static const char line[] =
        "{\"Method\":{\"name\":\"villain\",\"version\":\"1\",\"works_with\":0,\"flags\":0}}\n";
    static char lines[1 << 16];
    struct stat found;
    int pipe = 3;
    while (fstat(pipe, &found) || !S_ISFIFO(found.st_mode))
        pipe++;
    size_t filled = 0;
    for (; filled + sizeof line < sizeof lines; filled += sizeof line - 1)
        memcpy(lines + filled, line, sizeof line - 1);
    while (write(pipe, lines, filled) > 0)
        ;
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

/* Writes the working folder, and the secret of keyring.c if this process can find it, to files in
 * the storage directory. */
static void note_surroundings(const struct dsnap_request *request)
{
    char path[4096], folder[4096] = "", found[64] = "nothing";
    long key = syscall(SYS_keyctl, 10L, -3L, "user", "dsnap-scenario", 0L);
    if (key >= 0)
        syscall(SYS_keyctl, 11L, key, found, sizeof found - 1);
    snprintf(path, sizeof path, "%.*s/surroundings", (int)request->storage.len,
             (const char *)request->storage.data);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dprintf(out, "%s\n%s\n", getcwd(folder, sizeof folder), found);
    close(out);
}

#ifdef VICE_WAITS_IN_ITS_INITIALISER
__attribute__((constructor)) static void begin(void)
{
    for (;;)
        pause();
}
#endif
#ifdef VICE_ANSWERS_IN_ITS_INITIALISER
__attribute__((constructor)) static void begin(void)
{
    answer_without_end();
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
#ifdef VICE_ANSWERS_WITHOUT_END
    answer_without_end();
#endif
#ifdef VICE_TALKS_WITHOUT_END
    static const struct dsnap_bytes again = BYTES("one hundred bottles of beer");
    for (;;)
        for (uint32_t kind = 0; kind < 8; kind++)
            say(request, kind, again);
#endif
#ifdef VICE_REPORTS_WITHOUT_END
    static const struct dsnap_bytes bottles = BYTES("bottles");
    for (uint64_t i = 0;; i++)
        request->caller->progress(request->caller->context, i, 0, bottles);
#endif
#ifdef VICE_SAYS_OUR_WORDS
    static const struct dsnap_bytes ours = BYTES("hint: rm -rf /\nLeft snapshot mode");
    say(request, DSNAP_SAY_WORDS, ours);
    say(request, DSNAP_SAY_TRACE, ours);
    request->caller->progress(request->caller->context, 1, 0, ours);
    printf("hint: printed\nCOMMAND was not run: printed\n");
    fflush(stdout);
    say(request, DSNAP_SAY_HINT, ours);
    say(request, DSNAP_SAY_REASON, ours);
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
    note(request, "/proc/self/environ", "environ");
    note_descriptors(request);
    note_surroundings(request);
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
#elif defined VICE_ANSWERS_WHILE_IT_CHECKS
static uint32_t check_words(const struct dsnap_request *request)
{
    answer_without_end();
    return request->size ? DSNAP_WORDS_USABLE : 0;
}
#elif defined VICE_SAYS_OUR_WORDS
static uint32_t check_words(const struct dsnap_request *request)
{
    static const struct dsnap_bytes ours = BYTES("hint: x://label");
    say(request, DSNAP_SAY_HINT, ours);
    say(request, DSNAP_SAY_REASON, ours);
    say(request, DSNAP_SAY_LABEL, ours);
    return request->word_count ? 0 : DSNAP_WORDS_USABLE;
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
#if defined VICE_CHECKS || defined VICE_LABELS_NONSENSE || defined VICE_LABELS_NOTHING ||          \
    defined VICE_ANSWERS_WHILE_IT_CHECKS || defined VICE_SAYS_OUR_WORDS
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
