/* A thread that is no leader executes, and so its number is nobody's, while others ask by that number. The argument chooses how they ask. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 12, PIDFD_THREAD = O_EXCL };

static struct { volatile int thread, asked; } *shared;
static const char *way;
static char **words;
static int is(const char *other) { return strcmp(way, other) == 0; }

static void *executes(void *unused) {
    shared->thread = gettid();
    while (shared->asked < 3) sched_yield();
    execl("/proc/self/exe", words[0], "end", (char *)0);
    return unused;
}

static void child(void) {
    signal(SIGURG, SIG_IGN);
    pthread_t thread;
    pthread_create(&thread, 0, executes, 0);
    for (;;) pause();
}

/* Whether there is a thread of that number. */
static int asks(int pid, int thread) {
    siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};
    int descriptor;
    if (is("signal")) return syscall(SYS_tkill, thread, SIGURG) == 0;
    if (is("queue")) return syscall(SYS_rt_tgsigqueueinfo, pid, thread, SIGURG, &info) == 0;
    if (is("kill")) return kill(thread, 0) == 0;
    if (is("group")) return getpgid(thread) >= 0 && getsid(thread) >= 0;
    if (is("open")) {
        descriptor = syscall(SYS_pidfd_open, thread, PIDFD_THREAD);
        close(descriptor);
        return descriptor >= 0;
    }
    return syscall(SYS_tgkill, pid, thread, 0) == 0;
}

static int ask_until_it_is_gone(int pid) {
    int thread, answers = 0;
    while (!(thread = shared->thread)) sched_yield();
    int descriptor = is("pidfd") ? syscall(SYS_pidfd_open, thread, PIDFD_THREAD) : -1;
    while (is("pidfd") ? syscall(SYS_pidfd_send_signal, descriptor, 0, 0, 0) == 0 : asks(pid, thread)) shared->asked++, answers++;
    if (descriptor >= 0) close(descriptor);
    return answers > 0;
}

int main(int count, char **arguments) {
    (void)count;
    int status, good = 0;
    way = arguments[1];
    words = arguments;
    if (is("end")) return 4;
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < ROUNDS; round++) {
        shared->thread = shared->asked = 0;
        int pid = fork();
        if (pid == 0) child();
        int asker = is("other") ? fork() : -1;
        if (asker == 0) _exit(!ask_until_it_is_gone(pid));
        if (asker > 0) waitpid(asker, 0, 0);
        else ask_until_it_is_gone(pid);
        /* The number of the process has stayed. */
        good += kill(pid, 0) == 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 4;
    }
    printf("%d\n", good);
    return 0;
}
