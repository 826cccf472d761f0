/* reboot(2) in a namespace, in unusual situations. The argument chooses. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int branch(void) {
    int child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) exit(77);
    return child;
}

static long restart(void) { return syscall(SYS_reboot, 0xfee1dead, 0x28121969, RB_AUTOBOOT, 0); }

int main(int count, char **words) {
    (void)count;
    int status, init = branch();
    if (init == 0) {
        switch (words[1][0]) {
        case 'n': {
            /* A namespace inside: the one outside goes on. */
            int inner = branch();
            if (inner == 0) { if (fork() == 0) for (;;) pause(); restart(); _exit(1); }
            waitpid(inner, &status, 0);
            printf("inner %#x\n", status);
            fflush(stdout);
            _exit(3);
        }
        case 'u':
            if (setuid(1000) != 0) _exit(77);
            printf("by a user: %s\n", restart() < 0 ? strerrorname_np(errno) : "done");
            fflush(stdout);
            _exit(4);
        case 's': {
            /* The init sleeps in wait, others are stopped. */
            int child = fork();
            if (child == 0) { raise(SIGSTOP); _exit(1); }
            waitpid(child, &status, WUNTRACED);
            if (fork() == 0) { restart(); _exit(1); }
            while (wait(&status) > 0) ;
            _exit(5);
        }
        case 'm':
            /* Several want it at once. */
            for (int i = 0; i < 3; i++) if (fork() == 0) { restart(); _exit(1); }
            for (;;) pause();
        case 'o':
            /* An orphan wants it. */
            if (fork() == 0) { if (fork() == 0) { while (getppid() != 1) sched_yield(); restart(); } _exit(0); }
            for (;;) pause();
        }
    }
    waitpid(init, &status, 0);
    printf("%#x\n", status);
    return status == 77 << 8 ? 77 : 0;
}
