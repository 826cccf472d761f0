/* CLONE_UNTRACED means nothing where nobody traces. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(const char *what, int child) {
    int status = -1, got = waitpid(child, &status, __WALL);
    printf("%s: %d %#x\n", what, got == child, status);
    fflush(stdout);
}

int main(void) {
    int child = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) { setpgid(0, 0); if (fork() == 0) _exit(1); wait(0); _exit(getppid() > 0 ? 3 : 4); }
    reap("clone", child);

    struct clone_args request;
    memset(&request, 0, sizeof request);
    request.flags = CLONE_UNTRACED;
    request.exit_signal = SIGCHLD;
    child = syscall(SYS_clone3, &request, sizeof request);
    if (child == 0) _exit(request.flags == CLONE_UNTRACED ? 5 : 6);
    printf("the request: %d\n", request.flags == CLONE_UNTRACED);
    reap("clone3", child);

    request.flags = CLONE_UNTRACED | CLONE_VM | CLONE_VFORK;
    child = syscall(SYS_clone3, &request, sizeof request - 100);
    printf("refused: %s\n", child < 0 ? strerrorname_np(errno) : "no");
    printf("the request: %d\n", request.flags == (CLONE_UNTRACED | CLONE_VM | CLONE_VFORK));

#ifdef __x86_64__
    /* The kernel leaves the registers of the arguments alone, in both. */
    long flags = CLONE_UNTRACED | SIGCHLD, result;
    register long a __asm__("rdi") = flags;
    __asm__ volatile("xor %%esi, %%esi\n xor %%edx, %%edx\n xor %%r10d, %%r10d\n xor %%r8d, %%r8d\n syscall"
                     : "=a"(result), "+r"(a) : "0"((long)SYS_clone) : "rcx", "r11", "rsi", "rdx", "r10", "r8", "memory");
    long after = a;
    if (result == 0) _exit(after == flags ? 8 : 9);
    printf("the register: %d\n", after == flags);
    reap("in assembly", result);
#endif
    /* Sent to a child that is made so, a signal comes. */
    child = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) for (;;) pause();
    kill(child, SIGTERM);
    reap("killed", child);
}
