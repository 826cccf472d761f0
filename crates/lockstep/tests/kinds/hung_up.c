/* More hang-ups by vhangup: by a thread, again and again, in a PID namespace, with jobs in front and behind, without the right to it. The
   argument chooses. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }

static volatile sig_atomic_t hung_up;
static void on_hang_up(int signal) { (void)signal; hung_up++; }

static int hang_up(void) { return syscall(SYS_vhangup); }
static void *hang_up_in_a_thread(void *unused) { hang_up(); return unused; }

static int has_terminal(void) {
    int line = open("/dev/tty", O_RDWR | O_NOCTTY);
    if (line >= 0) close(line);
    return line >= 0;
}

static void tell(const char *what, int value) {
    printf("%s: %d\n", what, value);
    fflush(stdout);
}

static int job(int in_front) {
    int ready[2];
    char byte;
    pipe(ready);
    int child = fork();
    if (child == 0) {
        signal(SIGHUP, SIG_DFL);
        signal(SIGTTOU, SIG_IGN);
        setpgid(0, 0);
        if (in_front) tcsetpgrp(0, getpid());
        write(ready[1], "x", 1);
        for (;;) pause();
    }
    read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void lead(const char *name) {
    struct sigaction action = {.sa_handler = on_hang_up};
    sigaction(SIGHUP, &action, 0);
    setsid();
    dup2(open(name, O_RDWR), 0);
    tell("has", has_terminal());
    tell("foreground", tcgetpgrp(0) == getpid());
    if (is("thread")) {
        pthread_t thread;
        pthread_create(&thread, 0, hang_up_in_a_thread, 0);
        pthread_join(thread, 0);
    } else if (is("user")) {
        if (setresuid(4242, 4242, 4242) != 0) _exit(77);
        tell("refused", hang_up() == -1 && errno == EPERM);
        tell("has", has_terminal());
        _exit(0);
    } else if (is("jobs")) {
        int status = 0, behind = job(0), front = job(1);
        tell("foreground", tcgetpgrp(0) == front);
        hang_up();
        /* The leader is told, and nobody else; the job that was in front is told when the leader ends. */
        tell("front", waitpid(front, &status, WNOHANG));
        kill(behind, SIGTERM);
        waitpid(behind, &status, 0);
        tell("behind", status);
    } else {
        hang_up();
    }
    while (!hung_up) {}
    tell("has", has_terminal());
    tell("session", ioctl(0, TIOCGSID, &hung_up));
    _exit(0);
}

static void with_terminal(void) {
    int status, master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    if (fork() == 0) lead(ptsname(master));
    wait(&status);
    tell("ended", status);
    if (is("jobs")) { wait(&status); tell("front", status); }
    close(master);
}

int main(int count, char **words) {
    (void)count;
    int status;
    way = words[1];
    /* In a session of its own, so that nobody's terminal is in danger; and no leader of a group. */
    int one = fork();
    if (one > 0) { waitpid(one, &status, 0); return WEXITSTATUS(status); }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (setsid() < 0 || hang_up() != 0) return 77;
    if (is("namespace")) {
        int child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (child < 0) return 77;
        if (child == 0) { with_terminal(); _exit(0); }
        waitpid(child, &status, 0);
        tell("namespace ended", status);
        return 0;
    }
    for (int round = is("again") ? 0 : 2; round < 3; round++) with_terminal();
}
