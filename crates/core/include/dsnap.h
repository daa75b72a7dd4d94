// dsnap.h: what a library that dsnap loads and the program agree on.
//
// Generated from the Rust definitions by `cargo xtask header`: change those, not this file.
// docs/writing-a-method.md starts from an empty folder; docs/abi.md says what may change.
// Each side owns what it made. Neither side frees or changes what the other one made.

#ifndef DSNAP_H
#define DSNAP_H

#include <stddef.h>
#include <stdint.h>

struct dsnap_library;

#ifdef __cplusplus
extern "C" {
#endif

// The one function that a library exports, under this name. It returns the address of the
// library's table, which stays valid and unchanged until the process ends, or NULL if the library
// cannot work at all. It should do no more than that: the program also calls it to list the
// methods that exist.
__attribute__((visibility("default"))) const struct dsnap_library *dsnap_entry(void);

#ifdef __cplusplus
}  // extern "C"
#endif

// The version of this interface. A program loads a library only if both have the same version.
#define DSNAP_ABI_VERSION 1

// `works_with`: the method needs the server, the process that has the storage open.
#define DSNAP_WORKS_WITH_OWNER 0

// `works_with`: the method needs a storage that no process has open.
#define DSNAP_WORKS_WITH_NOBODY 1

// A flag of a method: its `enter` never closes the storage. A method that stops a server must not
// set it.
#define DSNAP_NEVER_CLOSES 1

// `time_left_ms`: the call may take as long as it makes progress.
#define DSNAP_NO_LIMIT UINT64_MAX

// A flag of a request to `leave`: this line entered, the enter is over, and `misc/snapshot` contains
// the code. So the method may ask its server to leave even if the server does not answer any other
// question.
#define DSNAP_SNAPSHOT_SEEN 1

// `enter`: the storage is in snapshot mode under the request's code, and must be left.
#define DSNAP_HELD 1

// `enter`: the storage is closed and is a snapshot as it is. There is nothing to leave.
#define DSNAP_DONE 2

// Another snapshot, a pack or a recombination is in progress. With a reason. Waiting helps.
#define DSNAP_BUSY 3

// Nobody answers: the server is not running or cannot be reached. With a reason. Waiting helps.
#define DSNAP_UNAVAILABLE 4

// The line is wrong, or a permission is missing: a person must act. With a reason.
#define DSNAP_REFUSED 5

// Something else went wrong. From `enter`: the call certainly had no effect. With a reason.
#define DSNAP_FAILED 6

// `enter`: something was sent, and its outcome is not known. With a reason.
#define DSNAP_UNKNOWN 7

// `leave`: the snapshot is left, or there was nothing to leave.
#define DSNAP_LEFT 8

// `status`: nothing is in the way of an `enter`.
#define DSNAP_COULD_ENTER 9

// `status`: the storage is in snapshot mode. The method says the code as DSNAP_SAY_CODE.
#define DSNAP_IS_HELD 10

// `status`: the method cannot look. This is not an error.
#define DSNAP_CANNOT_TELL 11

// `enter`: the server reported an error and is in no snapshot, but something between may have
// answered in its place while it goes on entering. With a reason. The line has failed, and nothing
// waits; a snapshot that arrives late is left by a later run.
#define DSNAP_LIKELY_FAILED 12

// One line of text, which the program shows with `-v`.
#define DSNAP_SAY_WORDS 1

// The reason of the result that follows: one line, a lower-case fragment without a full stop. If
// a method says several, the last one counts.
#define DSNAP_SAY_REASON 2

// What a person should do about it, in one line. Several hints are alternatives. Messages show
// them behind the label of the line, so that they are not taken for advice of the program.
#define DSNAP_SAY_HINT 3

// `status`: the code of the snapshot, as the server says it (`user/CODE`).
#define DSNAP_SAY_CODE 4

// `check_words`: how messages name the line, in one line of text. A method whose words can
// contain a password must say this, without the password. Otherwise messages show the words. If a
// method says several, the last one counts; outside of `check_words` a label has no effect. Unless
// the label begins with the name of the method, messages show the name before it.
#define DSNAP_SAY_LABEL 5

// One line of text about what the method sends or runs, or about the answer to it, which the
// program shows with `-vv`. The method leaves passwords out.
#define DSNAP_SAY_TRACE 6

// `check_words`: the words can follow the method's name.
#define DSNAP_WORDS_USABLE 1

// A flag that `check_words` may add to DSNAP_WORDS_USABLE: no word names a file relative to
// `conf_folder`. If root types such a line, the method keeps root's privileges. Without the flag
// it gets those of the storage owner, unless every word is an absolute path.
#define DSNAP_WORDS_NO_RELATIVE_FILES 2

// Text or other bytes, with their length. They need not be UTF-8, and no NUL ends them.
//
// The side that made the bytes owns them. Neither side frees or changes what the other one made.
struct dsnap_bytes {
    // The address of the first byte. May be NULL if `len` is 0.
    const uint8_t *data;
    // The number of bytes.
    uint64_t len;
};

