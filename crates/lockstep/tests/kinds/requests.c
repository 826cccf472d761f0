/* Arguments of calls about processes, alone and in combinations that fail. The argument names the call. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
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

static void tell(const char *what, unsigned long which, long result) {
    printf("%s %#lx: %s\n", what, which, result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

static void reap(void) { while (wait(0) > 0) ; }

static void in_child(void (*deed)(unsigned long), unsigned long which) {
    if (fork() == 0) { deed(which); fflush(stdout); _exit(0); }
    reap();
}

static void by_clone(void) {
    const unsigned long flags[] = {
        CLONE_THREAD, CLONE_SIGHAND, CLONE_THREAD | CLONE_SIGHAND, CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
        CLONE_NEWPID | CLONE_PARENT, CLONE_NEWUSER | CLONE_FS, CLONE_NEWNS | CLONE_FS, CLONE_PIDFD | CLONE_PARENT_SETTID,
        CLONE_PIDFD | CLONE_DETACHED, CLONE_DETACHED, CLONE_PARENT, CLONE_NEWIPC | CLONE_SYSVSEM, 0,
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int word = 0;
        long made = syscall(SYS_clone, flags[i] | SIGCHLD, 0, &word, 0, 0);
        if (made == 0) _exit(0);
        tell("clone", flags[i], made);
        while (waitpid(-1, 0, __WALL) > 0) ;
    }
    for (unsigned long exit_signal = 0; exit_signal < 256; exit_signal += 51) {
        long made = syscall(SYS_clone, exit_signal, 0, 0, 0, 0);
        if (made == 0) _exit(0);
        tell("exit signal", exit_signal, made);
        tell("waited", exit_signal, waitpid(made, 0, 0));
        tell("waited as a clone", exit_signal, waitpid(made, 0, __WCLONE));
    }
}

static void try_clone3(const char *what, unsigned long which, struct clone_args request) {
    long made = syscall(SYS_clone3, &request, sizeof request);
    if (made == 0) _exit(0);
    tell(what, which, made);
    while (waitpid(-1, 0, __WALL) > 0) ;
}

static void by_clone3(void) {
    int number[3] = {0, 1, -5};
    const unsigned long signals[] = {0, SIGCHLD, 64, 65, 0x100, SIGCHLD | 1ul << 40};
    for (int i = 0; i < 6; i++) try_clone3("exit signal", signals[i], (struct clone_args){.exit_signal = signals[i]});
    const unsigned long flags[] = {CLONE_DETACHED, 17, 1ul << 40, CLONE_CLEAR_SIGHAND, CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM,
        CLONE_PARENT, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, CLONE_NEWPID | CLONE_PARENT};
    for (int i = 0; i < 8; i++) try_clone3("flags", flags[i], (struct clone_args){.flags = flags[i], .exit_signal = SIGCHLD});
    for (int i = 0; i < 3; i++)
        try_clone3("number", i, (struct clone_args){.set_tid = (unsigned long)(number + i), .set_tid_size = 1, .exit_signal = SIGCHLD});
    try_clone3("numbers", 2, (struct clone_args){.set_tid = (unsigned long)number, .set_tid_size = 2, .exit_signal = SIGCHLD});
    try_clone3("no numbers", 1, (struct clone_args){.set_tid = 0, .set_tid_size = 1, .exit_signal = SIGCHLD});
    try_clone3("many numbers", 33, (struct clone_args){.set_tid = (unsigned long)number, .set_tid_size = 33, .exit_signal = SIGCHLD});
    try_clone3("stack", 0, (struct clone_args){.stack = 4096, .exit_signal = SIGCHLD});
    try_clone3("stack size", 8, (struct clone_args){.stack_size = 8, .exit_signal = SIGCHLD});
}

static void unshare_and_fork(unsigned long flags) {
    tell("unshare", flags, unshare(flags));
    tell("again", flags, unshare(flags));
    long made = fork();
    if (made == 0) for (;;) pause();
    tell("fork", flags, made);
    long more = fork();
    if (more == 0) _exit(0);
    tell("fork again", flags, more);
    if (more > 0) waitpid(more, 0, 0);
    kill(made, SIGKILL);
    reap();
    more = fork();
    if (more == 0) _exit(0);
    tell("fork after the end", flags, more);
    reap();
    pthread_t thread;
    tell("thread", flags, pthread_create(&thread, 0, (void *(*)(void *))getpid, 0) ? (errno = EINVAL, -1) : 0);
}

static void by_unshare(void) {
    const unsigned long flags[] = {0, CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNS, CLONE_NEWPID | CLONE_THREAD, CLONE_VM, CLONE_SIGHAND,
        CLONE_FILES | CLONE_FS, CLONE_NEWPID | CLONE_VFORK, CLONE_PARENT, 1ul << 40, CLONE_NEWPID | 1ul << 40, CLONE_NEWUSER | CLONE_NEWPID};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) in_child(unshare_and_fork, flags[i]);
}

static void enter(unsigned long flags) {
    int own = open("/proc/self/ns/pid", O_RDONLY), other = open("/proc/self/ns/uts", O_RDONLY);
    int self = syscall(SYS_pidfd_open, getpid(), 0), child = fork();
    if (child == 0) for (;;) pause();
    int file = syscall(SYS_pidfd_open, child, 0);
    tell("own", flags, setns(own, flags));
    tell("another kind", flags, setns(other, flags));
    tell("oneself", flags, setns(self, flags));
    tell("the child's", flags, setns(file, flags));
    kill(child, SIGKILL);
    reap();
    tell("one that has ended", flags, setns(file, flags));
    long made = fork();
    if (made == 0) _exit(0);
    tell("fork", flags, made);
    reap();
}

static void by_setns(void) {
    const unsigned long flags[] = {0, CLONE_NEWPID, CLONE_NEWUTS, CLONE_NEWPID | CLONE_NEWUTS, CLONE_THREAD, CLONE_NEWPID | CLONE_VM};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) in_child(enter, flags[i]);
}

static void by_waitid(void) {
    int child = fork();
    if (child == 0) _exit(5);
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    const int kinds[] = {P_ALL, P_PID, P_PGID, P_PIDFD, 4, -1}, ids[] = {0, -1, 1, child, 0x7fffffff};
    const int options[] = {0, WNOHANG, WEXITED | WNOHANG | WNOWAIT, WSTOPPED | WNOHANG, WCONTINUED | WNOHANG, WEXITED | WNOHANG | WNOWAIT | __WCLONE,
        WEXITED | WNOHANG | WNOWAIT | __WALL, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD, WEXITED | 0x10000000, 0x40 | WEXITED};
    for (int kind = 0; kind < 6; kind++)
        for (int id = 0; id < 5; id++)
            for (int option = 0; option < 10; option++) {
                memset(&info, 0, sizeof info);
                long result = waitid(kinds[kind], ids[id], &info, options[option]);
                printf("%d %d %#x: ", kinds[kind], id, options[option]);
                printf("%s %d\n", result < 0 ? strerrorname_np(errno) : "done", info.si_pid == child);
            }
    const int words[] = {WNOHANG, WNOHANG | WNOWAIT, WNOHANG | WEXITED, WNOHANG | __WCLONE, WNOHANG | 0x100};
    for (int id = 0; id < 5; id++)
        for (int option = 0; option < 5; option++)
            tell("wait4", option * 16 + id, syscall(SYS_wait4, id == 4 ? -2147483647 - 1 : ids[id] == child ? -child : ids[id], 0, words[option] | (id ? 0 : WNOHANG), 0));
    reap();
}

static void by_prctl(void) {
    const unsigned long values[] = {0, 1, SIGUSR1, 64, 65, 1000, -1ul, 1ul << 32, (1ul << 32) | SIGUSR1};
    for (int i = 0; i < 9; i++) {
        int now = -1;
        tell("death signal", values[i], syscall(SYS_prctl, PR_SET_PDEATHSIG, values[i], 7, 7, 7));
        prctl(PR_GET_PDEATHSIG, &now);
        printf("now %d\n", now);
        tell("subreaper", values[i], syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, values[i], 7, 7, 7));
        prctl(PR_GET_CHILD_SUBREAPER, &now);
        printf("now %d\n", now);
    }
}

static void by_pidfd(void) {
    const int numbers[] = {0, -1, 1 << 30, -getpid(), getpid()};
    const unsigned flags[] = {0, 1, O_NONBLOCK, O_EXCL, O_EXCL | O_NONBLOCK, O_CLOEXEC, 1u << 31};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 7; j++) tell(i == 4 ? "oneself" : "pidfd_open", i < 3 ? numbers[i] & 0xffff : i, syscall(SYS_pidfd_open, numbers[i], flags[j]));
    int child = fork();
    if (child == 0) _exit(0);
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    tell("a zombie", 0, syscall(SYS_pidfd_open, child, 0));
    waitpid(child, 0, 0);
    tell("nobody", 0, syscall(SYS_pidfd_open, child, 0));
}

int main(int count, char **words) {
    (void)count;
    /* Children tell of their ends by them. */
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) signal(number, SIG_IGN);
    const struct { const char *name; void (*deed)(void); } calls[] = {
        {"clone", by_clone}, {"clone3", by_clone3}, {"unshare", by_unshare}, {"setns", by_setns},
        {"waitid", by_waitid}, {"prctl", by_prctl}, {"pidfd", by_pidfd},
    };
    for (int i = 0; i < 7; i++) if (strcmp(words[1], calls[i].name) == 0) calls[i].deed();
}
