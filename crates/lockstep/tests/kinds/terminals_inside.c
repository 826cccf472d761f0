/* A session in a PID namespace and its terminal: every number is what the caller sees. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int branch(unsigned long flags) {
    int child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) { perror("clone"); exit(77); }
    return child;
}

static void ask(const char *who, int terminal) {
    pid_t session = -7, group = -7;
    int a = ioctl(terminal, TIOCGSID, &session), b = ioctl(terminal, TIOCGPGRP, &group);
    printf("%s %d: %d %d, %d %d\n", who, getpid(), a, session, b, group);
    fflush(stdout);
}

/* Opens a terminal of its own, gives the foreground to a child, and takes it back. */
static int lead(const char *how) {
    setsid();
    int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;
    char name[64];
    unlockpt(master);
    ptsname_r(master, name, sizeof name);
    if (strcmp(how, "ioctl") == 0) {
        terminal = open(name, O_RDWR | O_NOCTTY);
        ask("before", terminal);
        printf("acquired: %d\n", ioctl(terminal, TIOCSCTTY, 0));
    } else {
        terminal = open(name, O_RDWR);
    }
    signal(SIGTTOU, SIG_IGN);
    ask("leader", terminal);
    ask("master", master);
    int job = branch(0);
    if (job == 0) {
        setpgid(0, 0);
        int group = getpid();
        printf("front: %d\n", ioctl(terminal, TIOCSPGRP, &group));
        ask("job", open("/dev/tty", O_RDWR));
        _exit(4);
    }
    int status, own = getpid();
    waitpid(job, &status, 0);
    ask("after", terminal);
    printf("back: %d\n", ioctl(terminal, TIOCSPGRP, &own));
    ask("again", terminal);
    /* One namespace further inside there is no number for any of this. */
    int inner = branch(CLONE_NEWPID);
    if (inner == 0) { ask("inner", terminal); _exit(0); }
    waitpid(inner, &status, 0);
    printf("released: %d\n", ioctl(terminal, TIOCNOTTY));
    ask("none", terminal);
    return 0;
}

int main(int count, char **words) {
    unsigned long flags = count > 2 ? CLONE_NEWPID : 0;
    int child = branch(flags), status;
    if (child == 0) {
        if (count > 3) {
            int next = branch(CLONE_NEWPID);
            if (next == 0) _exit(lead(words[1]));
            waitpid(next, &status, 0);
            _exit(WEXITSTATUS(status));
        }
        _exit(lead(words[1]));
    }
    waitpid(child, &status, 0);
    printf("ended: %#x\n", status);
}
