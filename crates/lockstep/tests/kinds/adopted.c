// An orphan asks who its parent is.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  int maker = fork();
  if (maker == 0) {
    int own = getpid();
    if (fork() == 0) {
      while (getppid() == own) usleep(1000);
      int parent = getppid();
      for (int i = 0; count > 1 && words[1] && i < 20; i++) {
        if (getppid() != parent) _exit(1);
      }
      write(ends[1], "x", 1);
      _exit(0);
    }
    _exit(0);
  }
  waitpid(maker, 0, 0);
  char byte;
  if (read(ends[0], &byte, 1) == 1) printf("adopted\n");
  return 0;
}
