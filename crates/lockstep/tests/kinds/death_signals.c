/* Which changes of credentials make Linux forget that a thread wants a signal when its parent dies. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int now(void) {
    int signal = -1;
    prctl(PR_GET_PDEATHSIG, &signal);
    return signal;
}

static void set_capabilities(unsigned keep) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    syscall(SYS_capget, &head, data);
    data[0].effective &= keep;
    data[0].permitted &= keep;
    syscall(SYS_capset, &head, data);
}

static void change(const char *how) {
    int number = how[1] - '0' ? 1000 : 0;
    switch (how[0]) {
    case 'u': setuid(number); break;
    case 'g': setgid(number); break;
    case 'e': seteuid(number); break;
    case 'r': setreuid(number, -1); break;
    case 's': setresuid(-1, -1, number); break;
    case 'f': setfsuid(number); break;
    case 'F': setfsgid(number); break;
    case 'R': setresgid(-1, number, -1); break;
    case 'c': set_capabilities(number ? ~0u : 0x1); break;
    case 'n': execl("/no/such/file", "x", (char *)0); getppid(); break;
    }
}

int main(int count, char **words) {
    if (count > 1) { printf("%s: %d\n", words[1], now()); return 0; }
    if (geteuid() != 0) return 77;
    const char *ways[] = {"u0", "u1", "g0", "g1", "e0", "e1", "r0", "r1", "s1", "f0", "f1", "F0", "F1", "R1", "c0", "c1", "n0"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            change(ways[i]);
            printf("%s: %d\n", ways[i], now());
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, 0, 0);
    }
    /* Programs: an ordinary one, one of another user, one of another group, and one that gives capabilities back. */
    const struct { const char *name; int user, group, mode; unsigned keep; } programs[] = {
        {"ordinary", 0, 0, 0755, ~0u}, {"user", 1000, 0, 04755, ~0u}, {"group", 0, 1000, 02755, ~0u},
        {"same-user", 0, 0, 04755, ~0u}, {"capable", 0, 0, 0755, 0x1},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char copy[512];
        snprintf(copy, sizeof copy, "cp %s ./%s", words[0], programs[i].name);
        if (system(copy) != 0) return 1;
        chown(programs[i].name, programs[i].user, programs[i].group);
        chmod(programs[i].name, programs[i].mode);
        int child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            if (programs[i].keep != ~0u) set_capabilities(programs[i].keep);
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            execl(programs[i].name, "program", programs[i].name, (char *)0);
            _exit(1);
        }
        waitpid(child, 0, 0);
    }
}
