/* The init of a namespace ends with others in it: it is no zombie before they are gone, however its parent asks. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_namespace(void) {
    int child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) exit(77);
    return child;
}

static void fill(int count) {
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            if (i % 2) fork();
            if (i % 3 == 0) setsid();
            for (;;) pause();
        }
    }
}

static int poll_child(int child, int way) {
    int status = 0;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    switch (way % 3) {
    case 0: while (waitpid(child, &status, WNOHANG) == 0) ; break;
    case 1:
        while (waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) ;
        waitpid(child, &status, 0);
        break;
    case 2: waitpid(-1, &status, __WALL); break;
    }
    return status;
}

int main(int count, char **words) {
    int rounds = count > 1 ? atoi(words[1]) : 6, sum = 0;
    for (int round = 0; round < rounds; round++) {
        int ready[2];
        pipe(ready);
        int init = make_namespace();
        if (init == 0) {
            fill(1 + round % 5);
            write(ready[1], "x", 1);
            if (round % 2) for (;;) pause();
            _exit(round);
        }
        if (round % 2) {
            char byte;
            read(ready[0], &byte, 1);
            kill(init, SIGKILL);
        }
        int status = poll_child(init, round);
        sum += status != (round % 2 ? SIGKILL : round << 8);
        close(ready[0]);
        close(ready[1]);
    }
    /* Processes come in from outside while the namespace ends: their parent must reap them before it is over. */
    for (int round = 0; round < rounds; round++) {
        char path[64];
        int init = make_namespace();
        if (init == 0) for (;;) pause();
        snprintf(path, sizeof path, "/proc/%d/ns/pid", init);
        int space = open(path, O_RDONLY);
        int injector = fork();
        if (injector == 0) {
            setns(space, CLONE_NEWPID);
            int inside[3], made = 0;
            for (int i = 0; i < 3; i++) {
                int child = fork();
                if (child == 0) for (;;) pause();
                if (child > 0) inside[made++] = child;
                if (i == 1) kill(init, SIGKILL);
            }
            for (int i = 0; i < made; i++) {
                int status;
                while (waitpid(inside[i], &status, i ? 0 : WNOHANG) == 0) ;
            }
            _exit(0);
        }
        int status;
        waitpid(injector, &status, 0);
        sum += status != 0;
        sum += poll_child(init, round) != SIGKILL;
        close(space);
    }
    printf("wrong: %d\n", sum);
}
