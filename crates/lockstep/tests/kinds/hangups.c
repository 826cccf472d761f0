// Terminals that are hung up by vhangup: by the leader of their session, by another member, by a job in the foreground, by who has none.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t hung_up, continued;

static void on_signal(int signal) {
    if (signal == SIGHUP)
        hung_up++;
    else
        continued++;
}

static int has_terminal(void) {
    int line = open("/dev/tty", O_RDWR | O_NOCTTY);
    if (line >= 0)
        close(line);
    return line >= 0;
}

static int hang_up(void) { return syscall(SYS_vhangup); }

// Ends with what its call said, and whether it has a terminal after it.
static pid_t member(int in_front) {
    pid_t child = fork();
    if (child != 0)
        return child;
    if (in_front) {
        signal(SIGTTOU, SIG_IGN);
        setpgid(0, 0);
        tcsetpgrp(0, getpid());
    }
    _exit(hang_up() != 0 ? 9 : 2 + has_terminal());
}

static void lead(const char *name, int who) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
    setsid();
    int line = open(name, O_RDWR);
    dup2(line, 0);
    int status = 0, had = has_terminal();
    if (who == 0)
        status = hang_up();
    else {
        pid_t child = member(who == 2);
        while (waitpid(child, &status, 0) < 0) {}
    }
    while (!hung_up || !continued) {}
    printf("who %d: had %d, status %x, has %d, told %d %d, session of the terminal %d\n", who, had, status,
           has_terminal(), hung_up, continued, ioctl(0, TIOCGSID, &status));
    fflush(stdout);
    // Nothing is left to lose.
    printf("again: %d\n", hang_up());
    fflush(stdout);
    _exit(0);
}

int main(void) {
    // In a session of its own, so that nobody's terminal is in danger.
    if (setsid() < 0 || hang_up() != 0)
        return 77;
    for (int who = 0; who < 3; who++) {
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        grantpt(master);
        unlockpt(master);
        if (fork() == 0)
            lead(ptsname(master), who);
        int status;
        wait(&status);
        printf("ended: %x\n", status);
        fflush(stdout);
        close(master);
    }
}
