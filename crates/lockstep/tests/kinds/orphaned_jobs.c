/* More ways in which a stopped group becomes orphaned, and is continued. The argument chooses. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static int is(const char *other) { return strcmp(way, other) == 0; }
static volatile sig_atomic_t hung_up;
static void note(int number) { if (number == SIGHUP) hung_up++; }

/* A member of the job: survives SIGHUP, and tells whether it came. */
static void member(int leader) {
    signal(SIGHUP, note);
    setpgid(0, leader);
    raise(is("background") ? SIGTSTP : SIGSTOP);
    while (!hung_up) ;
    _exit(20 + hung_up);
}

static void shell(void) {
    int status, first = 0;
    setsid();
    if (is("terminal")) {
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        unlockpt(master);
        open(ptsname(master), O_RDWR);
    }
    int jobs = is("several") ? 3 : 1, members = is("pair") ? 2 : 1;
    for (int job = 0; job < jobs; job++) {
        first = 0;
        for (int i = 0; i < members; i++) {
            int child = fork();
            if (child == 0) member(first);
            if (first == 0) first = child;
            setpgid(child, first);
            waitpid(child, &status, WUNTRACED);
        }
    }
    if (is("killed")) kill(getpid(), SIGKILL);
    _exit(0);
}

int main(int count, char **words) {
    (void)count;
    way = words[1];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (is("quiet")) { struct sigaction action = {.sa_handler = note, .sa_flags = SA_NOCLDSTOP | SA_RESTART}; sigaction(SIGCHLD, &action, 0); }
    else signal(SIGCHLD, note);
    if (fork() == 0) shell();
    int status, sum = 0, ends = 0;
    while (wait(&status) > 0) { sum += WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status); ends++; }
    printf("%d ends, %d\n", ends, sum);
}
