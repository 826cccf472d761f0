/* A session's leader gets terminals and gives them back, while one of its threads forks. The argument chooses how it gets them, and what the children look at. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 150 };

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static volatile int done;
static int master, other_master, terminal, other_terminal;

static int make_terminal(int *own_master) {
    *own_master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    unlockpt(*own_master);
    return ioctl(*own_master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
}

/* Looks at its terminal, if it has one. */
static void child(void) {
    int group;
    if (is("leave")) setsid();
    int own = open("/dev/tty", O_RDWR | O_NOCTTY);
    if (own >= 0) {
        ioctl(own, TIOCGPGRP, &group);
        ioctl(own, TIOCGSID, &group);
        if (is("release")) ioctl(own, TIOCNOTTY);
        close(own);
    }
    if (is("grandchild") && fork() == 0) _exit(0);
    _exit(own >= 0 && is("leave"));
}

static void *forks(void *unused) {
    int status;
    long bad = 0;
    while (!done) {
        int group, pid;
        if (is("question")) ioctl(terminal, TIOCGPGRP, &group), ioctl(terminal, TIOCGSID, &group);
        else if (is("give")) ioctl(terminal, TIOCNOTTY);
        else if (is("take")) ioctl(other_terminal, TIOCSCTTY, 0), ioctl(other_terminal, TIOCNOTTY);
        if (is("question") || is("give") || is("take")) continue;
        pid = fork();
        if (pid == 0) child();
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    (void)unused;
    return (void *)bad;
}

static void leader(void) {
    char path[64];
    void *bad;
    pthread_t thread;
    terminal = make_terminal(&master);
    other_terminal = make_terminal(&other_master);
    ptsname_r(master, path, sizeof path);
    signal(SIGHUP, SIG_IGN);
    setsid();
    pthread_create(&thread, 0, forks, 0);
    for (int round = 0; round < ROUNDS; round++) {
        if (is("acquire") || is("turns")) ioctl(terminal, TIOCSCTTY, 0);
        else close(open(path, O_RDWR));
        if (is("turns")) ioctl(terminal, TIOCNOTTY), ioctl(other_terminal, TIOCSCTTY, 0), ioctl(other_terminal, TIOCNOTTY);
        else ioctl(terminal, TIOCNOTTY);
    }
    done = 1;
    pthread_join(thread, &bad);
    _exit((int)(long)bad);
}

int main(int count, char **arguments) {
    (void)count;
    int status;
    way = arguments[1];
    if (fork() == 0) leader();
    wait(&status);
    printf("%d\n", status);
    return 0;
}
