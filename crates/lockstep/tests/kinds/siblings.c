/* Children made for one's own parent, by a maker that ends meanwhile. The argument chooses what the siblings are made of, and how the maker ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 40 };

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static pthread_barrier_t barrier;
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }
static int sibling(int flags) { return syscall(SYS_clone, CLONE_PARENT | flags, 0, 0, 0, 0); }

/* Asks for what it has from its maker, and from its parent. */
static void born(void) {
    getppid();
    getpgrp();
    getsid(0);
    if (is("job")) setpgid(0, 0);
    if (is("grandchild") && fork() == 0) { getppid(); _exit(0); }
    _exit(0);
}

static void *makes(void *unused) {
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 50; i++) {
        if (sibling(is("signal") ? SIGUSR2 : 0) == 0) born();
    }
    return unused;
}

static void maker(int round) {
    pthread_t thread;
    if (is("group") || is("job")) setpgid(0, 0);
    if (is("session")) setsid();
    if (is("ignoring")) signal(SIGCHLD, SIG_IGN);
    int makers = is("both") ? 2 : 1;
    pthread_barrier_init(&barrier, 0, makers + 1);
    for (int i = 0; i < makers; i++) pthread_create(&thread, 0, makes, 0);
    pthread_barrier_wait(&barrier);
    linger(round % 13 * 2000);
    if (is("killed")) raise(SIGKILL);
    if (is("exec")) execl("/bin/true", "true", (char *)0);
    _exit(0);
}

int main(int count, char **arguments) {
    (void)count;
    way = arguments[1];
    int left = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int pid = fork();
        if (pid == 0) maker(round);
        waitpid(pid, 0, 0);
        while (wait(0) > 0) ;
        left += errno != ECHILD;
    }
    printf("%d\n", left);
    return 0;
}
