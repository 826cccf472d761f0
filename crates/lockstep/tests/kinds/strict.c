/* Strict seccomp mode: only read, write, exit and sigreturn are left. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words) {
    (void)words;
    int refused = count > 1 ? syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0) : prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    write(1, "asked\n", 6);
    syscall(SYS_exit, refused != 0);
}
