# Memory runs out, and the shell goes on.
memory && echo memory: passed
poweroff -f
