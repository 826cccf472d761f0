/* Threads that the program's own filter kills, among others. The argument chooses who that is. */
#define _GNU_SOURCE
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

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }

static void filter(int call, unsigned answer, unsigned flags) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) != 0) _exit(77);
}

static void *outlive(void *leader) {
    /* From here on the leader is a zombie. */
    char path[64], line[256] = "", state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", *(int *)leader);
    while (state != 'Z') {
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file)) sscanf(line, "%*d %*s %c", &state);
        if (file) fclose(file);
    }
    if (is("leader-exec")) execl("/bin/true", "true", (char *)0);
    if (is("leader-fork")) { int status, child = fork(); if (child == 0) _exit(0); waitpid(child, &status, 0); }
    syscall(SYS_exit_group, 6);
    return 0;
}

static void *die(void *call) { syscall(*(int *)call, 0, 0, 0, 0, 0); return 0; }

static void scene(void) {
    pthread_t thread[3];
    int own = getpid(), calls[3] = {SYS_getsid, SYS_fork, SYS_wait4};
    if (strncmp(way, "leader", 6) == 0) {
        pthread_create(thread, 0, outlive, &own);
        filter(SYS_getsid, SECCOMP_RET_KILL_THREAD, 0);
        syscall(SYS_getsid, 0);
    } else if (is("threads")) {
        for (int i = 0; i < 3; i++) filter(calls[i], SECCOMP_RET_KILL_THREAD, 0);
        for (int i = 0; i < 3; i++) pthread_create(thread + i, 0, die, calls + i);
        for (int i = 0; i < 3; i++) pthread_join(thread[i], 0);
        _exit(7);
    } else if (is("synchronized")) {
        int call = SYS_getpgid;
        filter(call, SECCOMP_RET_KILL_PROCESS, SECCOMP_FILTER_FLAG_TSYNC);
        pthread_create(thread, 0, die, &call);
        pthread_join(thread[0], 0);
    } else if (is("exec")) {
        filter(SYS_execve, SECCOMP_RET_KILL_PROCESS, 0);
        execl("/bin/true", "true", (char *)0);
    } else if (is("exit")) {
        filter(SYS_exit_group, SECCOMP_RET_KILL_THREAD, 0);
    } else if (is("child")) {
        filter(SYS_getsid, SECCOMP_RET_KILL_PROCESS, 0);
        int status, child = fork();
        if (child == 0) { syscall(SYS_getsid, 0); _exit(0); }
        waitpid(child, &status, 0);
        _exit(WTERMSIG(status));
    } else if (is("setsid")) {
        filter(SYS_setsid, SECCOMP_RET_ERRNO | 11, 0);
        _exit(setsid() == -1 && getsid(0) != getpid() ? 8 : 9);
    } else if (is("log")) {
        filter(SYS_getpgid, SECCOMP_RET_LOG, 0);
        _exit(getpgid(0) == getpgrp() ? 8 : 9);
    }
    _exit(0);
}

int main(int count, char **words) {
    (void)count;
    way = words[1];
    int status, child = fork();
    if (child == 0) scene();
    waitpid(child, &status, 0);
    printf("%#x\n", status & ~0x80);
    return status == 77 << 8 ? 77 : 0;
}
