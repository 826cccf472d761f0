/* Some system calls are made by the 32-bit way. What is asked of their callers later is not compared. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long call32(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

enum { FORK = 2, WAITPID = 7, GETPID = 20, SETPGID = 57, GETPPID = 64, SETSID = 66, PAUSE = 29, EXIT = 1 };

int main(void) {
    int status, ready[2];
    char byte;
    pipe(ready);
    setvbuf(stdout, 0, _IONBF, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int child = fork();
    if (child == 0) {
        call32(SETPGID, 0, 0, 0);
        int grandchild = call32(FORK, 0, 0, 0);
        if (grandchild == 0) { call32(GETPPID, 0, 0, 0); write(ready[1], "x", 1); _exit(3); }
        call32(WAITPID, grandchild, 0, 0);
        if (call32(FORK, 0, 0, 0) == 0) { write(ready[1], "y", 1); for (;;) pause(); }
        write(ready[1], "z", 1);
        _exit(4);
    }
    for (int i = 0; i < 3; i++) read(ready[0], &byte, 1);
    printf("its group: %d\n", getpgid(child) == child);
    printf("to its group: %d\n", kill(-child, 0));
    printf("the child: %d", waitpid(child, &status, 0) == child);
    printf(" %#x\n", status);
    printf("to its orphan: %d\n", kill(-child, SIGTERM));
    printf("the orphan: %d", waitpid(-1, &status, 0) > 0);
    printf(" %#x\n", status);
    printf("no more: %d\n", waitpid(-1, &status, WNOHANG));
    /* One that calls itself so, and lives on in its own way. */
    child = fork();
    if (child == 0) {
        int own = call32(GETPID, 0, 0, 0);
        printf("itself: %d\n", own == getpid());
        fflush(stdout);
        call32(SETSID, 0, 0, 0);
        int inner = fork();
        if (inner == 0) _exit(5);
        waitpid(inner, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    waitpid(child, &status, 0);
    printf("ended: %#x\n", status);
}
