/* Strict seccomp mode: only read, write, exit and sigreturn are left. With a second argument a thread asks for it. */
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static char **word;

static void *ask(void *count) {
    int by_seccomp = *(int *)count > 1 && strcmp(word[1], "seccomp") == 0;
    int refused = by_seccomp ? syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0) : prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    write(1, "asked\n", 6);
    *(int *)count = refused != 0;
    if (refused == 0) syscall(SYS_exit, 0);
    return 0;
}

int main(int count, char **words) {
    pthread_t thread;
    word = words;
    if (count > 2) {
        pthread_create(&thread, 0, ask, &count);
        pthread_join(thread, 0);
    } else {
        ask(&count);
    }
    syscall(SYS_exit_group, count);
}
