/* A process ends in one of its threads while the others fork, exec, wait and die. Arguments: how it ends, what the others do, how often. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *others, *self;
static pthread_barrier_t begin;

static void *empty(void *unused) { return unused; }

static void *disturb(void *unused) {
    pthread_barrier_wait(&begin);
    for (;;) {
        int child;
        pthread_t thread;
        switch (others[0]) {
        case 'f':
            child = fork();
            if (child == 0) _exit(0);
            waitpid(child, 0, 0);
            break;
        case 'v':
            child = vfork();
            if (child == 0) _exit(0);
            while (waitpid(-1, 0, WNOHANG) == 0) ;
            break;
        case 'e': execl(self, "deaths", (char *)0); break;
        case 'w': wait(0); getppid(); break;
        case 'd':
            if (pthread_create(&thread, 0, empty, 0) == 0) pthread_join(thread, 0);
            break;
        case 'x': syscall(SYS_exit, 0); break;
        case 'g': syscall(SYS_exit_group, 9); break;
        case 'k': kill(getpid(), SIGTERM); break;
        }
    }
    return unused;
}

int main(int count, char **words) {
    if (count < 4) return 9;
    const char *how = words[1];
    int wrong = 0;
    others = words[2];
    self = words[0];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int round = atoi(words[3]); round > 0; round--) {
        int child = fork(), status;
        if (child == 0) {
            pthread_t threads[3];
            pthread_barrier_init(&begin, 0, 4);
            for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, disturb, 0);
            pthread_barrier_wait(&begin);
            for (int i = round % 7; i > 0; i--) getppid();
            switch (how[0]) {
            case 'g': syscall(SYS_exit_group, 9);
            case 'e': execl(self, "deaths", (char *)0); _exit(9);
            case 'k': kill(getpid(), SIGTERM); for (;;) pause();
            case 'l': syscall(SYS_exit, 9);
            case 'p': for (;;) pause();
            }
        }
        if (how[0] == 'p') { usleep(round % 5 * 100); kill(child, SIGKILL); }
        waitpid(child, &status, 0);
        wrong += status != 9 << 8 && status != SIGTERM && status != SIGKILL && status != 0;
        while (waitpid(-1, &status, __WALL) > 0) ;
    }
    printf("wrong: %d\n", wrong);
}
