// setns without the right to it: what was unshared before holds, outside and in a namespace.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void be_refused(void) {
  int space = syscall(SYS_pidfd_open, getpid(), 0);
  if (setresuid(-1, 1000, -1) != 0) _exit(77);
  if (setns(space, CLONE_NEWPID) == 0) _exit(1);
  int status, child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(getpid() == 1 ? 5 : 6);
  waitpid(child, &status, 0);
  printf("%d\n", WEXITSTATUS(status));
  fflush(stdout);
}

int main(void) {
  if (unshare(CLONE_NEWPID) != 0) return 77;
  int inner = fork(), status;
  if (inner == 0) {
    if (unshare(CLONE_NEWPID) != 0) _exit(77);
    be_refused();
    _exit(0);
  }
  waitpid(inner, &status, 0);
  if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  int last = fork();
  if (last != -1) return 1; // its namespace has ended
  return 0;
}
