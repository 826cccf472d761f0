// What a program has at the edges of the kernel: its registers over a fork, memory that two threads map at once, files that it may only read,
// descriptors of its own, a trap of its own, a signalfd whose set changes, a terminal that nobody reads. It passes on Linux too.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed;

static void expect(int is_so, const char *what) {
    printf("edges: %s: %s\n", what, is_so ? "yes" : "NO");
    failed |= !is_so;
}

static uint32_t rounding(void) {
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

static void *note_rounding(void *to) {
    *(uint32_t *)to = rounding();
    return 0;
}

static void floating_point(void) {
    uint32_t before = rounding(), other = before ^ 0x6000, seen = 0;
    int status = -1;
    pthread_t thread;
    __asm__ volatile("ldmxcsr %0" ::"m"(other));
    pid_t pid = fork();
    if (pid == 0) _exit(rounding() != other);
    waitpid(pid, &status, 0);
    expect(status == 0, "a child rounds as its parent");
    expect(pthread_create(&thread, 0, note_rounding, &seen) == 0 && pthread_join(thread, 0) == 0 && seen == other,
           "a thread rounds as its maker");
    __asm__ volatile("ldmxcsr %0" ::"m"(before));
}

static void *map_and_look(void *own) {
    for (int round = 0; round < 1000; round++) {
        void *volatile *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return 0;
        *page = own;
        sched_yield();
        if (*page != own || munmap((void *)page, 4096) < 0) return 0;
    }
    return own;
}

static void mappings(void) {
    pthread_t threads[2];
    char own[2];
    int is_apart = 1;
    for (int i = 0; i < 2; i++) is_apart &= pthread_create(&threads[i], 0, map_and_look, &own[i]) == 0;
    for (int i = 0; i < 2 && is_apart; i++) {
        void *seen = 0;
        is_apart &= pthread_join(threads[i], &seen) == 0 && seen == &own[i];
    }
    expect(is_apart, "threads that map at once get places of their own");
}

static void files(void) {
    int file = open("/proc/self/exe", O_RDONLY), path = open("/proc/self/exe", O_PATH);
    int is_refused = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED && errno == EACCES;
    expect(is_refused, "what is open for reading is not mapped for writing");
    void *seen = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    is_refused = mprotect(seen, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES;
    expect(seen != MAP_FAILED && is_refused, "nor made writable once it is mapped");
    expect(mprotect(seen, 4096, PROT_NONE) == 0 && munmap(seen, 4096) == 0, "it is protected otherwise");
    is_refused = mmap(0, 4096, PROT_READ, MAP_PRIVATE, path, 0) == MAP_FAILED && errno == EBADF;
    expect(is_refused, "what is only a path is not mapped");
}

static void *unshare_and_close(void *fd) {
    return unshare(CLONE_FILES) == 0 && close(*(int *)fd) == 0 ? fd : 0;
}

static void descriptors(void) {
    int fd = open("/dev/null", O_RDONLY);
    void *done = 0;
    pthread_t thread;
    int is_marked = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC;
    expect(is_marked && fcntl(fd, F_SETFD, 0) == 0 && fcntl(fd, F_GETFD) == 0, "a descriptor is marked for exec, and back");
    if (pthread_create(&thread, 0, unshare_and_close, &fd) != 0) return expect(0, "there is a thread");
    pthread_join(thread, &done);
    expect(done == &fd && fcntl(fd, F_GETFD) == 0, "who unshares its files closes its own");
}

static void breakpoint(void) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        __asm__ volatile("int3");
        _exit(0);
    }
    waitpid(pid, &status, 0);
    expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP, "int3 is SIGTRAP");
}

static long sleeps(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

static void *take(void *fd) {
    struct signalfd_siginfo info = {0};
    if (read(*(int *)fd, &info, sizeof info) < 0) return 0;
    return (void *)(uintptr_t)info.ssi_signo;
}

static void changed_signalfd(void) {
    sigset_t first, second, both;
    void *taken = 0;
    pthread_t reader;
    sigemptyset(&first), sigaddset(&first, SIGUSR1);
    sigemptyset(&second), sigaddset(&second, SIGUSR2);
    sigorset(&both, &first, &second);
    sigprocmask(SIG_BLOCK, &both, 0);
    int fd = signalfd(-1, &first, 0);
    long before = sleeps();
    kill(getpid(), SIGUSR2);
    if (pthread_create(&reader, 0, take, &fd) != 0) return expect(0, "there is a thread");
    while (sleeps() == before) sched_yield();
    signalfd(fd, &second, 0);
    pthread_join(reader, &taken);
    expect((uintptr_t)taken == SIGUSR2, "who sleeps in a signalfd takes what its new set has");
}

static void unread_terminal(void) {
    enum { PIECE = 4096, MOST = 256 * 1024 };
    static char lines[PIECE];
    int unlocked = 0;
    long kept = 0, got;
    memset(lines, '\n', PIECE);
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    ioctl(master, TIOCSPTLCK, &unlocked);
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
    for (int typed = 0; typed < MOST && write(master, lines, PIECE) > 0;) typed += PIECE;
    while (kept < MOST && (got = read(slave, lines, PIECE)) > 0) kept += got;
    expect(kept > 0 && kept < MOST, "a terminal that nobody reads keeps what fits");
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    floating_point();
    mappings();
    files();
    descriptors();
    breakpoint();
    changed_signalfd();
    unread_terminal();
    return failed;
}
