/* What comes before an end, an exec or a stop by a moment. The argument chooses; many rounds, each with other pauses. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static unsigned seed = 5;
static volatile int tid;

static int is(const char *other) { return strcmp(way, other) == 0; }
static unsigned up_to(unsigned most) { seed = seed * 1103515245 + 12345; return (seed >> 8) % most; }
static void linger(unsigned steps) { for (volatile unsigned i = 0; i < steps; i++) ; }
static void ignores(int signal) { (void)signal; }
static void *busy(void *unused) { for (;;) syscall(SYS_getppid); return unused; }

/* A process of three threads is stopped, continued and killed; its parent, which waits for all of that, is told what came first. */
static void stop_and_end(int ends_by_kill) {
    int ready[2], child;
    pipe(ready);
    int parent = fork();
    if (parent == 0) {
        int status;
        if ((child = fork()) == 0) {
            pthread_t thread;
            for (int i = 0; i < 2; i++) pthread_create(&thread, 0, busy, 0);
            child = getpid();
            write(ready[1], &child, sizeof child);
            for (;;) getppid();
        }
        while (wait4(-1, &status, WCONTINUED | (ends_by_kill ? WUNTRACED : 0), 0) > 0) ;
        _exit(3);
    }
    read(ready[0], &child, sizeof child);
    linger(up_to(60000));
    kill(child, SIGSTOP);
    linger(up_to(60000));
    if (!ends_by_kill || up_to(2)) kill(child, SIGCONT);
    if (!ends_by_kill || up_to(2)) kill(child, SIGTERM);
    kill(child, SIGKILL);
    waitpid(parent, 0, 0);
    close(ready[0]);
    close(ready[1]);
}

/* The leader dies in a wait that would fail at once. */
static void killed_in_wait(void) {
    int child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, busy, 0);
        for (;;) syscall(SYS_wait4, -1, 0, 0, 0);
    }
    linger(up_to(900000));
    kill(child, SIGKILL);
    wait(0);
}

static void *end_leader(void *program) {
    tid = syscall(SYS_gettid);
    linger(up_to(100000));
    if (program) execl(program, program, "end", (char *)0);
    _exit(7);
}

/* The number of a thread that does not lead is nobody's to setpgid, also in a call that is cut short. */
static void cut(const char *program) {
    if (fork() == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, end_leader, (void *)program);
        while (!tid) ;
        for (;;) syscall(SYS_setpgid, tid, 0);
    }
    wait(0);
}

/* A member of a namespace exits while the init of the namespace does. */
static void member(void) {
    if (fork() == 0) {
        int status;
        unsigned first = up_to(30000), second = up_to(30000);
        unshare(CLONE_NEWPID);
        if (fork() == 0) { usleep(500); linger(first); _exit(1); }
        if (fork() == 0) { usleep(500); linger(second); syscall(SYS_exit_group, 160); }
        while (wait(&status) > 0) ;
        _exit(0);
    }
    wait(0);
}

int main(int count, char **words) {
    way = words[1];
    if (is("end")) _exit(7);
    if (is("ignoring")) {
        /* A child that ends amid the exec of its parent, which ignores SIGCHLD, but not the child's signal. */
        int left = count > 2 ? atoi(words[2]) : 60;
        char number[16];
        while (waitpid(-1, 0, __WALL) > 0) ;
        if (left == 0) { puts("done"); return 0; }
        seed = left;
        signal(SIGUSR1, SIG_IGN);
        signal(SIGCHLD, SIG_IGN);
        if (syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0) == 0) { linger(up_to(100000)); _exit(1); }
        linger(up_to(30000));
        sprintf(number, "%d", left - 1);
        execl(words[0], words[0], way, number, (char *)0);
    }
    if (is("untold")) {
        /* A child that stops and goes on amid the exec of its parent, which is not told of that up to then. */
        int left = count > 2 ? atoi(words[2]) : 60, child;
        char number[16];
        if (left < 60) kill(child = atoi(words[3]), SIGKILL), waitpid(child, 0, 0);
        if (left == 0) { puts("done"); return 0; }
        seed = left;
        struct sigaction action = {.sa_handler = ignores, .sa_flags = SA_NOCLDSTOP | SA_RESTART};
        sigaction(SIGCHLD, &action, 0);
        if ((child = fork()) == 0) { linger(up_to(100000)); raise(SIGSTOP); for (;;) pause(); }
        linger(up_to(30000));
        if (left % 2) kill(child, SIGCONT);
        sprintf(number, "%d", left - 1);
        char name[16];
        sprintf(name, "%d", child);
        execl(words[0], words[0], way, number, name, (char *)0);
    }
    for (int round = 0; round < 60; round++) {
        if (is("continued")) stop_and_end(0);
        if (is("stopped")) stop_and_end(1);
        if (is("killed")) killed_in_wait();
        if (is("exiting")) cut(0);
        if (is("executing")) cut(words[0]);
        if (is("member")) member();
        up_to(7);
    }
    puts("done");
    return 0;
}
