/* What a child has of its parent's masks and handlers, by each way to make one, and what an exec leaves of them. The argument chooses the way. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static char stack[1 << 16];
static int is(const char *other) { return strcmp(way, other) == 0; }
static void on_signal(int signal) { (void)signal; }
static int end(void *unused) { (void)unused; _exit(0); }

static int make_child(void) {
    struct clone_args request = {.exit_signal = SIGCHLD};
    if (is("fork")) return fork();
    if (is("clear")) request.flags = CLONE_CLEAR_SIGHAND;
    if (is("share")) return clone(end, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | SIGCHLD, 0);
    return syscall(SYS_clone3, &request, sizeof request);
}

static void meet(int shall_execute) {
    int child = is("vfork") ? vfork() : make_child();
    if (child == 0) {
        if (shall_execute) execl("/proc/self/exe", "inherited", "end", NULL);
        _exit(0);
    }
    waitpid(child, 0, 0);
}

int main(int count, char **words) {
    static const int actions[] = {0, SA_NOCLDSTOP, SA_RESTART, SA_NODEFER, SA_RESETHAND};
    sigset_t set;
    way = count > 1 ? words[1] : "end";
    if (is("end")) return 0;
    for (int round = 0; round < 30; round++) {
        struct sigaction action = {.sa_flags = actions[round % 5]};
        void (*const handlers[])(int) = {SIG_DFL, SIG_IGN, on_signal};
        action.sa_handler = handlers[round % 3];
        sigaction(SIGCHLD, &action, 0);
        signal(SIGUSR2, handlers[(round + 1) % 3]);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, 1 + round);
        sigprocmask(SIG_SETMASK, &set, 0);
        meet(round & 1);
    }
    printf("%s\n", way);
    return 0;
}
