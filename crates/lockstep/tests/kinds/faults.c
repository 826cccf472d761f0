/* The init of a PID namespace faults. With an argument it handles that. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void handle(int signal) { _exit(40 + signal); }

static void fault(int how) {
    volatile int zero = 0;
    switch (how) {
    case 0: *(volatile int *)8 = 1; break;
    case 1: __builtin_trap(); break;
    case 2: printf("%d", 77 % (3 * zero)); break;
    case 3: *(void (*volatile *)(void))0 = 0; break;
    }
}

int main(int count, char **words) {
    (void)words;
    for (int how = 0; how < 4; how++) {
        int status, init = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (init < 0) return 77;
        if (init == 0) {
            if (count > 1) for (int signal_number = 1; signal_number < 32; signal_number++) signal(signal_number, handle);
            if (how == 3 && fork() == 0) for (;;) pause();
            fault(how);
            _exit(1);
        }
        waitpid(init, &status, 0);
        if (count > 1) printf("%d: %#x\n", how, status);
        else printf("%d: %d\n", how, WIFSIGNALED(status));
        fflush(stdout);
    }
}
