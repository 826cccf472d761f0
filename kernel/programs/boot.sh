# What a boot ends with that is only to show that it works.
echo the shell answers: $((6 * 7))
ls / | wc -l
poweroff -f
