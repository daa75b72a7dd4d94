// The method `line`, as if built with the first header of this version. Its table ends before
// `check_words`, and the memory behind the table does not contain a function.

#define OTHER_TABLES
#include "plugin.c"

static const struct {
    uint64_t size;
    struct dsnap_bytes name, version;
    uint32_t works_with, flags;
    int32_t (*enter)(request it), (*leave)(request it), (*status)(request it);
    uint64_t something_else[8];
} method = {
    FIRST_FIELDS(offsetof(struct dsnap_method, check_words)),
    {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull},
};
static const struct dsnap_method *const methods[] = {(const struct dsnap_method *)&method};
static const struct dsnap_library library = {DSNAP_ABI_VERSION, sizeof library, 1, methods};

const struct dsnap_library *dsnap_entry(void) {
    (void)check_words; // not offered
    return &library;
}