// The caller of a method: it takes messages, and may want the call to stop.
//
// The method may call these functions from any thread, until its own function returns. They copy
// the bytes they get, so the method may free or reuse those right after the call.
struct dsnap_caller {
    // sizeof this structure, as the program knows it.
    uint64_t size;
    // The first argument of each function below. It has no meaning for the method.
    void *context;
    // Takes a line of text. `kind` is one of `DSNAP_SAY_...`; unknown kinds are ignored.
    void (*say)(void *context, uint32_t kind, struct dsnap_bytes text);
    // Takes progress: `done` of `of` units (0: not known), counted in `unit` ("files").
    void (*progress)(void *context, uint64_t done, uint64_t of, struct dsnap_bytes unit);
    // Tells whether the call should end as soon as it safely can: 0 or 1. A method that waits or
    // works must ask at least every 0.2 seconds. Once the answer is 1, the call has 20 seconds, or
    // the rest of its time if that is less.
    uint32_t (*shall_stop)(void *context);
};

// Everything that one call of a method needs.
//
// The program owns the request and everything it points to. Both are valid until the method's
// function returns. The method copies what it wants to keep longer, and writes to nothing.
struct dsnap_request {
    // sizeof this structure, as the program knows it.
    uint64_t size;
    // The storage directory, as an absolute path.
    struct dsnap_bytes storage;
    // The folder to which file names on the line are relative, as an absolute path.
    struct dsnap_bytes conf_folder;
    // The words of the line after the method's name, unquoted. NULL is allowed if the line has no words.
    const struct dsnap_bytes *words;
    // The number of words.
    uint64_t word_count;
    // The code to enter, leave or look for: 1 to 64 bytes of printable ASCII, without `user/`.
    struct dsnap_bytes code;
    // How long the call may take from its start, in milliseconds, or DSNAP_NO_LIMIT.
    uint64_t time_left_ms;
    // The caller. Never NULL.
    const struct dsnap_caller *caller;
    // How long a `leave` of this line may take, in milliseconds. An `enter` must reach what its
    // `leave` needs in this time, before it has any effect.
    uint64_t leave_time_ms;
    // Flags, added up. A method ignores flags that it does not know.
    uint64_t flags;
};

// One method of a library.
//
// The library owns the table and everything it points to. All of it stays valid and unchanged
// until the process ends; the program never unloads a library. A later release of the interface
// may add fields at the end, so an older library has a smaller `size`.
struct dsnap_method {
    // sizeof this structure, as the library knows it.
    uint64_t size;
    // The word that names the method on a line of snapshot.conf: `[a-z][a-z0-9_]*`, but not
    // `failed`, `hint` or `malformed`, with which messages of the program begin.
    struct dsnap_bytes name;
    // The method's own version, for people to read.
    struct dsnap_bytes version;
    // `DSNAP_WORKS_WITH_OWNER` or `DSNAP_WORKS_WITH_NOBODY`.
    uint32_t works_with;
    // Flags, added up. The program ignores flags that it does not know.
    uint32_t flags;
    // Puts the storage into snapshot mode under the request's code. Returns DSNAP_HELD, _DONE,
    // _BUSY, _UNAVAILABLE, _REFUSED, _FAILED, _UNKNOWN or _LIKELY_FAILED.
    int32_t (*enter)(const struct dsnap_request *request);
    // Takes the storage out of the snapshot with the request's code. Succeeds if there is nothing
    // to leave, and never ends a snapshot that has another code. Returns DSNAP_LEFT, _BUSY,
    // _UNAVAILABLE, _REFUSED or _FAILED.
    int32_t (*leave)(const struct dsnap_request *request);
    // Looks at the server and changes nothing. Returns DSNAP_COULD_ENTER, _IS_HELD, _BUSY,
    // _UNAVAILABLE, _REFUSED or _CANNOT_TELL.
    int32_t (*status)(const struct dsnap_request *request);
    // Checks the request's words before anything is tried. Returns 0 and says a reason if they
    // cannot follow the method's name, otherwise DSNAP_WORDS_USABLE, to which it may add
    // DSNAP_WORDS_NO_RELATIVE_FILES. May say DSNAP_SAY_LABEL. It looks at the words only: the
    // request has no storage, no folder and no code. May be NULL, or missing from a smaller
    // structure; then all words are usable.
    uint32_t (*check_words)(const struct dsnap_request *request);
};

// What a library offers. Its one exported function, `dsnap_entry`, returns the address of such a
// table, which stays valid and unchanged until the process ends.
struct dsnap_library {
    // DSNAP_ABI_VERSION of the header with which the library was built. Unless the program has
    // the same version, it reads nothing else.
    uint32_t abi_version;
    // sizeof this structure, as the library knows it.
    uint32_t size;
    // The number of methods, at least one.
    uint64_t method_count;
    // The addresses of the methods' tables.
    const struct dsnap_method *const *methods;
};

#endif  /* DSNAP_H */
