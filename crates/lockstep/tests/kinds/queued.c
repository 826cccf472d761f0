/* rt_sigqueueinfo and rt_tgsigqueueinfo: to a process, to a thread, to what is gone. The argument chooses the receiver. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int other;
static volatile sig_atomic_t got, with;

static void on_signal(int number, siginfo_t *info, void *unused) {
    (void)unused;
    got = number;
    with = info->si_value.sival_int;
}

static void tell(const char *what, long result) {
    printf("%s: %s, got %d with %d\n", what, result < 0 ? strerrorname_np(errno) : "done", got, with);
    fflush(stdout);
    got = with = 0;
}

static siginfo_t *info(int code) {
    static siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = code;
    info.si_pid = getpid();
    info.si_value.sival_int = 42;
    return &info;
}

static long to_process(int pid, int number, int code) { return syscall(SYS_rt_sigqueueinfo, pid, number, info(code)); }
static long to_thread(int pid, int tid, int number, int code) { return syscall(SYS_rt_tgsigqueueinfo, pid, tid, number, info(code)); }

static void *in_thread(void *go) {
    char byte;
    other = syscall(SYS_gettid);
    write(((int *)go)[3], "x", 1);
    read(((int *)go)[0], &byte, 1);
    return 0;
}

int main(int count, char **words) {
    (void)count;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, 0);
    sigaction(SIGRTMIN, &action, 0);
    const int codes[] = {SI_QUEUE, SI_USER, SI_TKILL, SI_KERNEL, SI_TIMER, SI_ASYNCIO};
    int own = getpid(), status;
    if (words[1][0] == 'o') {
        for (int i = 0; i < 6; i++) { tell("oneself", to_process(own, SIGUSR1, codes[i])); tell("own thread", to_thread(own, own, SIGRTMIN, codes[i])); }
        /* Of a code that Linux does not know, nothing may stand behind what it knows of a siginfo. */
        siginfo_t *longer = info(-8);
        tell("an unknown code", syscall(SYS_rt_sigqueueinfo, own, SIGUSR1, longer));
        longer = info(-8);
        memset((char *)longer + sizeof *longer - 8, 1, 8);
        tell("more than is known", syscall(SYS_rt_sigqueueinfo, own, SIGUSR1, longer));
        tell("more than is known to a thread", syscall(SYS_rt_tgsigqueueinfo, own, own, SIGUSR1, longer));
        tell("nothing", to_process(own, 0, SI_QUEUE));
        tell("too much", to_process(own, 65, SI_QUEUE));
        const int nobody[] = {0, -1, -own, 1 << 30};
        for (int i = 0; i < 4; i++) {
            tell("nobody", to_process(nobody[i], SIGUSR1, SI_QUEUE));
            tell("nobody's", to_thread(nobody[i], own, SIGUSR1, SI_QUEUE));
            tell("no thread", to_thread(own, nobody[i], SIGUSR1, SI_QUEUE));
            tell("forged to nobody", to_process(nobody[i], SIGUSR1, SI_USER));
        }
    } else if (words[1][0] == 't') {
        int pipes[4];
        char byte;
        pthread_t thread;
        pipe(pipes);
        pipe(pipes + 2);
        pthread_create(&thread, 0, in_thread, pipes);
        read(pipes[2], &byte, 1);
        tell("a thread as a process", to_process(other, 0, SI_QUEUE));
        tell("a thread", to_thread(own, other, 0, SI_QUEUE));
        tell("forged to a thread", to_thread(own, other, 0, SI_USER));
        tell("another's thread", to_thread(getppid(), other, 0, SI_QUEUE));
        tell("as a leader", to_thread(other, other, 0, SI_QUEUE));
        write(pipes[1], "x", 1);
        pthread_join(thread, 0);
        /* The number is given back a moment after the thread was joined. */
        while (syscall(SYS_tgkill, own, other, 0) == 0) ;
        tell("a dead thread", to_thread(own, other, 0, SI_QUEUE));
        tell("a dead thread as a process", to_process(other, 0, SI_QUEUE));
    } else {
        int child = fork();
        if (child == 0) for (;;) pause();
        for (int i = 0; i < 6; i++) tell("the child", to_process(child, 0, codes[i]));
        for (int i = 0; i < 6; i++) tell("the child's thread", to_thread(child, child, 0, codes[i]));
        tell("stop", to_process(child, SIGSTOP, SI_QUEUE));
        printf("stopped: %d\n", waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        tell("continue", to_thread(child, child, SIGCONT, SI_QUEUE));
        printf("continued: %d\n", waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
        tell("end", to_process(child, words[1][0] == 'k' ? SIGKILL : SIGRTMAX, SI_QUEUE));
        siginfo_t event;
        waitid(P_PID, child, &event, WEXITED | WNOWAIT);
        tell("a zombie", to_process(child, SIGUSR1, SI_QUEUE));
        tell("forged to a zombie", to_process(child, SIGUSR1, SI_USER));
        waitpid(child, &status, 0);
        printf("ended %#x\n", status & ~0x80);
        tell("nobody", to_process(child, SIGUSR1, SI_QUEUE));
    }
}
