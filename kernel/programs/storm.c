// A storm on the process model: fork, thread, exec, exit, kill, wait, stop and continue, groups and sessions, by many processes at once.
//
// storm [seconds [workers]]: each worker makes random calls until the time is over, and then waits for all its children. Nobody may be
// left, and each answer must be one that the call can give at all. The invariants are the kernel's to check.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 6, CHILDREN = 8, DEPTH = 2 };
enum { FORK, THREAD, EXEC, EXIT, KILL, WAIT, STOP, CONTINUE, GROUP, SESSION, KINDS };
static const char *const NAMES[KINDS] = {"fork", "thread", "exec", "exit", "kill", "wait", "stop", "continue", "group", "session"};

// Shared by all: how often each call was made, and whether a wrong answer was seen.
struct shared {
    _Atomic unsigned long count[KINDS];
    _Atomic unsigned long wrong;
    struct timespec end;
};
static struct shared *shared;
static __thread uint64_t state;
static const char *self = "/bin/storm";

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static int is_over(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > shared->end.tv_sec || (now.tv_sec == shared->end.tv_sec && now.tv_nsec >= shared->end.tv_nsec);
}

static void count(int kind) { shared->count[kind]++; }

// An answer that the call cannot give.
static void check(int is_right, const char *what) {
    if (!is_right) {
        shared->wrong++;
        dprintf(1, "storm: %d: %s: errno %d\n", getpid(), what, errno);
    }
}

static void *thread(void *seed) {
    state = (uintptr_t)seed;
    for (int i = draw(3); i > 0; i--) sched_yield();
    // Now and then a thread ends its process, or takes it over.
    switch (draw(12)) {
    case 0: count(EXIT); _exit(7);
    case 1: count(EXEC); execl(self, "storm", "--exit", "9", (char *)0); break;
    case 2: raise(SIGSTOP); count(STOP); break;
    }
    return 0;
}

static void make_thread(void) {
    pthread_t one;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&one, &attributes, thread, (void *)(uintptr_t)(state + 1));
    check(error == 0 || error == EAGAIN || error == ENOMEM, "pthread_create");
    count(THREAD);
}

static void child(int depth);

static pid_t make_child(int depth) {
    uint64_t seed = state + draw(1 << 30);
    pid_t pid = draw(8) ? fork() : (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        state = seed * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
        child(depth);
        _exit(0);
    }
    check(pid > 0 || errno == EAGAIN || errno == ENOMEM, "fork");
    count(FORK);
    return pid;
}

// Lives for a few calls, and ends in one way or another.
static void child(int depth) {
    int steps = draw(6);
    for (int i = 0; i < steps; i++) {
        switch (draw(8)) {
        case 0: if (depth < DEPTH) make_child(depth + 1); break;
        case 1: make_thread(); break;
        case 2: check(setpgid(0, 0) == 0 || errno == EPERM, "setpgid"); count(GROUP); break;
        case 3: check(setsid() > 0 || errno == EPERM, "setsid"); count(SESSION); break;
        case 4: count(STOP); raise(draw(2) ? SIGSTOP : SIGTSTP); break;
        case 5: signal(SIGTERM, draw(2) ? SIG_IGN : SIG_DFL); break;
        case 6: prctl(PR_SET_CHILD_SUBREAPER, draw(2)); break;
        default: sched_yield();
        }
    }
    switch (draw(5)) {
    case 0: count(EXEC); execl(self, "storm", "--exit", "3", (char *)0); check(errno == ENOMEM, "exec"); break;
    case 1: count(KILL); kill(getpid(), SIGKILL); break;
    case 2: make_thread(); pthread_exit(0);
    case 3: signal(SIGCHLD, SIG_IGN); break;
    }
    count(EXIT);
    _exit(draw(4));
}

static void signal_one(pid_t pid) {
    static const int SIGNALS[] = {SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGTSTP, SIGCONT, SIGUSR1, 0};
    int number = SIGNALS[draw(8)];
    check(kill(draw(6) ? pid : -pid, number) == 0 || errno == ESRCH || errno == EPERM, "kill");
    count(number == SIGCONT ? CONTINUE : KILL);
}

// Waits once; whether somebody is left to wait for.
static int wait_once(int options) {
    int status;
    pid_t pid = waitpid(-1, &status, options | WUNTRACED | WCONTINUED | __WALL);
    count(WAIT);
    if (pid > 0 && WIFSTOPPED(status)) kill(pid, draw(2) ? SIGCONT : SIGKILL);
    check(pid >= 0 || errno == ECHILD || errno == EINTR, "wait");
    return pid >= 0 || errno == EINTR;
}

static void worker(int index) {
    state = (uint64_t)index * 0x9e3779b97f4a7c15u + (uint64_t)shared->end.tv_nsec;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setpgid(0, 0);
    pid_t recent[CHILDREN] = {0};
    int next = 0;
    while (!is_over()) {
        switch (draw(4)) {
        case 0: case 1: {
            pid_t pid = make_child(0);
            if (pid > 0) recent[next++ % CHILDREN] = pid;
            break;
        }
        case 2: {
            pid_t pid = recent[draw(CHILDREN)];
            if (pid > 0) signal_one(pid);
            break;
        }
        default: for (int i = 0; i < 4; i++) wait_once(WNOHANG);
        }
        while (next > CHILDREN * 4 && wait_once(WNOHANG)) next--;
    }
    // Who is stopped, ignores or sleeps: all end now.
    while (wait_once(WNOHANG)) {
        for (int i = 0; i < CHILDREN; i++) if (recent[i] > 0) kill(recent[i], SIGKILL);
        int status;
        pid_t pid = waitpid(-1, &status, WUNTRACED | WCONTINUED | __WALL | WNOHANG);
        if (pid > 0 && WIFSTOPPED(status)) kill(pid, SIGKILL);
        sched_yield();
    }
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "--exit")) return atoi(argv[2]);
    if (argv[0][0] == '.') self = argv[0];
    long seconds = argc > 1 ? atol(argv[1]) : 10;
    int workers = argc > 2 ? atoi(argv[2]) : WORKERS;
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return perror("mmap"), 1;
    clock_gettime(CLOCK_MONOTONIC, &shared->end);
    shared->end.tv_sec += seconds;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t *own = calloc(workers, sizeof *own);
    if (!own) return perror("calloc"), 1;
    for (int i = 0; i < workers; i++) if ((own[i] = fork()) == 0) worker(i + 1);
    // Each worker ends well; others that come here were made beside one, or are orphans.
    int ended = 0, status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WUNTRACED | __WALL)) > 0 || errno == EINTR) {
        if (pid > 0 && WIFSTOPPED(status)) kill(pid, SIGKILL);
        for (int i = 0; i < workers; i++) {
            if (pid != own[i] || WIFSTOPPED(status)) continue;
            check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a worker has not ended well");
            if (status) printf("storm: worker %d: status %#x\n", i, status);
            ended++;
        }
    }
    check(errno == ECHILD, "the last wait");
    check(ended == workers, "a worker is lost");
    for (int i = 0; i < KINDS; i++) printf("storm: %s %lu\n", NAMES[i], shared->count[i]);
    printf("storm: %s\n", shared->wrong ? "FAILED" : "passed");
    return shared->wrong != 0;
}
