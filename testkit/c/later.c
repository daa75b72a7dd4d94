// The method `line`, as if built with a later header of the same version. Its tables have fields at
// their end that this program does not know.

#define OTHER_TABLES
#include "plugin.c"

static const struct {
    struct dsnap_method known;
    int32_t (*added)(request it);
    uint64_t more[4];
} method = {{FIRST_FIELDS(sizeof method), check_words}, enter, {~0ull, ~0ull, ~0ull, ~0ull}};
static const struct dsnap_method *const methods[] = {&method.known};
static const struct {
    struct dsnap_library known;
    uint64_t added;
} library = {{DSNAP_ABI_VERSION, sizeof library, 1, methods}, ~0ull};

const struct dsnap_library *dsnap_entry(void) { return &library.known; }
