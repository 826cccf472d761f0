# All scenario files that can be played here.
lockstep agent --all && echo scenarios: passed
poweroff -f
