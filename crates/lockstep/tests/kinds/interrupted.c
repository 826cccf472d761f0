/* A child ends, or a terminal's size is told to have changed, while its parent, which ignores that, sleeps in a call that does not begin again by
   itself when it is interrupted. The argument chooses the call; "limit" one that ends by itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static void handle(int signal) { (void)signal; }

int main(int count, char **words) {
    (void)count;
    way = words[1];
    int status, result = -1, pipes[2], sets = semget(IPC_PRIVATE, 1, 0600);
    struct epoll_event event = {.events = EPOLLIN};
    struct sembuf down = {0, -1, 0}, up = {0, 1, 0};
    struct timespec while_ = {0, 200000000};
    sigset_t none, usr1;
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pipe(pipes);
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, pipes[0], &event);
    if (is("handled")) signal(SIGCHLD, handle);
    if (is("told")) signal(SIGUSR2, SIG_IGN);
    if (is("signal")) sigprocmask(SIG_BLOCK, &usr1, 0);

    int parent = getpid();
    int other = fork();
    if (other == 0) {
        /* By then the parent sleeps: what it waits for comes after a grandchild has told that this one has ended. */
        int end[2];
        pipe(end);
        if (fork() == 0) {
            char byte;
            close(end[1]);
            read(end[0], &byte, 1);
            usleep(60000);
            if (is("told")) { kill(parent, SIGUSR2); kill(parent, SIGWINCH); usleep(60000); }
            if (is("signal")) kill(parent, SIGUSR1);
            else if (is("semaphore") || is("limited semaphore")) semop(sets, &up, 1);
            else write(pipes[1], "x", 1);
            _exit(0);
        }
        usleep(60000);
        _exit(0);
    }
    if (is("epoll") || is("told") || is("handled")) result = epoll_wait(set, &event, 1, -1);
    if (is("masked epoll")) result = epoll_pwait(set, &event, 1, -1, &none);
    if (is("newer epoll")) result = syscall(SYS_epoll_pwait2, set, &event, 1, 0, &none, 8);
    if (is("semaphore")) result = semop(sets, &down, 1);
    if (is("limited semaphore")) result = semtimedop(sets, &down, 1, 0);
    if (is("signal")) result = sigwaitinfo(&usr1, 0);
    if (is("limit")) { close(pipes[1]); epoll_ctl(set, EPOLL_CTL_DEL, pipes[0], 0); result = epoll_pwait2(set, &event, 1, &while_, 0); }
    printf("%d%s\n", result, result < 0 && errno == EINTR ? ", interrupted" : "");
    printf("child: %d\n", waitpid(other, &status, 0) == other);
    semctl(sets, 0, IPC_RMID);
}
