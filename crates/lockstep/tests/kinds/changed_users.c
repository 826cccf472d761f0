/* Credentials: of one thread alone, of children, by user namespaces and by capabilities that are kept; and what they forbid. The argument chooses. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, long result) {
    int now = -1;
    prctl(PR_GET_PDEATHSIG, &now);
    printf("%s: %s, death signal %d\n", what, result < 0 ? strerrorname_np(errno) : "done", now);
    fflush(stdout);
}

static void want(void) { prctl(PR_SET_PDEATHSIG, SIGUSR1); }

static void *in_thread(void *unused) {
    want();
    tell("of the thread alone", syscall(SYS_setresuid, -1, 1000, -1));
    return unused;
}

int main(int count, char **words) {
    (void)count;
    if (geteuid() != 0) return 77;
    int status, other = fork();
    if (other == 0) for (;;) pause();
    int child = fork();
    if (child > 0) {
        waitpid(child, &status, 0);
        printf("%#x\n", status);
        kill(other, SIGKILL);
        waitpid(other, 0, 0);
        return 0;
    }
    pthread_t thread;
    want();
    switch (words[1][0]) {
    case 't':
        pthread_create(&thread, 0, in_thread, 0);
        pthread_join(thread, 0);
        tell("the leader's", 0);
        tell("of all", setuid(1000));
        break;
    case 'k':
        prctl(PR_SET_KEEPCAPS, 1);
        tell("kept capabilities", setuid(1000));
        want();
        tell("again the same", setuid(1000));
        tell("groups", setgroups(0, 0));
        break;
    case 'u':
        tell("a user namespace", unshare(CLONE_NEWUSER));
        want();
        tell("one more", unshare(CLONE_NEWUSER | CLONE_NEWPID));
        if (fork() == 0) { tell("its child", getpid() == 1); _exit(0); }
        wait(0);
        break;
    case 'f':
        setresuid(1000, 1000, 1000);
        want();
        tell("a signal", kill(other, SIGTERM));
        tell("a question", kill(other, 0));
        tell("to continue", kill(other, SIGCONT));
        tell("a thread", syscall(SYS_tgkill, other, other, SIGTERM));
        tell("queued", syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, other, 0), SIGTERM, 0, 0));
        tell("its group", setpgid(other, 0));
        tell("its session", getsid(other));
        tell("back", setuid(0));
        break;
    case 'c':
        tell("a child's", 0);
        if (fork() == 0) { tell("none at first", 0); want(); tell("its own", setgid(1000)); _exit(0); }
        wait(&status);
        tell("not the parent's", 0);
        break;
    }
    _exit(5);
}
