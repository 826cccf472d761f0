// Memory runs out: by touching it, by mapping it, and by processes. Each time the answer is ENOMEM or, for a touch, the end of the toucher;
// and what is given back can be had again.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 16 << 20, MOST = 4096 };

static int failed;

static void expect(int is_so, const char *what) {
    printf("memory: %s: %s\n", what, is_so ? "yes" : "NO");
    failed |= !is_so;
}

static char *map(size_t length) {
    return mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Touches all there is, in a process that nobody misses; says how it ended.
static int end_of_glutton(size_t *touched) {
    size_t *count = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count == MAP_FAILED) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            char *piece = map(PIECE);
            if (piece == MAP_FAILED) {
                // Smaller ones, to the last.
                while ((piece = map(65536)) != MAP_FAILED) {
                    memset(piece, 1, 65536);
                    *count += 65536;
                }
                _exit(errno == ENOMEM ? 0 : 1);
            }
            memset(piece, 1, PIECE);
            *count += PIECE;
        }
    }
    int status = -1;
    if (pid > 0) waitpid(pid, &status, 0);
    *touched = *count;
    munmap(count, 4096);
    return status;
}

// Whether a child has ended; it stays to be waited for.
static int is_over(pid_t pid) {
    siginfo_t news = {0};
    return waitid(P_PID, pid, &news, WEXITED | WNOHANG | WNOWAIT) != 0 || news.si_pid == pid;
}

// Makes children that stay, until no more can be made; says how many, and with which errno the last was refused. Each has what it wants before
// the next is made: memory that nobody has touched is promised to all.
static int make_children(pid_t *children, int *refused) {
    int made = 0;
    volatile int *ready = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *refused = ready == MAP_FAILED ? errno : 0;
    if (*refused) return 0;
    while (made < MOST) {
        pid_t pid = fork();
        if (pid == 0) {
            // Pages of its own, so that it takes more than its place.
            char *own = map(1 << 20);
            if (own != MAP_FAILED) memset(own, 1, 1 << 20);
            *ready = made + 1;
            for (;;) pause();
        }
        if (pid < 0) {
            *refused = errno;
            break;
        }
        children[made++] = pid;
        while (*ready < made && !is_over(pid)) sched_yield();
    }
    return made;
}

int main(void) {
    static pid_t children[MOST];
    size_t first, second;
    int refused;
    setvbuf(stdout, 0, _IONBF, 0);
    expect(map((size_t)1 << 40) == MAP_FAILED && errno == ENOMEM, "a mapping larger than memory is ENOMEM");
    int status = end_of_glutton(&first);
    expect(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "who takes all is told ENOMEM, or killed");
    int made = make_children(children, &refused);
    printf("memory: %zu MiB touched; %d children, then errno %d\n", first >> 20, made, refused);
    expect(made < MOST && (refused == ENOMEM || refused == EAGAIN), "a fork without memory is ENOMEM");
    int reaped = 0;
    for (int i = 0; i < made; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < made; i++) reaped += waitpid(children[i], &status, 0) == children[i];
    expect(reaped == made, "all children end and are waited for");
    end_of_glutton(&second);
    printf("memory: %zu MiB touched the second time\n", second >> 20);
    expect(second > first / 2, "what was given back can be had again");
    return failed;
}
