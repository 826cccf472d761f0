/* A supervisor answers the calls of another process, and lets some of them go on. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void) {
    int channel[2], status;
    socketpair(AF_UNIX, SOCK_STREAM, 0, channel);
    int child = fork();
    if (child == 0) {
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setpgid, 1, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {5, code};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        if (listener < 0) _exit(77);
        send_file(channel[1], listener);
        printf("group: %d\n", setpgid(0, 0));
        printf("session: %ld\n", syscall(SYS_getsid, 0));
        fflush(stdout);
        _exit(getpgrp() == getpid() ? 8 : 9);
    }
    int listener = receive_file(channel[0]);
    if (listener < 0) return 77;
    for (int i = 0; i < 2; i++) {
        struct seccomp_notif request;
        struct seccomp_notif_resp answer;
        memset(&answer, 0, sizeof answer);
        do memset(&request, 0, sizeof request); /* one that a signal has interrupted begins anew */
        while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0 && errno == ENOENT);
        answer.id = request.id;
        if (request.data.nr == SYS_setpgid) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        else answer.val = 4711;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    printf("child: %d", waitpid(child, &status, 0) == child);
    printf(" %#x\n", status);
}
