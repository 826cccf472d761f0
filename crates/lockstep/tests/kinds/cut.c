/* The leader makes calls that change its process, and another thread's exec kills it amid one. What was changed by then, the new program shows. The argument chooses the calls. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static const char *way;
static char **words;
static char child_number[16];
static pthread_barrier_t barrier;
static int is(const char *other) { return strcmp(way, other) == 0; }
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }

static void *executes(void *steps) {
    pthread_barrier_wait(&barrier);
    linger((int)(long)steps);
    execl("/proc/self/exe", words[0], way, child_number, (char *)0);
    return 0;
}

static void changes(int round) {
    pthread_t thread;
    int child = fork();
    if (child == 0) for (;;) pause();
    sprintf(child_number, "%d", child);
    pthread_barrier_init(&barrier, 0, 2);
    pthread_create(&thread, 0, executes, (void *)(long)(round * 1200));
    pthread_barrier_wait(&barrier);
    if (is("session")) linger(round * 1000), setsid();
    for (int i = 0;; i++) {
        if (is("subreaper")) prctl(PR_SET_CHILD_SUBREAPER, i & 1);
        if (is("ignoring")) signal(SIGCHLD, i & 1 ? SIG_IGN : SIG_DFL);
        if (is("groups")) setpgid(0, i & 1 ? 0 : getpgid(getppid())), setpgid(child, i & 1 ? child : getpgrp());
        if (is("session")) getsid(0);
    }
}

/* The new program shows what it has. */
static int rest(int child) {
    int on;
    prctl(PR_GET_CHILD_SUBREAPER, &on);
    getpgrp();
    getsid(0);
    getpgid(child);
    if (fork() == 0) {
        if (fork() == 0) { getppid(); _exit(0); }
        _exit(0);
    }
    kill(child, SIGKILL);
    while (wait(0) > 0) ;
    return 0;
}

int main(int count, char **arguments) {
    int status, good = 0;
    way = arguments[1];
    words = arguments;
    if (count > 2) return rest(atoi(arguments[2]));
    for (int round = 0; round < ROUNDS; round++) {
        int pid = fork();
        if (pid == 0) changes(round);
        good += waitpid(pid, &status, 0) == pid && status == 0;
    }
    printf("%d\n", good);
    return 0;
}
