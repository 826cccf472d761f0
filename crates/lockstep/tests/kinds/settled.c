/* Ends that meet in one moment: of threads, of parents and children, with an exec, with a core dump. The argument chooses. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static char stack[1 << 16] __attribute__((aligned(16)));
static pthread_barrier_t barrier;

static int branch(int exit_signal) { return syscall(SYS_clone, exit_signal, 0, 0, 0, 0); }
static void linger(int steps) { for (volatile int i = 0; i < steps; i++) ; }
static void *leave(void *steps) { pthread_barrier_wait(&barrier); linger((int)(long)steps); syscall(SYS_exit, 0); return 0; }
static int end(void *unused) { (void)unused; return 5; }

/* The leader and another thread leave, each with a code of its own. */
static void together(int round) {
    pthread_t thread;
    pthread_barrier_init(&barrier, 0, 2);
    pthread_create(&thread, 0, leave, (void *)(long)(round % 7 * 300));
    pthread_barrier_wait(&barrier);
    linger(round % 5 * 300);
    syscall(SYS_exit, 3);
}

/* A child's end kills its parent, which is about to exit, or waits for it and shares its memory. */
static void signalled(int round) {
    if (branch(SIGKILL) == 0) _exit(1);
    linger(round * 800);
    _exit(2);
}

static void shared(void) {
    int status, child = clone(end, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | SIGKILL, 0);
    waitpid(child, &status, __WALL);
    usleep(2000);
    _exit(0);
}

/* A parent's end kills its child, which is about to exit. */
static void orphaned(int round) {
    int ready[2];
    char byte;
    pipe(ready);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        write(ready[1], "x", 1);
        _exit(3);
    }
    read(ready[0], &byte, 1);
    linger(round % 50 * 800);
    _exit(1);
}

/* The parent is another program, or not yet, when it is told of the end. */
static void executing(int round, char **words) {
    const int signals[] = {0, SIGWINCH, SIGRTMIN + 6};
    if (branch(signals[round % 3]) == 0) { linger(round * 400); _exit(3); }
    setenv("SECOND", "yes", 1);
    execv("/proc/self/exe", words);
    _exit(1);
}

/* Two threads park while the third one's memory is written. */
static void dumping(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    pthread_t thread;
    setrlimit(RLIMIT_CORE, &limit);
    for (int i = 0; i < 2; i++) pthread_create(&thread, 0, (void *(*)(void *))pause, 0);
    abort();
}

/* The namespaces of a process that has ended are gone, also of one that is about to. */
static void entering(int round) {
    int ready[2], child;
    char byte;
    siginfo_t info;
    pipe(ready);
    child = fork();
    if (child == 0) { read(ready[0], &byte, 1); _exit(0); }
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    write(ready[1], "x", 1);
    linger(round * 400);
    if (round % 2) waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    setns(pidfd, CLONE_NEWPID);
    _exit(0);
}

int main(int count, char **words) {
    int status;
    (void)count;
    way = words[1];
    if (getenv("SECOND")) { usleep(1000); _exit(0); }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = 0; round < 60; round++) {
        if (fork() == 0) {
            if (is("together")) together(round);
            if (is("signalled")) signalled(round);
            if (is("shared")) shared();
            if (is("orphaned")) orphaned(round);
            if (is("executing")) executing(round, words);
            if (is("dumping")) { char place[] = "/tmp/lockstep-cores-XXXXXX"; if (round > 5 || !mkdtemp(place) || chdir(place)) _exit(0);
                if (fork() == 0) dumping();
                wait(&status);
                unlink("core");
                char with_number[32];
                sprintf(with_number, "core.%d", getpid() + 1);
                unlink(with_number);
                chdir("/");
                rmdir(place);
                _exit(0);
            }
            if (is("entering")) entering(round);
            _exit(1);
        }
        while (waitpid(-1, &status, __WALL) > 0) ;
    }
    puts("done");
    return 0;
}
