"""Runs a command as the session leader of a new terminal, and types what a dialogue says.

Each line of the dialogue has two parts with a tab between them: wait until the first appears, then type the second.
"""

import os
import pty
import select
import sys
import time

LIMIT = 60


def main(dialogue, command):
    with open(dialogue) as lines:
        exchanges = [line.rstrip("\n").split("\t") for line in lines]
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen, deadline = b"", time.monotonic() + LIMIT
    while True:
        while exchanges:
            wanted, typed = (part.encode().decode("unicode_escape").encode() for part in exchanges[0])
            if wanted not in seen:
                break
            # What was waited for does not count again.
            seen = seen[seen.index(wanted) + len(wanted):]
            os.write(master, typed)
            exchanges.pop(0)
        readable, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
        if not readable:
            sys.exit(f"never seen: {exchanges}; last seen: {seen[-500:]}")
        try:
            output = os.read(master, 4096)
        except OSError:
            break
        if not output:
            break
        seen += output
        sys.stdout.buffer.write(output)
    sys.stdout.flush()
    _, status = os.waitpid(pid, 0)
    if exchanges:
        sys.exit(f"never seen: {exchanges}")
    sys.exit(os.waitstatus_to_exitcode(status))


main(sys.argv[1], sys.argv[2:])
