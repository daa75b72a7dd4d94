/* A plugin that must not pass: it treats the code as a string and reads behind its end. It proves
 * that the sanitizers notice such a read. */
#include "dsnap.h"

#include <string.h>

static int32_t enter(const struct dsnap_request *request)
{
    return strlen((const char *)request->code.data) > 64 ? DSNAP_FAILED : DSNAP_HELD;
}

static int32_t leave(const struct dsnap_request *request)
{
    return request ? DSNAP_LEFT : DSNAP_FAILED;
}

static int32_t status(const struct dsnap_request *request)
{
    return request ? DSNAP_CANNOT_TELL : DSNAP_REFUSED;
}

static const struct dsnap_method careless = {
    sizeof careless, {(const uint8_t *)"careless", 8}, {(const uint8_t *)"0", 1},
    DSNAP_WORKS_WITH_OWNER, 0, enter, leave, status, NULL};
static const struct dsnap_method *const methods[] = {&careless};
static const struct dsnap_library library = {DSNAP_ABI_VERSION, sizeof library, 1, methods};

const struct dsnap_library *dsnap_entry(void)
{
    return &library;
}
