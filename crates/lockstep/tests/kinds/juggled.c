/* A process is stopped and continued again and again by another one, while its parent waits for that. The argument chooses how. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 10, TURNS = 40 };
static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }

static void child(void) {
    if (is("busy")) for (;;) ;
    if (is("asking")) for (;;) getppid();
    for (;;) pause();
}

static void juggle(int child, int round) {
    for (int i = 0; i < TURNS; i++) {
        kill(child, SIGSTOP);
        linger(round * 400);
        kill(child, SIGCONT);
        linger(round * 200);
    }
    kill(child, SIGKILL);
    _exit(0);
}

int main(int count, char **arguments) {
    (void)count;
    siginfo_t info;
    int status, options = WSTOPPED | WCONTINUED | WEXITED, ends = 0;
    way = arguments[1];
    for (int round = 0; round < ROUNDS; round++) {
        int pid = fork();
        if (pid == 0) child();
        int juggler = fork();
        if (juggler == 0) juggle(pid, round);
        for (int is_over = 0; !is_over;) {
            info.si_pid = 0;
            if (is("wait4")) { if (waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid) is_over = WIFSIGNALED(status); continue; }
            if (is("sleep") || is("busy")) waitid(P_PID, pid, &info, options);
            else waitid(P_PID, pid, &info, options | WNOHANG);
            is_over = info.si_pid == pid && info.si_code == CLD_KILLED;
            if (is("look") && !is_over) waitid(P_PID, pid, &info, options | WNOHANG | WNOWAIT);
        }
        waitpid(juggler, 0, 0);
        ends++;
    }
    printf("%d\n", ends);
    return 0;
}
