/* Goes through corners of fork, wait, groups and sessions that ordinary programs avoid.
 * It judges nothing itself: lockstep compares every answer with the model. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t fork_with(unsigned long flags)
{
    return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

static void exit_signals(void)
{
    int status;
    signal(SIGUSR1, SIG_IGN);
    pid_t child = fork_with(SIGUSR1);
    if (child == 0)
        _exit(1);
    waitpid(child, &status, 0);
    waitpid(child, &status, __WCLONE);
    child = fork_with(0);
    if (child == 0)
        _exit(2);
    waitid(P_PID, child, NULL, WEXITED | __WALL | WNOWAIT);
    waitpid(child, &status, __WALL);
}

static void siblings(void)
{
    int status;
    if (fork() == 0) {
        pid_t sibling = fork_with(CLONE_PARENT);
        if (sibling == 0)
            _exit(5);
        waitpid(sibling, &status, 0);
        _exit(0);
    }
    while (wait(&status) > 0)
        ;
}

static void wrong_requests(void)
{
    int status;
    fork_with(CLONE_THREAD);
    fork_with(CLONE_SIGHAND);
    waitpid(-1, &status, 0x4000);
    waitid(P_PID, 0, NULL, WEXITED);
    waitid(99, 0, NULL, WEXITED);
    syscall(SYS_wait4, 0x80000000, &status, 0, NULL);
    setpgid(0, 0);
    setpgid(0, -1);
    setpgid(-5, 0);
    setpgid(99999999, 0);
    getpgid(-3);
    getsid(99999999);
}

static void groups_and_sessions(void)
{
    siginfo_t info;
    pid_t leader = fork();
    if (leader == 0) {
        setsid();
        setsid();
        setpgid(0, 0);
        getsid(0);
        getpgid(0);
        _exit(0);
    }
    setpgid(leader, leader);
    waitpid(leader, NULL, 0);
    /* A group that only a zombie keeps can be joined. */
    leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        _exit(0);
    }
    waitid(P_PID, leader, &info, WEXITED | WNOWAIT);
    if (fork() == 0) {
        setpgid(0, leader);
        _exit(0);
    }
    while (waitpid(-leader, NULL, 0) > 0)
        ;
    waitpid(0, NULL, 0);
}

static void children_nobody_waits_for(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    action.sa_flags = 0;
    sigaction(SIGCHLD, &action, NULL);
    /* A bad address is noticed after the zombie is gone. */
    child = fork();
    if (child == 0)
        _exit(0);
    syscall(SYS_wait4, child, 8, 0, NULL);
    syscall(SYS_wait4, child, NULL, 0, NULL);
}

/* More children than are moved at once, some ended and some alive, go to a subreaper. */
static void many_orphans(void)
{
    int on, status, count = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0);
    if (fork() == 0) {
        for (int number = 0; number < 70; number++) {
            if (fork() == 0) {
                usleep(1000 * number);
                _exit(number);
            }
        }
        _exit(0);
    }
    while (wait(&status) > 0)
        count++;
    printf("%d reaped\n", count);
}

int main(void)
{
    exit_signals();
    siblings();
    wrong_requests();
    groups_and_sessions();
    children_nobody_waits_for();
    many_orphans();
    return 0;
}
