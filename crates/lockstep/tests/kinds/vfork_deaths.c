/* Signals for a thread that sleeps in vfork. The argument says whence they come. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }

static void note(int number) { (void)number; }

static void *in_thread(void *unused) { if (vfork() == 0) _exit(0); return unused; }

static void parent(void) {
    pthread_t thread;
    if (is("timer")) {
        struct itimerval soon = {.it_value = {.tv_usec = 20000}};
        setitimer(ITIMER_REAL, &soon, 0);
    }
    if (is("handled")) signal(SIGTERM, note);
    if (is("ignored")) signal(SIGTERM, SIG_IGN);
    if (is("blocked")) { sigset_t set; sigemptyset(&set); sigaddset(&set, SIGTERM); sigprocmask(SIG_BLOCK, &set, 0); }
    if (is("thread")) for (int i = 0; i < 50; i++) { pthread_create(&thread, 0, in_thread, 0); pthread_join(thread, 0); }
    int own = getpid();
    if (vfork() == 0) {
        if (is("timer")) usleep(60000);
        else if (is("killed")) syscall(SYS_kill, own, SIGKILL);
        else if (is("stopped")) syscall(SYS_kill, own, SIGSTOP);
        else syscall(SYS_kill, own, SIGTERM);
        if (is("executed")) execl("/bin/true", "true", (char *)0);
        _exit(0);
    }
    _exit(2);
}

int main(int count, char **words) {
    (void)count;
    way = words[1];
    int status, child = fork();
    if (child == 0) parent();
    while (waitpid(child, &status, WUNTRACED) == child) {
        printf("%#x\n", status);
        fflush(stdout);
        if (WIFSTOPPED(status)) kill(child, SIGCONT);
    }
}
