/* Signals to the program's own process group, which may be that of its tool. The argument chooses who sends. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int SIGNALS[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR};
static volatile sig_atomic_t seen;
static void note(int signal) { (void)signal; seen++; }

static void send_all(void) {
    for (unsigned i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) kill(0, SIGNALS[i]);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal += 10) kill(0, signal);
}

int main(int count, char **words) {
    int status = 0;
    (void)count;
    for (unsigned i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) signal(SIGNALS[i], note);
    for (int signal_ = SIGRTMIN; signal_ <= SIGRTMAX; signal_ += 10) signal(signal_, note);
    if (strcmp(words[1], "itself") == 0) send_all();
    if (strcmp(words[1], "child") == 0) {
        if (fork() == 0) { send_all(); _exit(0); }
        while (wait(&status) < 0) ;
    }
    if (strcmp(words[1], "inside") == 0) {
        int child = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (child < 0) return 77;
        if (child == 0) { send_all(); _exit(0); }
        while (waitpid(child, &status, 0) < 0) ;
    }
    printf("survived %s with %d\n", seen ? "signals" : "nothing", status);
    return 0;
}
