"""A job that says whenever it comes to the front or goes to the back of its terminal, and after each SIGCONT where it is."""

import os
import signal
import time

told = None


def forget(*_):
    global told
    told = None


signal.signal(signal.SIGCONT, forget)
signal.signal(signal.SIGINT, signal.SIG_DFL)
terminal = os.open("/dev/tty", os.O_RDWR)
while True:
    place = b"front\n" if os.tcgetpgrp(terminal) == os.getpgrp() else b"back\n"
    if place != told:
        told = place
        os.write(terminal, place)
    time.sleep(0.01)
