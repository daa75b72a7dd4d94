// A library of another version of the interface. Everything behind the number may be different.

#include <dsnap.h>

static const struct {
    uint32_t abi_version;
    uint32_t something_else[3];
} library = {DSNAP_ABI_VERSION + 1, {~0u, ~0u, ~0u}};

const struct dsnap_library *dsnap_entry(void) { return (const struct dsnap_library *)&library; }
