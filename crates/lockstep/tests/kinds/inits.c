/* How a namespace ends whose init has others in it. The argument chooses. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }

static int branch(void) {
    int child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) _exit(77);
    return child;
}

static void *leave(void *unused) { usleep(5000); _exit(9); return unused; }
static void *leave_at_once(void *unused) { _exit(9); return unused; }

static void init(int depth) {
    int status, ready[2];
    char byte;
    pthread_t thread;
    pipe(ready);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (is("stopped")) { write(ready[1], "x", 1); raise(SIGSTOP); }
            if (is("zombies")) { if (fork() == 0) _exit(0); siginfo_t info; waitid(P_ALL, 0, &info, WEXITED | WNOWAIT); }
            if (is("threads") || is("racing")) { for (int j = 0; j < 3; j++) pthread_create(&thread, 0, (void *(*)(void *))pause, 0); }
            if (is("sessions")) { setsid(); if (fork() == 0) { setpgid(0, 0); for (;;) pause(); } }
            if (is("forking")) { write(ready[1], "x", 1); for (;;) if (fork() == 0) _exit(0); }
            if (is("nested") && depth < 3) { int inner = branch(); if (inner == 0) init(depth + 1); }
            write(ready[1], "x", 1);
            for (;;) pause();
        }
        read(ready[0], &byte, 1);
    }
    if (is("threads")) { pthread_create(&thread, 0, leave, 0); pthread_exit(0); }
    if (is("racing")) { pthread_create(&thread, 0, leave_at_once, 0); syscall(SYS_exit, 8); }
    if (is("executed")) execl("/bin/sh", "sh", "-c", "exit 9", (char *)0);
    if (is("ignoring")) { signal(SIGCHLD, SIG_IGN); }
    if (is("reaped")) { kill(-1, SIGKILL); while (waitpid(-1, &status, 0) > 0) ; }
    _exit(9);
}

int main(int count, char **words) {
    (void)count;
    way = words[1];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = 0; round < 5; round++) {
        int status = 0, child = branch();
        if (child == 0) init(0);
        if (round % 2) while (waitpid(child, &status, WNOHANG) == 0) sched_yield();
        else waitpid(child, &status, 0);
        printf("%#x, others %d\n", status, waitpid(-1, &status, WNOHANG) > 0);
        fflush(stdout);
    }
}
