/* The init of a namespace executes by one of its threads while the others end, of which the leader may be one. The argument chooses who executes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 60 };

static char **words;
static unsigned seed;

static void linger(void) {
    seed = seed * 1103515245 + 12345;
    for (volatile unsigned left = (seed >> 8) % 60000; left > 0; left--) ;
}

static void *ends(void *unused) {
    linger();
    return unused;
}

static void *executes(void *unused) {
    linger();
    execl(words[0], words[0], "end", (char *)0);
    return unused;
}

static void init(void) {
    pthread_t thread;
    int others = 1 + seed % 4;
    while (others-- > 0) pthread_create(&thread, 0, ends, 0);
    if (strcmp(words[1], "leader") == 0) executes(0);
    pthread_create(&thread, 0, executes, 0);
    if (strcmp(words[1], "ending") == 0) ends(0), pthread_exit(0);
    for (;;) pause();
}

int main(int count, char **arguments) {
    (void)count;
    words = arguments;
    if (strcmp(words[1], "end") == 0) return 7;
    int good = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int status, child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (child < 0) return 77;
        seed = round;
        if (child == 0) init();
        good += waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
    }
    printf("%d\n", good);
    return 0;
}
