/* Stopped groups that become orphaned: they get SIGHUP and SIGCONT, and whoever adopts them is told of what comes of it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void note(int signal) { (void)signal; }

int main(int count, char **words) {
    int rounds = count > 1 ? atoi(words[1]) : 1, wrong = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, note);
    for (int round = 0; round < 3 * rounds; round++) {
        int middle = fork();
        if (middle == 0) {
            setsid();
            for (int member = 0; member < 1 + round % 2; member++) {
                int child = fork();
                if (child == 0) {
                    setpgid(0, 0);
                    if (round % 3 == 1) signal(SIGHUP, SIG_IGN);
                    if (round % 3 == 2) signal(SIGHUP, note);
                    raise(SIGSTOP);
                    _exit(7);
                }
                waitpid(child, 0, WUNTRACED);
            }
            _exit(0);
        }
        int status, child;
        while ((child = waitpid(-1, &status, round % 2 ? WCONTINUED : 0)) > 0) {
            if (WIFCONTINUED(status)) continue;
            wrong += status != (child == middle ? 0 : round % 3 ? 7 << 8 : SIGHUP);
        }
    }
    printf("wrong: %d\n", wrong);
}
