/* More calls that fail for want of rights, descriptors or space, for bad addresses, by limits, or because a filter says so. The argument
   chooses the reason. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEND = 424, OPEN = 434, PIDFD = 3 };

static void *const nowhere = (void *)8;

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

static int stay(void) {
    int child = fork();
    if (child == 0) for (;;) pause();
    return child;
}

static void reap(int child) {
    int status = 0;
    kill(child, SIGKILL);
    tell("reaped", waitpid(child, &status, 0));
}

static void be_a_user(void) {
    if (geteuid() == 0 && (setresgid(4242, 4242, 4242) != 0 || setresuid(4242, 4242, 4242) != 0)) _exit(77);
}

static void want_rights(void) {
    siginfo_t info;
    int other = getpid(), child = fork();
    if (child != 0) { waitpid(child, 0, 0); return; }
    int pidfd = syscall(OPEN, other, 0), space = open("/proc/self/ns/pid", O_RDONLY), own;
    be_a_user();
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    tell("signal", kill(other, SIGTERM));
    tell("signal to a thread", syscall(SYS_tgkill, other, other, SIGTERM));
    tell("queued signal", syscall(SYS_rt_sigqueueinfo, other, SIGTERM, &info));
    tell("signal by descriptor", syscall(SEND, pidfd, SIGTERM, 0, 0));
    tell("namespace", setns(space, CLONE_NEWPID));
    tell("new namespace", unshare(CLONE_NEWPID));
    tell("child in a new namespace", syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    tell("hang-up", syscall(SYS_vhangup));
    own = stay();
    tell("signal to an own child", kill(own, 0));
    reap(own);
    _exit(0);
}

static void want_descriptors(void) {
    siginfo_t info;
    int child = stay(), pidfd = syscall(OPEN, child, 0), pipes[2];
    pipe(pipes);
    tell("wait by no descriptor", waitid(PIDFD, 99, &info, WEXITED));
    tell("wait by a pipe", waitid(PIDFD, pipes[0], &info, WEXITED | WNOHANG));
    tell("signal by no descriptor", syscall(SEND, 99, 0, 0, 0));
    tell("signal by a pipe", syscall(SEND, pipes[0], 0, 0, 0));
    tell("namespace of a pipe", setns(pipes[0], CLONE_NEWPID));
    tell("terminal of no descriptor", ioctl(99, TIOCGPGRP, &child));
    tell("terminal of a pipe", ioctl(pipes[0], TIOCNOTTY, 0));
    reap(child);
    tell("signal to the reaped", syscall(SEND, pidfd, 0, 0, 0));
    tell("namespace of the reaped", setns(pidfd, CLONE_NEWPID));
}

static void give_bad_addresses(void) {
    struct clone_args request;
    memset(&request, 0, sizeof request);
    request.flags = CLONE_PIDFD;
    request.pidfd = (unsigned long)nowhere;
    request.exit_signal = SIGCHLD;
    long child = syscall(SYS_clone3, &request, sizeof request);
    if (child == 0) _exit(0);
    tell("descriptor of a child", child);
    child = syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, nowhere, 0, 0);
    if (child == 0) _exit(0);
    tell("number of a child", child);
    tell("resources", syscall(SYS_wait4, child, 0, 0, nowhere));
    tell("twice", waitpid(child, 0, 0));
    child = stay();
    int pidfd = syscall(OPEN, child, 0);
    tell("siginfo", syscall(SEND, pidfd, 0, nowhere, 0));
    tell("siginfo for a thread", syscall(SYS_rt_tgsigqueueinfo, child, child, 0, nowhere));
    tell("siginfo of a wait", waitid(P_PID, child, nowhere, WEXITED | WNOHANG));
    tell("program", syscall(SYS_execve, nowhere, 0, 0));
    tell("arguments", syscall(SYS_execve, "/bin/true", nowhere, 0));
    reap(child);
}

static void meet_limits(void) {
    int status, child = fork();
    if (child == 0) {
        struct rlimit few = {1, 1};
        be_a_user();
        setrlimit(RLIMIT_NPROC, &few);
        for (int i = 0; i < 3; i++) {
            int made = fork();
            if (made == 0) _exit(0);
            tell("process", made);
            made = syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0);
            tell("thread", made);
            made = vfork();
            if (made == 0) _exit(0);
            tell("process of vfork", made);
        }
        tell("nobody", wait(&status));
        _exit(0);
    }
    waitpid(child, &status, 0);
    child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWUSER) != 0) _exit(0);
        int file = open("/proc/sys/user/max_pid_namespaces", O_WRONLY);
        if (write(file, "0", 1) != 1) _exit(0);
        tell("namespaces", unshare(CLONE_NEWPID));
        int made = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (made == 0) _exit(0);
        tell("namespaces of children", made);
        tell("child", made = stay());
        reap(made);
        _exit(0);
    }
    waitpid(child, &status, 0);
}

static void refuse_by_filter(int number, int error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) _exit(77);
}

static void obey_filters(void) {
    int child = stay();
    refuse_by_filter(SYS_setpgid, EDQUOT);
    refuse_by_filter(SYS_setsid, EHWPOISON);
    refuse_by_filter(SYS_kill, ENOTRECOVERABLE);
    refuse_by_filter(SYS_clone, ENOMEDIUM);
    refuse_by_filter(SYS_getsid, E2BIG);
    refuse_by_filter(SYS_wait4, EINPROGRESS);
    tell("group", setpgid(child, child));
    tell("session", setsid());
    tell("whose session", getsid(child));
    tell("signal", kill(child, SIGKILL));
    tell("child", fork());
    tell("wait", waitpid(child, 0, 0));
    siginfo_t info;
    tell("signal by tkill", syscall(SYS_tkill, child, SIGKILL));
    tell("wait by waitid", waitid(P_PID, child, &info, WEXITED));
}

int main(int count, char **words) {
    (void)count;
    switch (words[1][0]) {
    case 'r': want_rights(); break;
    case 'd': want_descriptors(); break;
    case 'a': give_bad_addresses(); break;
    case 'l': meet_limits(); break;
    case 'f': obey_filters(); break;
    }
}
