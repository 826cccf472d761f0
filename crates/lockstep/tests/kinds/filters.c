/* A program's own seccomp filters do what they would do if nobody followed. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void filter(int call, unsigned answer) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(77);
}

static long said(long result) { return result < 0 ? -errno : result > 0; }

static void caught(int signal) { (void)signal; }

static void *killed(void *unused) {
    filter(SYS_getsid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getsid, 0);
    return unused;
}

static void *alive(void *unused) { for (;;) pause(); return unused; }

static void scene(int which) {
    pthread_t thread;
    switch (which) {
    case 0: filter(SYS_getsid, SECCOMP_RET_TRACE | 9); printf("trace: %ld\n", said(syscall(SYS_getsid, 0))); break;
    case 1: filter(SYS_uname, SECCOMP_RET_TRACE); printf("trace of another: %ld\n", said(syscall(SYS_uname, 0))); break;
    case 2: filter(SYS_getpid, SECCOMP_RET_ERRNO | 13); printf("errno: %ld\n", said(syscall(SYS_getpid))); break;
    case 3: signal(SIGSYS, caught); filter(SYS_getppid, SECCOMP_RET_TRAP); printf("trap: %d\n", said(syscall(SYS_getppid)) != 0); break;
    case 4: filter(SYS_getpgid, SECCOMP_RET_KILL_PROCESS); syscall(SYS_getpgid, 0); break;
    case 5:
        pthread_create(&thread, 0, killed, 0);
        pthread_join(thread, 0);
        if (fork() == 0) _exit(0);
        printf("the others live: %d\n", getpid() > 0);
        fflush(stdout);
        while (wait(0) > 0) ;
        _exit(6);
    case 6:
        pthread_create(&thread, 0, alive, 0);
        filter(SYS_getsid, SECCOMP_RET_KILL_PROCESS);
        syscall(SYS_getsid, 0);
        break;
    case 7: filter(SYS_getsid, SECCOMP_RET_KILL_THREAD); syscall(SYS_getsid, 0); break;
    }
    fflush(stdout);
    _exit(0);
}

int main(void) {
    for (int which = 0; which < 8; which++) {
        int status, child;
        if (fork() == 0) scene(which);
        child = wait(&status);
        printf("%d: %#x\n", which, child > 0 ? status & ~0x80 : -1);
        fflush(stdout);
        if (status == 77 << 8) return 77;
    }
}
