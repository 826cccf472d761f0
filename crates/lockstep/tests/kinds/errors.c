/* Calls that fail for reasons of which a model of processes knows nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN = 434, SEND = 424 };

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

int main(void) {
    siginfo_t info;
    void *nowhere = (void *)8;
    int last = dup(1);
    struct rlimit files = {last, last}, before;
    close(last);
    getrlimit(RLIMIT_NOFILE, &before);
    files.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    tell("no descriptor left", syscall(OPEN, getpid(), 0));
    struct clone_args request;
    memset(&request, 0, sizeof request);
    int file;
    request.flags = CLONE_PIDFD;
    request.pidfd = (unsigned long)&file;
    request.exit_signal = SIGCHLD;
    long child = syscall(SYS_clone3, &request, sizeof request);
    if (child == 0) _exit(0);
    tell("no descriptor for a child", child);
    setrlimit(RLIMIT_NOFILE, &before);

    tell("no space", syscall(SYS_unshare, CLONE_NEWPID | 0x80));
    tell("no descriptor", setns(99, CLONE_NEWPID));
    tell("not a namespace", setns(0, CLONE_NEWPID));
    tell("bad address for a subreaper", prctl(PR_GET_CHILD_SUBREAPER, nowhere));
    tell("bad address for a signal", prctl(PR_GET_PDEATHSIG, nowhere));
    tell("bad request", syscall(SYS_clone3, nowhere, 64));
    tell("bad size", syscall(SYS_clone3, &request, 8));
    tell("bad siginfo", syscall(SYS_rt_sigqueueinfo, getpid(), 0, nowhere));

    child = fork();
    if (child == 0) _exit(3);
    tell("bad address for a status", syscall(SYS_wait4, child, nowhere, 0, 0));
    child = fork();
    if (child == 0) _exit(3);
    tell("bad address for an event", syscall(SYS_waitid, P_PID, child, nowhere, WEXITED, 0));

    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    tell("bad address for a group", ioctl(terminal, TIOCSPGRP, nowhere));
    tell("bad address for a session", ioctl(terminal, TIOCGSID, nowhere));

    child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        if (geteuid() == 0 && setresuid(4242, 4242, 4242) != 0) _exit(1);
        tell("another's process", kill(getppid(), 0));
        setrlimit(RLIMIT_NPROC, &none);
        long made = fork();
        if (made == 0) _exit(0);
        tell("too many", made);
        tell("a namespace without rights", unshare(CLONE_NEWPID));
        _exit(0);
    }
    waitpid(child, 0, 0);
}
