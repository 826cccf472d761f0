/* Ends of a namespace's init by what it does itself. The argument chooses. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *fault(void *unused) { *(volatile int *)8 = 1; return unused; }

static void filter(unsigned answer) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    syscall(SYS_getuid);
}

int main(int count, char **words) {
    (void)count;
    const char *how = words[1];
    int status, init = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (init < 0) return 77;
    if (init == 0) {
        pthread_t thread;
        sigset_t set;
        sigfillset(&set);
        if (fork() == 0) for (;;) pause();
        if (strcmp(how, "thread") == 0) { pthread_create(&thread, 0, fault, 0); for (;;) pause(); }
        if (strcmp(how, "blocked") == 0) { sigprocmask(SIG_BLOCK, &set, 0); fault(0); }
        if (strcmp(how, "ignored") == 0) { signal(SIGSEGV, SIG_IGN); fault(0); }
        if (strcmp(how, "trap") == 0) filter(SECCOMP_RET_TRAP);
        if (strcmp(how, "seccomp") == 0) filter(SECCOMP_RET_KILL_PROCESS);
        if (strcmp(how, "seccomp-thread") == 0) filter(SECCOMP_RET_KILL_THREAD);
        if (strcmp(how, "raise") == 0) { raise(SIGSEGV); raise(SIGTERM); raise(SIGKILL); _exit(6); }
        if (strcmp(how, "grandchild") == 0) { int child = fork(); if (child == 0) fault(0); waitpid(child, &status, 0); _exit(WTERMSIG(status)); }
        _exit(1);
    }
    waitpid(init, &status, 0);
    printf("%d %d\n", WIFSIGNALED(status), WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}
