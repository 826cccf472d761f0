// Children are stopped, continued and killed at once. Their parent may be told of all three, or not of the second. The argument says how often.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void on_child(int signal) { told = signal; }

int main(int count, char **words) {
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    for (int round = atoi(words[1]); round > 0; round--) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                pause();
        int status = 0;
        kill(child, SIGSTOP);
        if (round & 1)
            waitpid(child, &status, WUNTRACED);
        kill(child, SIGCONT);
        if (round & 2)
            waitpid(child, &status, WCONTINUED | WUNTRACED | WNOHANG);
        kill(child, SIGKILL);
        do
            waitpid(child, &status, WCONTINUED);
        while (!WIFSIGNALED(status));
    }
    puts(told == SIGCHLD ? "told" : "not told");
}
