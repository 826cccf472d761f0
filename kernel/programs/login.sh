# A shell with jobs: the serial line is the controlling terminal of its session. The machine goes with it.
exec </dev/ttyS0 >/dev/ttyS0 2>&1
setsid -c sh
poweroff -f
