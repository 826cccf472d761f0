# The storm, not as the first process: on Linux, children of that one keep no group from being orphaned.
storm 8
poweroff -f
