/* What a parent does about SIGCHLD decides what it is told of a child that stops, continues and ends. */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void count(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    told |= 1 << info->si_code;
}

static void set(int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = count;
    action.sa_flags = SA_SIGINFO | SA_RESTART | flags;
    assert(sigaction(SIGCHLD, &action, 0) == 0);
}

/* Returns when a handler has run with that code. */
static void await(int code)
{
    sigset_t child, before;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    assert(sigprocmask(SIG_BLOCK, &child, &before) == 0);
    while (!(told & 1 << code))
        sigsuspend(&before);
    assert(sigprocmask(SIG_SETMASK, &before, 0) == 0);
}

/*
 * A child stops itself, is continued and ends; the parent waits for each, unless its children vanish. The child ends when the parent has been
 * told that it goes on: a second SIGCHLD while one is pending would be lost.
 */
static int tell(int flags)
{
    siginfo_t info;
    pid_t child;
    int end[2];
    char byte = 0;

    set(flags);
    told = 0;
    assert(pipe(end) == 0);
    child = fork();
    assert(child >= 0);
    if (child == 0) {
        raise(SIGSTOP);
        _exit(read(end[0], &byte, 1) == 1 ? 7 : 1);
    }
    assert(waitid(P_PID, child, &info, WSTOPPED) == 0);
    assert(info.si_pid == child && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    assert(kill(child, SIGCONT) == 0);
    if (!(flags & SA_NOCLDSTOP))
        await(CLD_CONTINUED);
    assert(write(end[1], &byte, 1) == 1);
    if (flags & SA_NOCLDWAIT) {
        assert(wait(0) == -1);
    } else {
        assert(waitid(P_PID, child, &info, WEXITED) == 0);
        assert(info.si_code == CLD_EXITED && info.si_status == 7);
    }
    close(end[0]);
    close(end[1]);
    return told;
}

int main(void)
{
    int ended = 1 << CLD_EXITED, stopped = 1 << CLD_STOPPED;

    assert((tell(0) & (ended | stopped)) == (ended | stopped));
    assert(tell(SA_NOCLDSTOP) == ended);
    assert((tell(SA_NOCLDWAIT) & (ended | stopped)) == (ended | stopped));
    assert(tell(SA_NOCLDSTOP | SA_NOCLDWAIT) == ended);
    puts("as it was asked");
    return 0;
}
