/* The leader waits for a child, and another thread's exec kills it in that moment. What it was told then, nobody knows; the new program asks again. The argument chooses what there is to wait for. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static const char *way;
static char **words;
static char child_number[16];
static pthread_barrier_t barrier;
static int is(const char *other) { return strcmp(way, other) == 0; }
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }

static void *executes(void *steps) {
    pthread_barrier_wait(&barrier);
    linger((int)(long)steps);
    execl("/proc/self/exe", words[0], way, child_number, (char *)0);
    return 0;
}

/* What the child does while its parent waits and executes. */
static void child(int steps) {
    if (is("exit") || is("poll") || is("children")) { linger(steps); _exit(3); }
    if (is("stop") || is("either")) { linger(steps); raise(SIGSTOP); }
    for (;;) pause();
}

/* Waits, and is killed in it or behind it, by an exec that comes at another moment in each round. */
static void parent(int round) {
    pthread_t thread;
    siginfo_t info;
    int status, others = is("children") ? 3 : 0, pid;
    while (others-- > 0) if (fork() == 0) child(round % 5 * 1500);
    if ((pid = fork()) == 0) child(round % 7 * 1500);
    sprintf(child_number, "%d", pid);
    if (is("continue")) { kill(pid, SIGSTOP); waitpid(pid, &status, WUNTRACED); }
    pthread_barrier_init(&barrier, 0, 2);
    pthread_create(&thread, 0, executes, (void *)(long)(round % 11 * 1500));
    pthread_barrier_wait(&barrier);
    if (is("continue")) kill(pid, SIGCONT);
    for (;;) {
        if (is("stop")) waitid(P_PID, pid, &info, WSTOPPED);
        else if (is("continue")) waitid(P_ALL, 0, &info, WCONTINUED);
        else if (is("poll")) waitpid(pid, &status, WNOHANG);
        else if (is("either")) waitpid(-1, &status, WUNTRACED);
        else wait4(-1, &status, 0, 0);
    }
}

/* The new program finds what is left. */
static int rest(int pid) {
    siginfo_t info;
    int status;
    if (is("stop") || is("continue") || is("either")) {
        waitid(P_PID, pid, &info, WSTOPPED | WCONTINUED | WNOHANG);
        waitid(P_PID, pid, &info, WSTOPPED | WCONTINUED | WNOHANG);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    while (wait(&status) > 0) if (WEXITSTATUS(status) != 3) return 1;
    return errno != ECHILD;
}

int main(int count, char **arguments) {
    int status, good = 0;
    way = arguments[1];
    words = arguments;
    if (count > 2) return rest(atoi(arguments[2]));
    for (int round = 0; round < ROUNDS; round++) {
        if (fork() == 0) parent(round);
        wait(&status);
        good += status == 0;
    }
    printf("%d\n", good);
    return 0;
}
