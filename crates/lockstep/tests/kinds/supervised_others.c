/* More programs whose calls a supervisor answers, or lets go on: forks, waits, signals, an exec, one thread of two; one that is asked
   about, is stopped, or is killed while it waits for an answer; a supervisor that goes away. The argument chooses. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }

/* A listener for one call of the caller's. */
static int listen_for(int number) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0) _exit(77);
    return listener;
}

static void send_file(int channel, int file) {
    char byte = 'x', room[CMSG_SPACE(sizeof file)];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(head), &file, sizeof file);
    sendmsg(channel, &message, 0);
    close(file);
}

static int receive_file(int channel) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    int file;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (recvmsg(channel, &message, 0) <= 0) return -1;
    memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
    return file;
}

enum how { GO_ON, SAY, FAIL };

/* Takes one call. One that a signal has interrupted before begins anew. */
static struct seccomp_notif take(int listener) {
    struct seccomp_notif request;
    do memset(&request, 0, sizeof request);
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0 && (errno == ENOENT || errno == EINTR));
    return request;
}

/* Takes one call, and answers it. */
static void answer(int listener, enum how how, long value) {
    struct seccomp_notif_resp response;
    do {
        memset(&response, 0, sizeof response);
        response.id = take(listener).id;
        if (how == GO_ON) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        if (how == SAY) response.val = value;
        if (how == FAIL) response.error = -value;
    } while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0 && errno == ENOENT);
}

static int channel[2];

static void *be_one_of_two(void *unused) {
    send_file(channel[1], listen_for(SYS_setsid));
    printf("thread: %d\n", setsid() == -1 && errno == EPERM);
    return unused;
}

/* The child's part. */
static int act(void) {
    int status = 0, child;
    pthread_t thread;
    if (is("fork")) {
        send_file(channel[1], listen_for(SYS_clone));
        child = fork();
        if (child == 0) { if (fork() == 0) _exit(2); wait(&status); _exit(3 + (status >> 8)); }
        printf("child: %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        printf("refused: %d\n", fork() == -1 && errno == EAGAIN);
        return 1;
    }
    if (is("wait")) {
        child = fork();
        if (child == 0) _exit(5);
        send_file(channel[1], listen_for(SYS_wait4));
        printf("wait: %d\n", waitpid(child, &status, 0));
        printf("wait: %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        return 2;
    }
    if (is("kill")) {
        child = fork();
        if (child == 0) for (;;) pause();
        send_file(channel[1], listen_for(SYS_kill));
        printf("kill: %d\n", kill(child, SIGTERM));
        printf("still there: %d\n", waitpid(child, &status, WNOHANG) == 0);
        printf("kill: %d\n", kill(child, SIGKILL));
        printf("child: %d", waitpid(child, &status, 0) == child);
        printf(" %#x\n", status);
        return 3;
    }
    if (is("exec")) {
        send_file(channel[1], listen_for(SYS_setsid));
        execlp("setsid", "setsid", "sh", "-c", "(exit 3); echo $?; sleep 0.01 & wait $!; exit 4", (char *)0);
        return 99;
    }
    if (is("thread")) {
        pthread_create(&thread, 0, be_one_of_two, 0);
        pthread_join(thread, 0);
        printf("other: %d\n", setsid() == getpid());
        return 5;
    }
    if (is("gone")) {
        send_file(channel[1], listen_for(SYS_getsid));
        char byte;
        read(channel[1], &byte, 1);
        printf("answer: %d\n", getsid(0) == -1 && errno == ENOSYS);
        return 6;
    }
    if (is("asked")) {
        send_file(channel[1], listen_for(SYS_setpgid));
        printf("moved: %d\n", setpgid(0, 0));
        for (;;) pause();
    }
    if (is("stopped")) {
        send_file(channel[1], listen_for(SYS_getppid));
        raise(SIGSTOP);
        printf("parent: %d\n", getppid());
        fflush(stdout);
        raise(SIGSTOP);
        return 8;
    }
    if (is("killed")) {
        send_file(channel[1], listen_for(SYS_setsid));
        siginfo_t end;
        if (fork() == 0) _exit(0);
        waitid(P_ALL, 0, &end, WEXITED | WNOWAIT);
        setsid();
        return 9;
    }
    return 98;
}

int main(int count, char **words) {
    (void)count;
    int status = 0;
    way = words[1];
    socketpair(AF_UNIX, SOCK_STREAM, 0, channel);
    int child = fork();
    if (child == 0) {
        int code = act();
        fflush(stdout);
        _exit(code);
    }
    int listener = receive_file(channel[0]);
    if (listener < 0) return 77;
    if (is("fork")) { answer(listener, GO_ON, 0); answer(listener, GO_ON, 0); answer(listener, FAIL, EAGAIN); }
    if (is("wait")) { answer(listener, SAY, 4711); answer(listener, GO_ON, 0); }
    if (is("kill")) { answer(listener, SAY, 0); answer(listener, GO_ON, 0); }
    if (is("exec")) answer(listener, SAY, child);
    if (is("thread")) answer(listener, FAIL, EPERM);
    if (is("gone")) { close(listener); write(channel[0], "x", 1); }
    if (is("asked")) {
        answer(listener, GO_ON, 0);
        printf("moved to: %d\n", setpgid(child, child));
        printf("group: %d, session: %d\n", getpgid(child) == child, getsid(child) == getsid(0));
        printf("there: %d\n", kill(-child, 0));
        printf("killed: %d\n", kill(-child, SIGTERM));
        fflush(stdout);
    }
    if (is("stopped")) {
        printf("stopped: %d", waitpid(child, &status, WUNTRACED) == child);
        printf(" %#x\n", status);
        fflush(stdout);
        kill(child, SIGCONT);
        printf("continued: %d\n", waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
        fflush(stdout);
        answer(listener, SAY, 4713);
        waitpid(child, &status, WUNTRACED);
        printf("stopped: %#x\n", status);
        fflush(stdout);
        kill(child, SIGCONT);
    }
    if (is("killed")) {
        struct seccomp_notif request = take(listener);
        printf("it waits: %d\n", ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id));
        kill(child, SIGKILL);
    }
    printf("child: %d", waitpid(child, &status, 0) == child);
    printf(" %#x\n", status);
}
