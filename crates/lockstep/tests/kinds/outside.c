/* Asks about, and signals, a process that is no part of the program, nor is its group or its session: the second argument is its number. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : result > 0 ? "done" : "0");
    fflush(stdout);
}

int main(int count, char **words) {
    int other = count > 2 ? atoi(words[2]) : 1, status;
    siginfo_t info;
    switch (words[1][0]) {
    case 'a':
        tell("group", getpgid(other));
        tell("session", getsid(other));
        tell("its session is mine", getsid(other) == getsid(0));
        tell("move it", setpgid(other, 0));
        tell("into its group", setpgid(0, other));
        tell("wait", waitpid(other, &status, WNOHANG));
        tell("waitid", waitid(P_PID, other, &info, WEXITED | WNOHANG));
        break;
    case 's':
        tell("signal", kill(other, 0));
        tell("thread", syscall(SYS_tkill, other, 0));
        tell("thread of a process", syscall(SYS_tgkill, other, other, 0));
        tell("thread of mine", syscall(SYS_tgkill, getpid(), other, 0));
        tell("window", kill(other, SIGWINCH));
        tell("group", kill(-other, 0));
        break;
    case 'p': {
        int file = syscall(SYS_pidfd_open, other, 0);
        tell("pidfd", file);
        tell("signal", syscall(SYS_pidfd_send_signal, file, 0, 0, 0));
        tell("wait", waitid((idtype_t)3, file, &info, WEXITED | WNOHANG));
        break;
    }
    case 'c': {
        /* A child of the program's goes into a session of its own, and asks from there. */
        int child = fork();
        if (child == 0) { setsid(); tell("group", getpgid(other)); tell("signal", kill(other, 0)); tell("into its group", setpgid(0, other)); _exit(0); }
        tell("waited", waitpid(child, &status, 0));
        break;
    }
    }
}
