// A snapshot method in C: `line HOST:PORT`. Its server takes one line per connection (`enter CODE`,
// `leave CODE`, `status`) and answers with one line that begins with `ok`, `busy`, `gone` or `error`.
// It does the same as plugins/template does in Rust. later.c and earlier.c give it the tables of
// other releases of the interface.

#include <dsnap.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 100, CONNECT_MS = 10000, LAST_MS = 20000 };

// The server's answer. MISSING: the server was asked and did not answer.
enum answer { OK, BUSY, GONE, FAILED, MISSING };

typedef const struct dsnap_request *request;

static void say(request it, uint32_t kind, const char *format, ...) {
    char text[700];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (length > (int)sizeof text - 1) length = (int)sizeof text - 1;
    struct dsnap_bytes bytes = {(const uint8_t *)text, (uint64_t)length};
    it->caller->say(it->caller->context, kind, bytes);
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t sooner(uint64_t one, uint64_t other) { return one < other ? one : other; }

// Splits HOST:PORT in two. Returns 0 if the line has no such word.
static int address(request it, char host[256], char **port) {
    if (it->word_count != 1 || it->words[0].len > 255) return 0;
    memcpy(host, it->words[0].data, it->words[0].len);
    host[it->words[0].len] = 0;
    *port = strrchr(host, ':');
    if (*port == NULL) return 0;
    *(*port)++ = 0;
    return 1;
}

static uint32_t check_words(request it) {
    char host[256], *port;
    if (address(it, host, &port)) return DSNAP_WORDS_USABLE;
    say(it, DSNAP_SAY_REASON, "`line` takes HOST:PORT");
    return 0;
}

// Waits for the socket, and asks now and then whether to stop. Returns 0 when the time is up. Once
// the call should stop, the server has 20 s to answer.
static int wait_for(request it, int server, short events, uint64_t end, uint64_t *last) {
    for (;;) {
        if (*last == UINT64_MAX && it->caller->shall_stop(it->caller->context))
            *last = now_ms() + LAST_MS;
        uint64_t now = now_ms(), until = sooner(end, *last);
        if (now >= until) return 0;
        struct pollfd waited = {server, events, 0};
        int ready = poll(&waited, 1, (int)sooner(until - now, LOOK_MS));
        if (ready > 0) return 1;
        if (ready < 0 && errno != EINTR) return 0;
    }
}

static int connected(request it, const char *host, const char *port, uint64_t end) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    int server = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = connect(server, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    freeaddrinfo(found);
    uint64_t last = UINT64_MAX;
    socklen_t size = sizeof error;
    if (error == EINPROGRESS && wait_for(it, server, POLLOUT, end, &last))
        getsockopt(server, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return server;
    if (server >= 0) close(server);
    return -1;
}

// Reads a line, without its newline. Returns 0 if no complete line comes.
static int read_line(request it, int server, uint64_t end, char *line, size_t size) {
    uint64_t last = UINT64_MAX;
    for (size_t length = 0; length < size - 1;) {
        if (!wait_for(it, server, POLLIN, end, &last)) return 0;
        ssize_t got = read(server, line + length, size - 1 - length);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0) return 0;
        length += (size_t)got;
        line[length] = 0;
        char *newline = strchr(line, '\n');
        if (newline != NULL) return *newline = 0, 1;
    }
    return 0;
}

static enum answer understood(request it, char *line, char words[512]) {
    static const char *const known[] = {"ok", "busy", "gone", "error"};
    char *rest = strchr(line, ' ');
    if (rest != NULL) *rest++ = 0;
    snprintf(words, 512, "%s", rest == NULL ? "" : rest);
    for (int kind = OK; kind < MISSING; kind++) {
        if (strcmp(line, known[kind]) != 0) continue;
        if (kind != OK) say(it, DSNAP_SAY_REASON, "the server says: %s", words);
        return (enum answer)kind;
    }
    say(it, DSNAP_SAY_REASON, "the server says something strange");
    return MISSING;
}

// Sends a question and reads the answer. Says the reason if the answer is not OK.
static enum answer ask(request it, const char *verb, struct dsnap_bytes code, char words[512]) {
    char host[256], *port, line[512];
    if (!address(it, host, &port)) return FAILED;
    uint64_t end = it->time_left_ms == DSNAP_NO_LIMIT ? UINT64_MAX : now_ms() + it->time_left_ms;
    int server = connected(it, host, port, sooner(end, now_ms() + CONNECT_MS));
    if (server < 0) {
        say(it, DSNAP_SAY_REASON, "no server answers at %s:%s", host, port);
        return GONE;
    }
    const char *data = code.len == 0 ? "" : (const char *)code.data;
    int length = snprintf(line, sizeof line, "%s %.*s\n", verb, (int)code.len, data);
    int answered = send(server, line, (size_t)length, MSG_NOSIGNAL) == length
        && read_line(it, server, end, line, sizeof line);
    close(server);
    if (answered) return understood(it, line, words);
    say(it, DSNAP_SAY_REASON, "%s:%s was asked and gave no answer", host, port);
    return MISSING;
}

static int32_t enter(request it) {
    char words[512];
    switch (ask(it, "enter", it->code, words)) {
    case OK: return DSNAP_HELD;
    case BUSY: return DSNAP_BUSY;
    case GONE: return DSNAP_UNAVAILABLE;
    case FAILED: return DSNAP_FAILED;
    default: return DSNAP_UNKNOWN; // the server was asked: never say "failed"
    }
}

static int32_t not_left(enum answer answer) {
    return answer == OK ? DSNAP_LEFT : answer == BUSY ? DSNAP_BUSY
        : answer == GONE ? DSNAP_UNAVAILABLE : DSNAP_FAILED;
}

// Looks first at the code of the snapshot: leaving twice is not an error, and a snapshot with another
// code is never touched.
static int32_t leave(request it) {
    char words[512], ours[128];
    enum answer answer = ask(it, "status", (struct dsnap_bytes){0}, words);
    if (answer != OK) return not_left(answer);
    snprintf(ours, sizeof ours, "user/%.*s", (int)it->code.len, (const char *)it->code.data);
    return strcmp(words, ours) == 0 ? not_left(ask(it, "leave", it->code, words)) : DSNAP_LEFT;
}

static int32_t status(request it) {
    char words[512];
    switch (ask(it, "status", (struct dsnap_bytes){0}, words)) {
    case OK: break;
    case BUSY: return DSNAP_BUSY;
    case FAILED: return DSNAP_REFUSED;
    default: return DSNAP_UNAVAILABLE;
    }
    if (strcmp(words, "in no snapshot") == 0) return DSNAP_COULD_ENTER;
    if (strncmp(words, "user/", 5) == 0) return say(it, DSNAP_SAY_CODE, "%s", words), DSNAP_IS_HELD;
    return say(it, DSNAP_SAY_REASON, "the server is %s", words), DSNAP_BUSY;
}

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define FIRST_FIELDS(size) \
    size, BYTES("line"), BYTES("1.0"), DSNAP_WORKS_WITH_OWNER, DSNAP_NEVER_CLOSES, enter, leave, status

#ifndef OTHER_TABLES
static const struct dsnap_method method = {FIRST_FIELDS(sizeof method), check_words};
static const struct dsnap_method *const methods[] = {&method};
static const struct dsnap_library library = {DSNAP_ABI_VERSION, sizeof library, 1, methods};

const struct dsnap_library *dsnap_entry(void) { return &library; }
#endif
