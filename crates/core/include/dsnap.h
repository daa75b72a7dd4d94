// dsnap.h: what a library that dsnap loads and the program agree on.
//
// Generated from the Rust definitions by `cargo xtask header`: change those, not this file.
// docs/writing-a-method.md goes through it from an empty folder; docs/abi.md says what may change.
// All structures belong to whoever made them, and neither side frees what the other one made.

#ifndef DSNAP_H
#define DSNAP_H

#include <stddef.h>
#include <stdint.h>

struct dsnap_library;

#ifdef __cplusplus
extern "C" {
#endif

// The one function that a library exports, under this name. It gives back the address of the
// library's table, which stays valid as long as the library is loaded, or NULL if the library
// cannot serve at all. It should do no more than that: it is also called only to list what
// there is.
__attribute__((visibility("default"))) const struct dsnap_library *dsnap_entry(void);

#ifdef __cplusplus
}  // extern "C"
#endif

// The number of this interface. A program loads a library only if both have the same one.
#define DSNAP_ABI_VERSION 1

// `works_with`: the method needs the process that has the storage open.
#define DSNAP_WORKS_WITH_OWNER 0

// `works_with`: the method needs a storage that no process has open.
#define DSNAP_WORKS_WITH_NOBODY 1

// A flag of a method: its enter never closes the storage. A method that stops a server must
// not set it.
#define DSNAP_NEVER_CLOSES 1

// `time_left_ms`: as long as the call makes progress.
#define DSNAP_NO_LIMIT UINT64_MAX

// `enter`: in snapshot mode under the request's code. The caller must leave it again.
#define DSNAP_HELD 1

// `enter`: the storage is closed and a snapshot; there is nothing to leave.
#define DSNAP_DONE 2

// Another snapshot, a pack or a recombination is in the way. With a reason; waiting helps.
#define DSNAP_BUSY 3

// Not to be had: not reachable, not running. With a reason; waiting helps.
#define DSNAP_UNAVAILABLE 4

// Bad words on the line, or no permission: a person must act. With a reason.
#define DSNAP_REFUSED 5

// Anything else; from `enter`: known to have had no effect. With a reason.
#define DSNAP_FAILED 6

// `enter`: something was sent and the answer is missing. With a reason.
#define DSNAP_UNKNOWN 7

// `leave`: left, or there was nothing to leave.
#define DSNAP_LEFT 8

// `status`: `enter` would find nothing in its way.
#define DSNAP_COULD_ENTER 9

// `status`: a snapshot is held; its code is said as DSNAP_SAY_CODE.
#define DSNAP_IS_HELD 10

// `status`: the method has no way to look. No error.
#define DSNAP_CANNOT_TELL 11

// A line of words, shown with `-v`.
#define DSNAP_SAY_WORDS 1

// The reason of the result that follows: one line, a fragment in lower case without a full
// stop. Of several the last counts.
#define DSNAP_SAY_REASON 2

// What a person should do about it: one line. Of several each is one way.
#define DSNAP_SAY_HINT 3

// `status`: the code that is held, as the server says it (`user/CODE`).
#define DSNAP_SAY_CODE 4

// Bytes that belong to whoever made them. They need not be UTF-8, and no NUL ends them.
struct dsnap_bytes {
    // The first byte; may be NULL if `len` is 0.
    const uint8_t *data;
    // How many.
    uint64_t len;
};

// Who called a method, and listens. All functions may be called from any thread, until the
// method's function returns; bytes that are passed belong to the method and are copied.
struct dsnap_caller {
    // sizeof this structure, as the program knows it.
    uint64_t size;
    // To be passed as first argument of the functions.
    void *context;
    // Takes words; `kind` is one of `DSNAP_SAY_...`.
    void (*say)(void *context, uint32_t kind, struct dsnap_bytes text);
    // Takes progress: `done` of `of` (0: not known), counted in `unit` ("files").
    void (*progress)(void *context, uint64_t done, uint64_t of, struct dsnap_bytes unit);
    // Whether the call should end as soon as it safely can: 0 or 1. To be asked at least every
    // 0.2 s by a method that waits or works.
    uint32_t (*shall_stop)(void *context);
};

// Everything a call of a method needs. It belongs to the program, with all that it points to,
// and is valid until the method's function returns.
struct dsnap_request {
    // sizeof this structure, as the program knows it.
    uint64_t size;
    // The storage directory, absolute.
    struct dsnap_bytes storage;
    // The folder that relative names on the line are relative to, absolute.
    struct dsnap_bytes conf_folder;
    // The words of the line after the method's name, unquoted.
    const struct dsnap_bytes *words;
    // How many words there are.
    uint64_t word_count;
    // The code to enter, leave or look for: printable ASCII, 1 to 64 bytes, without `user/`.
    struct dsnap_bytes code;
    // How long the call may take from now, in milliseconds, or DSNAP_NO_LIMIT.
    uint64_t time_left_ms;
    // Who listens. Never NULL.
    const struct dsnap_caller *caller;
};

// One method. Everything in it stays valid and unchanged while the library is loaded, which it
// is until the process ends. A later version of this interface may add fields at the end: a
// library that does not know them has a smaller `size`.
struct dsnap_method {
    // sizeof this structure, as the library knows it.
    uint64_t size;
    // The word that names the method on a line of snapshot.conf: `[a-z][a-z0-9_]*`.
    struct dsnap_bytes name;
    // The method's own version, for people.
    struct dsnap_bytes version;
    // `DSNAP_WORKS_WITH_OWNER` or `DSNAP_WORKS_WITH_NOBODY`.
    uint32_t works_with;
    // Flags, added up; unknown ones are ignored.
    uint32_t flags;
    // Puts the storage into snapshot mode: DSNAP_HELD, _DONE, _BUSY, _UNAVAILABLE, _REFUSED,
    // _FAILED or _UNKNOWN.
    int32_t (*enter)(const struct dsnap_request *request);
    // Takes the storage out of the snapshot with the request's code; that there is nothing to
    // leave is success: DSNAP_LEFT, _BUSY, _UNAVAILABLE, _REFUSED or _FAILED.
    int32_t (*leave)(const struct dsnap_request *request);
    // Looks only: DSNAP_COULD_ENTER, _IS_HELD, _BUSY, _UNAVAILABLE, _REFUSED or _CANNOT_TELL.
    int32_t (*status)(const struct dsnap_request *request);
    // Whether the request's words can follow the method's name at all: 0 if not, with a reason.
    // Asked before anything is tried; the request has an empty code. May be NULL, or missing
    // from a smaller structure.
    uint32_t (*check_words)(const struct dsnap_request *request);
};

// What a library offers. Its one exported function, `dsnap_entry`, returns the address of one,
// which stays valid as long as the library is loaded.
struct dsnap_library {
    // DSNAP_ABI_VERSION as the library was built with. Nothing else is looked at unless the
    // program has the same.
    uint32_t abi_version;
    // sizeof this structure, as the library knows it.
    uint32_t size;
    // How many methods there are, at least one.
    uint64_t method_count;
    // The addresses of the methods' tables.
    const struct dsnap_method *const *methods;
};

#endif  /* DSNAP_H */
