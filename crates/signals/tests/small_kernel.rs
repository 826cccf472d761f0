//! The kernel of the examples runs its shell.

#[path = "../examples/small_kernel/calls.rs"]
mod calls;
#[path = "../examples/small_kernel/host.rs"]
mod host;
#[path = "../examples/small_kernel/programs.rs"]
mod programs;

/// Handlers that interrupt a read or have it made again, stops and continuations on a terminal, a fatal signal, sigtimedwait, the mask that comes back behind sigsuspend, a signal that one thread leaves to another.
#[test]
fn the_small_kernel_runs_a_shell_with_jobs_that_live_on_signals() {
    let mut screen = Vec::new();
    programs::play(|line| screen.push(line.to_owned())).expect("memory");
    let expected = [
        "shell: ready",
        "> reader",
        "reader: reads",
        "> ^C",
        "reader: caught SIGINT",
        "> one",
        "reader: Ok(\"one\")",
        "reader: reads without SA_RESTART",
        "> ^C",
        "reader: caught SIGINT",
        "reader: Err(EINTR)",
        "reader: reads",
        "> ^Z",
        "shell: reader stopped by SIGTSTP",
        "shell: ready",
        "> fg",
        "shell: reader runs on",
        "> two",
        "reader: Ok(\"two\")",
        "reader: reads",
        "> ^Z",
        "shell: reader stopped by SIGTSTP",
        "shell: ready",
        "> kill",
        "shell: reader died of SIGTERM",
        "shell: ready",
        "> parent",
        "parent: SIGCHLD, its child's: true",
        "parent: si_code 2, si_status 15",
        "parent: reaped: true",
        "shell: parent exited with 0",
        "shell: ready",
        "> sleeper",
        "sleeper: Ok({SIGUSR1}) waits",
        "sleeper: the handler blocks Ok({SIGUSR1, SIGUSR2})",
        "sleeper: Err(EINTR)",
        "sleeper: blocks Ok({SIGUSR1}) again",
        "sleeper: sleeps",
        "> ^Z",
        "shell: sleeper stopped by SIGTSTP",
        "shell: ready",
        "> fg",
        "shell: sleeper runs on",
        "> ^C",
        "sleeper: the handler blocks Ok({SIGINT, SIGUSR2})",
        "sleeper: Err(EINTR)",
        "sleeper: blocks Ok({SIGINT, SIGUSR1}) again",
        "shell: sleeper exited with 0",
        "shell: ready",
        "> threads",
        "threads: another thread takes SIGUSR1",
        "threads: the first has Ok(SIGUSR2)",
        "threads: another thread takes SIGUSR1",
        "last: the leader has executed it",
        "shell: threads exited with 0",
        "shell: ready",
        "> exit",
        "init: 2 exited with 0",
        "init: done",
    ];
    assert_eq!(screen, expected);
}

/// What a kernel has to supply is little, and the documents say how much.
#[test]
fn a_whole_host_has_as_few_lines_as_the_documents_say() {
    let lines = include_str!("../examples/small_kernel/host.rs").lines().count();
    assert!(lines < 150);
    let said = format!("{lines} lines");
    assert!(include_str!("../src/lib.rs").contains(&said));
    assert!(include_str!("../../../README.md").contains(&said));
}

/// The README's example is a call of this kernel.
#[test]
fn the_call_that_the_readme_shows_runs_here() {
    let readme = include_str!("../../../README.md");
    let (_, behind) = readme.split_once("```rust,ignore\n").expect("its example");
    let (shown, _) = behind.split_once("```").expect("its end");
    let calls = include_str!("../examples/small_kernel/calls.rs").lines();
    let dedented: String =
        calls.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    assert!(dedented.contains(shown));
}

/// The loop that the documentation has is the one that runs here.
#[test]
fn the_documented_way_back_to_user_space_is_the_one_of_this_kernel() {
    let loop_of = |text: &str, margin: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(margin));
        let from_it = lines.skip_while(|line| !line.starts_with("fn return_to_user"));
        let mut lines: Vec<_> = from_it.map(str::to_owned).collect();
        lines.truncate(1 + lines.iter().position(|line| line == "}").expect("its end"));
        lines
    };
    let own = loop_of(include_str!("../examples/small_kernel/calls.rs"), "");
    let documented = loop_of(include_str!("../src/delivery.rs"), "    /// ");
    assert_eq!(documented, own);
    assert!(own.len() < 40);
}
