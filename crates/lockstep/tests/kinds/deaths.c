// A process ends, by exit_group, an exec or a fatal signal, while three of its threads fork, execute, wait or die.
// ARGUMENTS: how it ends, what the threads do, how often, or all of the first two.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, BY_EXIT_GROUP = 3, BY_EXEC = 4, BY_A_THREADS_EXEC = 5 };

static const char *const ENDS[] = {"exit_group", "exec", "kill", "term", "fault", "parent"};
static const char *const DEEDS[] = {"fork", "vfork", "exec", "wait", "die", "call"};

static char *self;
static const char *end, *deed;
static atomic_int ready;
static unsigned seed;

static int is(const char *word, const char *other) { return strcmp(word, other) == 0; }

static void execute(int status) {
    char text[8];
    sprintf(text, "%d", status);
    execl(self, self, text, NULL);
    _exit(99);
}

static void *nothing(void *unused) { return unused; }

static void *busy(void *unused) {
    atomic_fetch_add(&ready, 1);
    for (;;) {
        if (is(deed, "fork")) {
            if (fork() == 0)
                _exit(0);
        } else if (is(deed, "vfork")) {
            if (vfork() == 0)
                _exit(0);
        } else if (is(deed, "exec")) {
            // Only once everybody is there: otherwise it ends nobody but itself.
            while (atomic_load(&ready) < THREADS)
                sched_yield();
            execute(BY_A_THREADS_EXEC);
        } else if (is(deed, "wait")) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            waitpid(child, NULL, 0);
        } else if (is(deed, "die")) {
            pthread_t other;
            if (pthread_create(&other, NULL, nothing, NULL) == 0)
                pthread_join(other, NULL);
        } else {
            getppid();
        }
    }
    return unused;
}

static void end_process(void) {
    for (unsigned spin = seed % 20000; spin > 0; spin--)
        __asm__ volatile("");
    if (is(end, "exit_group"))
        _exit(BY_EXIT_GROUP);
    if (is(end, "exec"))
        execute(BY_EXEC);
    if (is(end, "kill"))
        kill(getpid(), SIGKILL);
    if (is(end, "term"))
        kill(getpid(), SIGTERM);
    if (is(end, "fault"))
        *(volatile int *)0 = 0;
    for (;;)
        pause();
}

static void *end_by_thread(void *unused) {
    end_process();
    return unused;
}

static void become_busy(int by_thread) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    pthread_t thread;
    for (int count = 0; count < THREADS; count++)
        if (pthread_create(&thread, &small, busy, NULL) != 0)
            _exit(98);
    while (atomic_load(&ready) < THREADS)
        sched_yield();
    if (by_thread) {
        pthread_create(&thread, &small, end_by_thread, NULL);
        if (seed & 2)
            pthread_exit(NULL);
        for (;;)
            pause();
    }
    end_process();
}

static int is_expected(int status) {
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        return is(end, "exit_group") && code == BY_EXIT_GROUP || is(end, "exec") && code == BY_EXEC
            || is(deed, "exec") && code == BY_A_THREADS_EXEC;
    }
    int signal = WTERMSIG(status);
    return (is(end, "kill") || is(end, "parent")) && signal == SIGKILL
        || is(end, "term") && signal == SIGTERM || is(end, "fault") && signal == SIGSEGV;
}

static void one_death(int number) {
    seed = seed * 1103515245 + 12345 + number;
    atomic_store(&ready, 0);
    pid_t child = fork();
    if (child == 0)
        become_busy(number & 1);
    if (is(end, "parent")) {
        for (unsigned spin = seed % 2000000; spin > 0; spin--)
            __asm__ volatile("");
        kill(child, SIGKILL);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !is_expected(status)) {
        printf("%s while others %s: status %x\n", end, deed, status);
        exit(1);
    }
    while (wait(NULL) > 0 || errno == EINTR) {}
}

int main(int count, char **words) {
    self = words[0];
    if (count == 2)
        _exit(atoi(words[1]));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int rounds = atoi(words[3]);
    for (unsigned i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        for (unsigned j = 0; j < sizeof DEEDS / sizeof *DEEDS; j++) {
            end = ENDS[i];
            deed = DEEDS[j];
            // Where somebody traces, such a signal waits for the end of the vfork.
            if (is(words[1], "all") && is(end, "term") && is(deed, "vfork"))
                continue;
            if (!is(words[1], "all") && !is(words[1], end) || !is(words[2], "all") && !is(words[2], deed))
                continue;
            for (int round = 0; round < rounds; round++)
                one_death(round);
        }
    puts("all dead");
}
