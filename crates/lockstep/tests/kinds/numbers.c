/* Numbers of processes across PID namespaces, as each of those concerned sees them. The argument chooses the situation. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : result == 0 ? "0" : result == getpid() ? "own" : result == 1 ? "1" : "another");
    fflush(stdout);
}

static int branch(unsigned long flags) {
    int child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) exit(77);
    return child;
}

static void ask_all(void) {
    tell("parent", getppid());
    tell("group", getpgid(0));
    tell("session", getsid(0));
    tell("group of 1", getpgid(1));
    tell("own group alone", setpgid(0, 0));
    tell("group now", getpgrp());
}

/* A child is put into the namespace of another one, whose number 2 or more it gets. */
static void enter(void) {
    int init = branch(CLONE_NEWPID), status;
    if (init == 0) for (;;) pause();
    int file = syscall(SYS_pidfd_open, init, 0);
    tell("entered", setns(file, CLONE_NEWPID));
    int child = fork();
    if (child == 0) {
        ask_all();
        int inner = fork();
        if (inner == 0) { tell("grandchild's parent", getppid()); _exit(4); }
        tell("waited", waitpid(inner, &status, 0) == inner ? 0 : -1);
        _exit(status >> 8);
    }
    tell("child", waitpid(child, &status, 0) == child ? 0 : -1);
    printf("status %#x\n", status);
    kill(init, SIGKILL);
    waitpid(init, &status, 0);
    tell("into what has ended", fork());
}

/* Numbers from inside name nobody outside, and the other way round. */
static void signals(void) {
    int init = branch(CLONE_NEWPID), status;
    if (init == 0) {
        int child = fork();
        if (child == 0) for (;;) pause();
        tell("to 1", kill(1, 0));
        tell("to the child", kill(child, 0));
        tell("far away", kill(32000, SIGKILL));
        tell("all", kill(-1, SIGTERM));
        tell("its end", waitpid(child, &status, 0) == child ? 0 : -1);
        printf("status %#x\n", status);
        tell("oneself, fatally", kill(1, SIGKILL));
        tell("by tgkill", syscall(SYS_tgkill, 1, 1, SIGTERM));
        tell("none left", kill(-1, SIGTERM));
        fflush(stdout);
        _exit(3);
    }
    waitpid(init, &status, 0);
    printf("init %#x\n", status);
}

/* Three levels: each waits for its own. A session begins on each. */
static void levels(int depth) {
    int status, child = branch(depth % 2 ? CLONE_NEWPID : 0);
    if (child == 0) {
        ask_all();
        tell("session begun", setsid());
        if (depth < 4) levels(depth + 1);
        siginfo_t info;
        int grandchild = fork();
        if (grandchild == 0) { tell("session of the parent", getsid(getppid())); _exit(depth); }
        memset(&info, 0, sizeof info);
        tell("waitid", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
        printf("its number: %d\n", info.si_pid == grandchild);
        tell("reaped", waitpid(-1, &status, 0) == grandchild ? 0 : -1);
        _exit(10 + depth);
    }
    waitpid(child, &status, 0);
    printf("level %d: %#x\n", depth, status);
    fflush(stdout);
}

/* Orphans inside go to the init, or to a subreaper inside. */
static void orphans(void) {
    int init = branch(CLONE_NEWPID), status;
    if (init == 0) {
        int middle = fork();
        if (middle == 0) {
            int own = getpid();
            if (fork() == 0) {
                while (getppid() == own) sched_yield();
                tell("orphan's parent", getppid());
                _exit(5);
            }
            _exit(6);
        }
        for (int i = 0; i < 2; i++) {
            int got = wait(&status);
            if (got == middle) i += status != 6 << 8; else i += status != 5 << 8;
        }
        _exit(7);
    }
    waitpid(init, &status, 0);
    printf("init %#x\n", status);
}

int main(int count, char **words) {
    (void)count;
    switch (words[1][0]) {
    case 'e': enter(); break;
    case 's': signals(); break;
    case 'l': levels(1); break;
    case 'o': orphans(); break;
    }
}
