/* What the flags, the siginfo, O_NONBLOCK and the namespace of a pidfd decide. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN = 434, SEND = 424, PIDFD = 3 };

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

static long send_info(int file, int signal, int says, int code, int flags) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = says;
    info.si_code = code;
    return syscall(SEND, file, signal, &info, flags);
}

int main(void) {
    siginfo_t info;
    int own = syscall(OPEN, getpid(), 0);
    int child = fork();
    if (child == 0) { setpgid(0, 0); for (;;) pause(); }
    setpgid(child, child);
    int file = syscall(OPEN, child, 0), quick = syscall(OPEN, child, O_NONBLOCK);
    tell("ask", syscall(SEND, file, 0, 0, 0));
    for (int flags = 1; flags <= 16; flags++) {
        char name[32];
        snprintf(name, sizeof name, "flags %d", flags);
        tell(name, syscall(SEND, file, 0, 0, flags));
    }
    tell("no such signal", syscall(SEND, file, 65, 0, 0));
    tell("other signal", send_info(file, SIGUSR1, SIGUSR2, SI_QUEUE, 0));
    tell("other signal and flags", send_info(file, SIGUSR1, SIGUSR2, SI_QUEUE, 3));
    tell("forged", send_info(file, SIGWINCH, SIGWINCH, SI_USER, 0));
    tell("queued", send_info(file, SIGWINCH, SIGWINCH, SI_QUEUE, 0));
    tell("bad address", syscall(SEND, file, 0, (void *)8, 0));
    tell("no pidfd", syscall(SEND, 0, 0, 0, 0));
    tell("no file", syscall(SEND, 99, 0, 0, 0));
    tell("forged to itself", send_info(own, SIGWINCH, SIGWINCH, SI_USER, 0));
    tell("queue to nobody", syscall(SYS_rt_sigqueueinfo, 0, 0, (memset(&info, 0, sizeof info), info.si_code = SI_QUEUE, &info)));

    tell("not yet", waitid(PIDFD, quick, &info, WEXITED));
    tell("not yet, and not hanging", waitid(PIDFD, quick, &info, WEXITED | WNOHANG));
    fcntl(file, F_SETFL, O_NONBLOCK);
    tell("set later", waitid(PIDFD, file, &info, WEXITED | WSTOPPED));
    fcntl(file, F_SETFL, 0);
    tell("unset", waitid(PIDFD, file, &info, WEXITED | WNOHANG));
    tell("no event", waitid(PIDFD, quick, &info, 0));
    tell("odd options", waitid(PIDFD, quick, &info, WEXITED | 0x100));
    tell("not one's own", waitid(PIDFD, own, &info, WEXITED));

    int inner = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (inner < 0) return 77;
    if (inner == 0) {
        tell("out of sight", syscall(SEND, own, 0, 0, 0));
        tell("out of sight, odd flags", syscall(SEND, own, 0, 0, 8));
        tell("the brother", syscall(SEND, file, 0, 0, 0));
        tell("the brother's group", syscall(SEND, file, 0, 0, 4));
        int self = syscall(OPEN, 1, 0);
        tell("oneself", syscall(SEND, self, 0, 0, 0));
        _exit(0);
    }
    waitpid(inner, 0, 0);
    tell("kill", syscall(SEND, file, SIGKILL, 0, 0));
    while (waitid(PIDFD, quick, &info, WEXITED) != 0) ;
    printf("reaped: %d %d\n", info.si_code, info.si_status);
    tell("gone", syscall(SEND, file, 0, 0, 0));
    tell("gone, waited for", waitid(PIDFD, quick, &info, WEXITED));
}
