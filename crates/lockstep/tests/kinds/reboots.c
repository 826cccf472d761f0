/* reboot(2) in a PID namespace. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long command;

static void *in_thread(void *unused) {
    syscall(SYS_reboot, 0xfee1dead, 0x28121969, command, 0);
    return unused;
}

static void inside(int who) {
    switch (who) {
    case 0: in_thread(0); break;
    case 1: if (fork() == 0) { in_thread(0); _exit(1); } for (;;) pause();
    case 2: { pthread_t thread; pthread_create(&thread, 0, in_thread, 0); for (;;) pause(); }
    case 3: if (fork() == 0) for (;;) pause(); signal(SIGTERM, SIG_IGN); in_thread(0); break;
    }
    printf("not rebooted: %s\n", strerrorname_np(errno));
    fflush(stdout);
    _exit(5);
}

int main(void) {
    const long commands[] = {RB_AUTOBOOT, RB_HALT_SYSTEM, RB_POWER_OFF, RB_ENABLE_CAD};
    for (int i = 0; i < 4; i++) {
        for (int who = 0; who < (i == 3 ? 1 : 4); who++) {
            command = commands[i];
            int status, init = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
            if (init < 0) return 77;
            if (init == 0) { if (getpid() != 1) _exit(9); inside(who); }
            waitpid(init, &status, 0);
            printf("%d %d: %#x\n", i, who, status);
            fflush(stdout);
        }
    }
    if (syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) == 0) {
        long result = syscall(SYS_reboot, 1, 2, RB_AUTOBOOT, 0);
        printf("without magic: %ld %s\n", result, strerrorname_np(errno));
        return 0;
    }
    wait(0);
}
