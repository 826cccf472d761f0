/* Processes of several threads are stopped and continued faster than their threads can tell of it. The argument chooses how, and who asks. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS = 300, ROUNDS = 6 };
static const char *way;
static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
static int is(const char *other) { return strcmp(way, other) == 0; }
static void *busy(void *unused) { for (;;) getppid(); return unused; }
static void *idle(void *unused) { for (;;) pause(); return unused; }

/* A child of three threads, or of one, which has told that they are there. */
static int begin(void) {
    int ready[2];
    char byte = 0;
    pipe(ready);
    int child = fork();
    if (child == 0) {
        pthread_t thread;
        for (int i = is("single") ? 2 : 0; i < 2; i++) pthread_create(&thread, 0, is("idle") ? idle : busy, 0);
        write(ready[1], &byte, 1);
        idle(0);
    }
    read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void stop_and_continue(int child, int turn) {
    kill(child, is("kinds") ? stops[turn % 4] : SIGSTOP);
    kill(child, SIGCONT);
}

/* Another process that does it all the time. */
static int begin_stopper(int child) {
    int stopper = fork();
    if (stopper == 0) {
        for (int turn = 0; turn < TURNS; turn++) stop_and_continue(child, turn);
        _exit(0);
    }
    return stopper;
}

/* What a wait that does not sleep is told. Numbers of stops and of continuations are a matter of time: only ends count. */
static int has_ended(int child, int more) {
    siginfo_t info = {0};
    if (is("look")) waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT);
    waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WEXITED | more);
    return info.si_pid == child && info.si_code == CLD_KILLED;
}

/* The child is stopped and continued, and its parent asks in between; killed in the end, amid that or behind it. */
static int juggle(void) {
    int child = begin(), is_over = 0;
    for (int turn = 0; turn < TURNS / 3; turn++) {
        stop_and_continue(child, turn);
        is_over |= has_ended(child, WNOHANG);
    }
    if (is("kill")) kill(child, SIGSTOP), kill(child, SIGCONT);
    kill(child, SIGKILL);
    while (!is_over) is_over = has_ended(child, 0);
    return is_over;
}

/* Another thread that asks too, until there is nobody left. */
static void *ask(void *child) {
    while (waitpid(*(int *)child, 0, WUNTRACED | WCONTINUED) > 0) ;
    return 0;
}

/* Two others do that, while the parent sleeps in waits. */
static int be_told(void) {
    int child = begin(), stoppers[] = {begin_stopper(child), begin_stopper(child)}, is_over = 0;
    int killer = fork();
    if (killer == 0) {
        for (int turn = 0; turn < TURNS; turn++) stop_and_continue(child, turn);
        kill(child, SIGKILL);
        _exit(0);
    }
    pthread_t asker;
    if (is("asked")) {
        pthread_create(&asker, 0, ask, &child);
        for (siginfo_t info = {0}; !waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WNOWAIT | WEXITED) && info.si_code != CLD_KILLED;)
            waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WNOHANG);
        pthread_join(asker, 0);
        is_over = 1;
    }
    while (!is_over) is_over = has_ended(child, 0);
    for (int i = 0; i < 2; i++) waitpid(stoppers[i], 0, 0);
    waitpid(killer, 0, 0);
    return is_over;
}

/* A stop that nobody takes back is told in the end, however often others were before; what comes at leisure then, is told as it comes. */
static int stay(void) {
    int child = begin(), status = 0;
    for (int turn = 0; turn < (is("calm") ? 0 : TURNS / 6); turn++) {
        stop_and_continue(child, turn);
        if (turn % 3 == 0) has_ended(child, WNOHANG);
    }
    kill(child, SIGSTOP);
    do waitpid(child, &status, WUNTRACED | WCONTINUED); while (!WIFSTOPPED(status));
    for (int turn = 0; turn < TURNS / 6; turn++) {
        kill(child, SIGCONT);
        waitpid(child, &status, WCONTINUED);
        kill(child, SIGSTOP);
        waitpid(child, &status, WUNTRACED);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return WIFSIGNALED(status);
}

/* A group of two such processes, children of one that waits for both. */
static int all_of_a_group(void) {
    int parent = fork();
    if (parent == 0) {
        setpgid(0, 0);
        signal(SIGCONT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        int children[] = {begin(), begin()}, is_over = 0;
        for (int i = 0; i < 2; i++) setpgid(children[i], children[0]);
        for (int turn = 0; turn < TURNS / 6; turn++) {
            stop_and_continue(-children[0], turn);
            waitpid(-1, 0, WUNTRACED | WCONTINUED | WNOHANG);
        }
        kill(-children[0], SIGKILL);
        while (is_over < 2) {
            int status;
            if (waitpid(-1, &status, WUNTRACED | WCONTINUED) > 0 && WIFSIGNALED(status)) is_over++;
        }
        _exit(is_over);
    }
    int status;
    waitpid(parent, &status, 0);
    return WEXITSTATUS(status);
}

int main(int count, char **arguments) {
    int ends = 0;
    (void)count;
    way = arguments[1];
    for (int round = 0; round < ROUNDS; round++)
        ends += is("two") || is("single") || is("asked") ? be_told() : is("stay") || is("calm") ? stay() : is("group") ? all_of_a_group() : juggle();
    printf("%d\n", ends);
    return 0;
}
