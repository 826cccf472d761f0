// Says whenever it comes to the foreground of its terminal: so who types knows that what is typed now is for it. As long as it has seen that it is not there, its name is `behind`.
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int was_in_front = 0;
    for (;;) {
        int is_in_front = tcgetpgrp(0) == getpgrp();
        if (is_in_front != was_in_front) prctl(PR_SET_NAME, is_in_front ? "front" : "behind");
        if (is_in_front && !was_in_front && write(1, "foreground\n", 11) != 11) return 1;
        was_in_front = is_in_front;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, 0);
    }
}
