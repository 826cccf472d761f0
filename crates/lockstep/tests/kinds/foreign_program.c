/* An i386 program without a library: makes a child by fork, which begins a session; waits for it, and ends with 7. */
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

enum { EXIT = 1, FORK = 2, WAITPID = 7, SETSID = 66 };

void _start(void) {
    int status = 0;
    long child = call(FORK, 0, 0, 0);
    if (child == 0) {
        call(SETSID, 0, 0, 0);
        call(EXIT, 4, 0, 0);
    }
    if (call(WAITPID, child, (long)&status, 0) != child || status != 4 << 8) call(EXIT, 1, 0, 0);
    call(EXIT, 7, 0, 0);
}
