/* Shows whose session keyring a process has. `keyring hide PROGRAM [ARG]...` joins a new one, puts a
 * secret into it and executes PROGRAM, with status 99 if keyrings are forbidden here. `keyring look`
 * prints the secret, or `nothing`. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SESSION_KEYRING (-3L)
#define JOIN_SESSION_KEYRING 1L
#define SEARCH 10L
#define READ 11L

static const char secret[] = "roots-secret", type[] = "user", name[] = "dsnap-scenario";

int main(int count, char **words)
{
    char found[64] = "";
    if (count > 2 && strcmp(words[1], "hide") == 0) {
        if (syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) < 0 ||
            syscall(SYS_add_key, type, name, secret, sizeof secret - 1, SESSION_KEYRING) < 0)
            return 99;
        execv(words[2], words + 2);
        return 98;
    }
    long key = syscall(SYS_keyctl, SEARCH, SESSION_KEYRING, type, name, 0L);
    if (key < 0 || syscall(SYS_keyctl, READ, key, found, sizeof found - 1) < 0)
        strcpy(found, "nothing");
    puts(found);
    return 0;
}
