/* What a process is told, and what it is not. The argument chooses. */
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[1 << 16] __attribute__((aligned(16)));
static int ready[2];

static void await(void) { char byte; read(ready[0], &byte, 1); }
static void say(void) { write(ready[1], "x", 1); }
static int linger_in_vfork(void *unused) { (void)unused; say(); usleep(300000); _exit(3); }
static void *vforks(void *unused) { clone(linger_in_vfork, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, 0); return unused; }

/* A stop that waits for a thread in vfork, and SIGCONT: that is a continuation to who waits for one. The stop may not have begun when SIGCONT comes: again, then. */
static void undone(void) {
    siginfo_t info = {0};
    int child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, vforks, 0);
        pthread_join(thread, 0);
        _exit(5);
    }
    await();
    for (int pause = 1000; info.si_pid != child && pause < 10000000; pause *= 2) {
        kill(child, SIGSTOP);
        usleep(pause);
        kill(child, SIGCONT);
        waitid(P_PID, child, &info, WCONTINUED | WNOHANG);
    }
    puts("done");
    while (wait(0) > 0) ;
}

static void *leaves_a_zombie(void *unused) {
    siginfo_t info;
    int child = fork();
    if (child == 0) _exit(4);
    waitid(P_PID, child, &info, WEXITED | WNOWAIT | __WNOTHREAD);
    usleep(50000);
    syscall(SYS_exit, 0);
    return unused;
}

/* A zombie that a thread of the same process leaves to a sleeper does not wake it. */
static void sibling(void) {
    siginfo_t info;
    pthread_t thread;
    if (fork() == 0) { usleep(300000); _exit(7); }
    pthread_create(&thread, 0, leaves_a_zombie, 0);
    waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | __WNOTHREAD);
    puts("done");
    while (wait(0) > 0) ;
}

/* One may send oneself what looks like news of a child, also by a number in a namespace. */
static void forged(void) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = CLD_EXITED;
    printf("%ld\n", syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &info));
    if (syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) == 0) _exit((int)syscall(SYS_rt_sigqueueinfo, 1, SIGCHLD, &info));
    wait(0);
}

/* A pidfd of a process outside the caller's namespace is refused, also when that process is gone. */
static void gone(void) {
    int child = fork();
    if (child == 0) pause();
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
    fflush(stdout);
    if (syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) == 0) {
        syscall(SYS_pidfd_send_signal, pidfd, 0, 0, 0);
        printf("inside: %s\n", strerror(errno));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    syscall(SYS_pidfd_send_signal, pidfd, 0, 0, 0);
    printf("outside: %s\n", strerror(errno));
}

static int make_terminal(int *master) {
    *master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    unlockpt(*master);
    return ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
}

/* /dev/tty stays the terminal that it was when it was opened. */
static void former(void) {
    int master, group;
    if (fork() == 0) {
        setsid();
        ioctl(make_terminal(&master), TIOCSCTTY, 0);
        int own = open("/dev/tty", O_RDWR);
        if (fork() == 0) {
            setsid();
            ioctl(make_terminal(&master), TIOCSCTTY, 0);
            printf("%d: %s\n", ioctl(own, TIOCGPGRP, &group), strerror(errno));
            fflush(stdout);
            _exit(0);
        }
        wait(0);
        _exit(0);
    }
    wait(0);
}

/* A leader asks for its terminal while another one takes it away. */
static void stolen(void) {
    for (int round = 0; round < 20; round++) {
        int master, group, terminal = make_terminal(&master);
        if (fork() == 0) {
            setsid();
            ioctl(terminal, TIOCSCTTY, 0);
            say();
            for (int asked = 0; asked < 1000000 && ioctl(terminal, TIOCGPGRP, &group) == 0; asked++) ;
            _exit(1);
        }
        await();
        usleep(500);
        if (fork() == 0) {
            setsid();
            signal(SIGHUP, SIG_IGN);
            ioctl(terminal, TIOCSCTTY, 1);
            usleep(1000);
            _exit(1);
        }
        while (wait(0) > 0) ;
        close(master);
        close(terminal);
    }
    puts("done");
}

/* A leader opens a terminal, which is its own then, and makes no call about processes any more: its group hangs up with it. */
static void opened(const char *how, const char *end) {
    int status, started[2];
    pipe(started);
    int leader = fork();
    if (leader == 0) {
        setsid();
        int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
        unlockpt(master);
        if (fork() == 0) { close(master); say(); pause(); _exit(0); }
        await();
        if (strcmp(how, "peer")) open(ptsname(master), O_RDWR);
        else ioctl(master, TIOCGPTPEER, O_RDWR);
        if (!strcmp(end, "fault")) *(volatile int *)0 = 0;
        write(started[1], "x", 1);
        for (;!strcmp(end, "killed");) usleep(1000);
        _exit(3);
    }
    if (!strcmp(end, "killed")) { char byte; read(started[0], &byte, 1); kill(leader, SIGKILL); }
    waitpid(leader, &status, 0);
    printf("%x\n", status);
}

int main(int count, char **words) {
    (void)count;
    pipe(ready);
    if (!strcmp(words[1], "undone")) undone();
    if (!strcmp(words[1], "sibling")) sibling();
    if (!strcmp(words[1], "forged")) forged();
    if (!strcmp(words[1], "gone")) gone();
    if (!strcmp(words[1], "former")) former();
    if (!strcmp(words[1], "stolen")) stolen();
    if (!strcmp(words[1], "opened")) opened(words[2], words[3]);
    return 0;
}
