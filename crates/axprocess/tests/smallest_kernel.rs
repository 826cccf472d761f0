//! The kernel of the examples runs its shell.

#[path = "../examples/smallest_kernel/calls.rs"]
mod calls;
#[path = "../examples/smallest_kernel/host.rs"]
mod host;
#[path = "../examples/smallest_kernel/programs.rs"]
mod programs;

/// Fork, exec, exit, wait, kill, a stop and a continuation, and job control on a terminal, on the loop that the attention word is for.
#[test]
fn the_smallest_kernel_runs_a_shell_with_a_job() {
    let mut screen = Vec::new();
    programs::play(|line| screen.push(line.to_owned())).expect("memory");
    let expected = [
        "cat: reads",
        "shell: 3 stopped by SIGTSTP",
        "shell: the job runs on",
        "cat: hello",
        "cat: reads",
        "shell: 3 died of SIGINT",
        "init: 2 exited with 7",
        "init: done",
    ];
    assert_eq!(screen, expected);
}
