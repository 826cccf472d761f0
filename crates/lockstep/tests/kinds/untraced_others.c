/* CLONE_UNTRACED together with other flags. The argument chooses which. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_clone(void *word) {
    if (((char *)word)[0] == 't') { syscall(SYS_exit, 0); }
    _exit(getpid() == 1 ? 3 : 4);
}

int main(int count, char **words) {
    (void)count;
    int status = 0, child, place = 1, flags = CLONE_UNTRACED;
    char *stack = (char *)malloc(65536) + 65536;
    switch (words[1][0]) {
    case 't':
        flags |= CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_CHILD_CLEARTID;
        child = clone(in_clone, stack, flags, words[1], 0, 0, &place);
        while (*(volatile int *)&place) sched_yield();
        printf("thread %d, gone\n", child > 0);
        break;
    case 'v':
        child = clone(in_clone, stack, flags | CLONE_VM | CLONE_VFORK | SIGCHLD, words[1]);
        printf("waited %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        break;
    case 'n':
        child = clone(in_clone, stack, flags | CLONE_NEWPID | SIGCHLD, words[1]);
        if (child < 0) return 77;
        printf("waited %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        break;
    case 'p':
        child = fork();
        if (child == 0) { clone(in_clone, stack, flags | CLONE_PARENT | SIGCHLD, words[1]); _exit(4); }
        for (int i = 0; i < 2; i++) { wait(&status); printf("waited %#x\n", status); }
        break;
    case 's':
        for (int i = 0; i < 40; i++) {
            child = syscall(SYS_clone, flags | (i % 2 ? SIGCHLD : 0), 0, 0, 0, 0);
            if (child == 0) { if (i % 3) raise(SIGSTOP); _exit(i); }
            if (i % 3) { waitpid(child, &status, WUNTRACED | __WALL); kill(child, SIGCONT); }
            waitpid(child, &status, __WALL);
            printf("%#x\n", status);
        }
        break;
    }
    printf("left: %d\n", wait(0) > 0 || errno != ECHILD);
}
