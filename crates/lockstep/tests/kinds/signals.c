// A program that lives on signals: order and values of real-time signals, sigsuspend, sigwaitinfo, a signalfd, actions shared by CLONE_SIGHAND, a
// thread that waits for what the process is sent.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void note(int signal, siginfo_t *info, void *context) {
    (void)context;
    printf("handler: %d, code %d, value %d\n", signal, info->si_code, info->si_value.sival_int);
}

static int ignore_hangups(void *unused) {
    (void)unused;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGHUP, &ignore, NULL);
    _exit(3);
}

static void *await(void *set) {
    int signal;
    sigwait(set, &signal);
    printf("thread: %d\n", signal);
    return NULL;
}

int main(void) {
    static char stack[65536];
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    for (int signal = SIGRTMIN; signal < SIGRTMIN + 3; signal++)
        sigaction(signal, &action, NULL);
    sigset_t all, none, wanted;
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &all, NULL);

    for (int i = 0; i < 6; i++)
        sigqueue(getpid(), SIGRTMIN + 2 - i % 3, (union sigval){.sival_int = i});
    sigsuspend(&none);

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGUSR2);
    pid_t child = fork();
    if (child == 0)
        _exit(4);
    siginfo_t info;
    int signal = sigwaitinfo(&wanted, &info);
    printf("waited for: %d, status %d, the child %d\n", signal, info.si_status, info.si_pid == child);
    waitpid(child, NULL, 0);

    int file = signalfd(-1, &wanted, 0);
    kill(getpid(), SIGUSR2);
    struct signalfd_siginfo read_info;
    if (read(file, &read_info, sizeof read_info) == sizeof read_info)
        printf("file: %u\n", read_info.ssi_signo);

    child = clone(ignore_hangups, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    waitpid(child, NULL, 0);
    sigaction(SIGHUP, NULL, &action);
    printf("hang-ups are ignored: %d\n", action.sa_handler == SIG_IGN);

    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_t thread;
    pthread_create(&thread, NULL, await, &term);
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    return 0;
}
