/* A program that the system starts as root (it is setuid), and that becomes a third user. It does not
 * end when asked to: only KILL from root ends it. It writes its process id to the file `raised` in the
 * storage directory, and ends after a minute in case nobody kills it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THIRD_USER 54323

int main(void)
{
    char path[4096];
    const char *storage = getenv("DSNAP_STORAGE");
    signal(SIGALRM, SIG_IGN);
    snprintf(path, sizeof path, "%s/raised", storage ? storage : "/nowhere");
    FILE *out = fopen(path, "w");
    if (!out || setresgid(THIRD_USER, THIRD_USER, THIRD_USER) ||
        setresuid(THIRD_USER, THIRD_USER, THIRD_USER))
        return 1;
    fprintf(out, "%d\n", getpid());
    fclose(out);
    for (int second = 0; second < 60; second++)
        sleep(1);
    return 69;
}
