/* Children that ask to be traced by their parent, who does not know of it. The argument chooses what they do then. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
    (void)count;
    int status, child = fork();
    if (child == 0) {
        alarm(20);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        switch (words[1][0]) {
        case 'e': _exit(3);
        case 's': raise(SIGSTOP); _exit(4);
        case 'x': execl("/bin/true", "true", (char *)0); _exit(5);
        case 'k': kill(getpid(), SIGKILL);
        }
    }
    while (waitpid(child, &status, WUNTRACED) == child) {
        printf("%#x\n", status);
        if (WIFSTOPPED(status)) kill(child, SIGKILL);
    }
    puts("ended");
}
