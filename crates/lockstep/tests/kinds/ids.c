/* Whose rights a program has, as far as it can see; and a child of its. */
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int status, child = fork();
    if (child == 0) _exit(geteuid() == getuid());
    waitpid(child, &status, 0);
    printf("secure %lu, user %d %d, group %d %d, child %#x\n", getauxval(AT_SECURE), getuid(), geteuid(), getgid(), getegid(), status);
}
