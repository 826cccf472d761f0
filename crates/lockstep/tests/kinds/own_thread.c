/* Waits for stops and continuations of the children of the calling thread alone, which no SIGCHLD ends, amid which these come; and waits that ask for nothing of what they find. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *pause_for_ever(void *unused) {
    (void)unused;
    for (;;) pause();
}

/* A child that does nothing; with a second thread, its first one has ended. */
static int idle(int threads) {
    int child = fork();
    if (child) return child;
    pthread_t thread;
    if (threads == 2) {
        pthread_create(&thread, 0, pause_for_ever, 0);
        syscall(SYS_exit, 0);
    }
    pause_for_ever(0);
    return 0;
}

/* Another child sends a signal, a moment later. */
static int send_later(int to, int number, int delay) {
    int child = fork();
    if (child) return child;
    usleep(delay);
    kill(to, number);
    _exit(0);
}

static void tell(const char *what, int child, int options) {
    int status = 0;
    int found = waitpid(child, &status, options) == child;
    printf("%s: %d %#x\n", what, found, status);
    fflush(stdout);
}

int main(int count, char **words) {
    (void)count;
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    struct sigaction none = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    if (!strcmp(words[1], "blocked")) sigprocmask(SIG_BLOCK, &chld, 0);
    if (!strcmp(words[1], "not-told")) sigaction(SIGCHLD, &none, 0);
    if (!strcmp(words[1], "ignored")) signal(SIGCHLD, SIG_IGN);
    if (strcmp(words[1], "unasked") != 0) {
        for (int i = 0; i < 5; i++) {
            int child = idle(1), sender = send_later(child, SIGSTOP, 20000);
            tell("stopped", child, WUNTRACED | __WNOTHREAD);
            waitpid(sender, 0, 0);
            sender = send_later(child, SIGCONT, 20000);
            tell("continued", child, WCONTINUED | __WNOTHREAD);
            waitpid(sender, 0, 0);
            kill(child, SIGKILL);
            waitpid(child, 0, __WNOTHREAD);
        }
        return 0;
    }
    for (int i = 0; i < 20; i++) {
        int child = idle(1 + i % 2), sender = send_later(child, SIGSTOP, 3000 + i * 50);
        printf("something: %ld\n", syscall(SYS_waitid, P_PID, child, 0, WSTOPPED | (i % 3 ? 0 : WEXITED), 0));
        tell("nothing more", child, WNOHANG | WUNTRACED);
        kill(child, SIGKILL);
        waitpid(child, 0, 0);
        waitpid(sender, 0, 0);
    }
}
