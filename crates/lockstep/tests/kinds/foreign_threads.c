/* More 32-bit callers: a thread, a child of vfork, one that executes, one that was asked about before. The argument chooses. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long call32(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

enum { FORK = 2, WAITPID = 7, GETPID = 20, KILL = 37, SETPGID = 57, SETSID = 66, EXIT_GROUP = 252 };

static void *in_thread(void *unused) {
    int status = 0;
    call32(SETPGID, 0, 0, 0);
    int child = call32(FORK, 0, 0, 0);
    if (child == 0) _exit(3);
    waitpid(child, &status, 0);
    printf("by a thread: %#x, group %d\n", status, getpgrp() == getpid());
    return unused;
}

int main(int count, char **words) {
    (void)count;
    int status = 0, child;
    pthread_t thread;
    switch (words[1][0]) {
    case 't':
        pthread_create(&thread, 0, in_thread, 0);
        pthread_join(thread, 0);
        break;
    case 'v':
        child = vfork();
        if (child == 0) { call32(SETSID, 0, 0, 0); call32(EXIT_GROUP, 4, 0, 0); }
        printf("waited %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        break;
    case 'e':
        child = fork();
        if (child == 0) { call32(SETPGID, 0, 0, 0); execl("/bin/sh", "sh", "-c", "sleep 0.01 & wait; exit 5", (char *)0); }
        printf("waited %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        break;
    case 'a':
        child = fork();
        if (child == 0) for (;;) pause();
        printf("group %d\n", getpgid(child) == getpgrp());
        printf("moved %ld\n", call32(SETPGID, child, child, 0));
        printf("group %d\n", getpgid(child) == child);
        printf("killed %ld\n", call32(KILL, -child, SIGTERM, 0));
        printf("waited %d", waitpid(-child, &status, 0) == child);
        printf(" %#x\n", status);
        break;
    case 'w':
        child = fork();
        if (child == 0) _exit(9);
        printf("waited %d", call32(WAITPID, child, (long)0, 0) == child);
        printf(" %d\n", waitpid(child, &status, 0));
        printf("nobody %d\n", kill(child, 0));
        break;
    }
}
