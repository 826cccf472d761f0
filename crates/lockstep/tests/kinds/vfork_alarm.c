/* A fatal signal comes while its receiver sleeps in vfork. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int status, go[2], sleeper = 0;
    (void)sleeper;
    pipe(go);
    int child = fork();
    if (child == 0) {
        close(go[1]);
        int end = go[0];
        if (vfork() == 0) {
            char byte;
            /* Until whoever sends the signal has sent it. */
            read(end, &byte, 1);
            _exit(0);
        }
        _exit(2);
    }
    close(go[0]);
    /* Until it sleeps in vfork. */
    char path[64], line[256];
    for (;;) {
        snprintf(path, sizeof path, "/proc/%d/stat", child);
        FILE *file = fopen(path, "r");
        char state = 0;
        if (file && fgets(line, sizeof line, file)) sscanf(line, "%*d %*s %c", &state);
        if (file) fclose(file);
        if (state == 'D') break;
    }
    kill(child, SIGTERM);
    close(go[1]);
    waitpid(child, &status, 0);
    printf("ended: %#x\n", status);
}
