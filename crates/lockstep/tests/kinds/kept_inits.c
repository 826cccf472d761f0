/* An init ends while processes are in its namespace whose making a tracer does not see. The first argument says how they are made, and
   each round its parent learns of the end in another way. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
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

/* From now on the caller, and all that it makes, could be answered by another process; in fact none of their calls is. */
static void be_supervised(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0) _exit(77);
}

static void stay(int ready) {
    write(ready, "x", 1);
    for (;;) pause();
}

/* Makes three that nobody has told of, and stays. */
static void fill(int ready) {
    be_supervised();
    for (int i = 0; i < 3; i++) {
        if (is("nested")) {
            if (branch() == 0) { fork(); stay(ready); }
        } else if (fork() == 0) {
            if (is("stopped")) { write(ready, "x", 1); raise(SIGSTOP); }
            if (is("orphans")) { if (fork() != 0) _exit(0); }
            stay(ready);
        }
    }
    stay(ready);
}

/* Puts three into the namespace of `init` from outside, kills it, and reaps them in the end: before that it is not over. */
static void inject(int init) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", init);
    be_supervised();
    if (setns(open(path, O_RDONLY), CLONE_NEWPID) != 0) _exit(77);
    for (int i = 0; i < 3; i++) if (fork() == 0) for (;;) pause();
    kill(init, SIGKILL);
    usleep(20000);
    while (wait(0) > 0) ;
    _exit(0);
}

static int learn(int child, int how) {
    int status = 0;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    switch (how) {
    case 0: waitpid(child, &status, 0); break;
    case 1: while (waitpid(child, &status, WNOHANG) == 0) sched_yield(); break;
    case 2: while (waitpid(-1, &status, 0) != child) ; break;
    case 3:
        waitid(P_PID, child, &info, WEXITED | WNOWAIT);
        printf("code %d, ", info.si_code);
        waitpid(child, &status, 0);
        break;
    case 4:
        while (waitid(P_PID, child, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0) kill(child, 0);
        waitpid(child, &status, 0);
        break;
    }
    return status;
}

static int begin(void) {
    int ready[2], child;
    char byte;
    pipe(ready);
    child = branch();
    if (child == 0) {
        if (is("outside")) for (;;) pause();
        if (fork() == 0) fill(ready[1]);
        for (int i = 0; i < (is("nested") ? 7 : 4); i++) read(ready[0], &byte, 1);
        _exit(9);
    }
    close(ready[0]);
    close(ready[1]);
    if (is("outside") && fork() == 0) inject(child);
    return child;
}

int main(int count, char **words) {
    (void)count;
    way = words[1];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = 0; round < 5; round++) {
        int status = 0, child;
        if (is("ignored")) {
            signal(SIGCHLD, SIG_IGN);
            child = begin();
            status = waitpid(child, &status, 0) < 0 && kill(child, 0) < 0;
        } else if (is("left")) {
            /* Its parent ends before it. */
            if (fork() == 0) { begin(); _exit(0); }
            for (int i = 0; i < 2; i++) { int other = 0; wait(&other); status += other; }
        } else {
            child = begin();
            status = learn(child, round);
        }
        if (is("outside")) { int other = 0; waitpid(-1, &other, 0); printf("injector %#x, ", other); }
        printf("round %d: %#x\n", round, status);
        fflush(stdout);
    }
}
