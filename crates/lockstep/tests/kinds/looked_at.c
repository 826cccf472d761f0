/* Threads look at a child that has ended or stopped, while another thread takes note of that. The argument chooses how they look. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 30, LOOKERS = 2 };

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }
static int child, descriptor;

static void *looks(void *unused) {
    siginfo_t info = {0};
    if (is("pidfd")) while (waitid(P_PIDFD, descriptor, &info, WEXITED | WNOWAIT) == 0) ;
    else while (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT) == 0) ;
    return unused;
}

int main(int count, char **arguments) {
    (void)count;
    int status, good = 0;
    pthread_t threads[LOOKERS];
    way = arguments[1];
    for (int round = 0; round < ROUNDS; round++) {
        child = fork();
        if (child == 0) {
            linger(round * 700);
            if (is("stopped")) raise(SIGSTOP);
            _exit(3);
        }
        descriptor = syscall(SYS_pidfd_open, child, 0);
        for (int i = 0; i < LOOKERS; i++) pthread_create(&threads[i], 0, looks, 0);
        linger(round % 7 * 2000);
        if (is("stopped")) {
            good += waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status);
            kill(child, SIGCONT);
        }
        good += waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3;
        for (int i = 0; i < LOOKERS; i++) pthread_join(threads[i], 0);
        close(descriptor);
    }
    printf("%d\n", good);
    return 0;
}
