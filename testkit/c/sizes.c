/* Prints what dsnap.h means to a C compiler: the value of each constant, the size of each structure
 * and the offset of each field, in the header's order. crates/core/tests/header.rs compares the
 * output with what Rust says. Also compiled as C++. */
#include "dsnap.h"

#include <stdio.h>

#define CONSTANT(name) printf("%s %llu\n", #name, (unsigned long long)(name))
#define STRUCTURE(name) printf("%s %zu\n", #name, sizeof(struct name))
#define FIELD(name, field) printf("%s.%s %zu\n", #name, #field, offsetof(struct name, field))

static void constants(void)
{
    CONSTANT(DSNAP_ABI_VERSION);
    CONSTANT(DSNAP_WORKS_WITH_OWNER);
    CONSTANT(DSNAP_WORKS_WITH_NOBODY);
    CONSTANT(DSNAP_NEVER_CLOSES);
    CONSTANT(DSNAP_NO_LIMIT);
    CONSTANT(DSNAP_SNAPSHOT_SEEN);
    CONSTANT(DSNAP_HELD);
    CONSTANT(DSNAP_DONE);
    CONSTANT(DSNAP_BUSY);
    CONSTANT(DSNAP_UNAVAILABLE);
    CONSTANT(DSNAP_REFUSED);
    CONSTANT(DSNAP_FAILED);
    CONSTANT(DSNAP_UNKNOWN);
    CONSTANT(DSNAP_LEFT);
    CONSTANT(DSNAP_COULD_ENTER);
    CONSTANT(DSNAP_IS_HELD);
    CONSTANT(DSNAP_CANNOT_TELL);
    CONSTANT(DSNAP_LIKELY_FAILED);
    CONSTANT(DSNAP_SAY_WORDS);
    CONSTANT(DSNAP_SAY_REASON);
    CONSTANT(DSNAP_SAY_HINT);
    CONSTANT(DSNAP_SAY_CODE);
    CONSTANT(DSNAP_SAY_LABEL);
    CONSTANT(DSNAP_SAY_TRACE);
    CONSTANT(DSNAP_WORDS_USABLE);
    CONSTANT(DSNAP_WORDS_NO_RELATIVE_FILES);
}

int main(void)
{
    constants();
    STRUCTURE(dsnap_bytes);
    FIELD(dsnap_bytes, data);
    FIELD(dsnap_bytes, len);
    STRUCTURE(dsnap_caller);
    FIELD(dsnap_caller, size);
    FIELD(dsnap_caller, context);
    FIELD(dsnap_caller, say);
    FIELD(dsnap_caller, progress);
    FIELD(dsnap_caller, shall_stop);
    STRUCTURE(dsnap_request);
    FIELD(dsnap_request, size);
    FIELD(dsnap_request, storage);
    FIELD(dsnap_request, conf_folder);
    FIELD(dsnap_request, words);
    FIELD(dsnap_request, word_count);
    FIELD(dsnap_request, code);
    FIELD(dsnap_request, time_left_ms);
    FIELD(dsnap_request, caller);
    FIELD(dsnap_request, leave_time_ms);
    FIELD(dsnap_request, flags);
    STRUCTURE(dsnap_method);
    FIELD(dsnap_method, size);
    FIELD(dsnap_method, name);
    FIELD(dsnap_method, version);
    FIELD(dsnap_method, works_with);
    FIELD(dsnap_method, flags);
    FIELD(dsnap_method, enter);
    FIELD(dsnap_method, leave);
    FIELD(dsnap_method, status);
    FIELD(dsnap_method, check_words);
    STRUCTURE(dsnap_library);
    FIELD(dsnap_library, abi_version);
    FIELD(dsnap_library, size);
    FIELD(dsnap_library, method_count);
    FIELD(dsnap_library, methods);
    return 0;
}
