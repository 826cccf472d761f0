//! The boots of a test run, and the verdict.

use std::time::{Duration, Instant};

use crate::build::{Build, Kernel};
use crate::dialogue;
use crate::qemu::{Machine, Pace, Shown};

/// A boot: a kernel, and the program that it begins with.
struct Test {
    name: &'static str,
    kernel: Kernel,
    command_line: &'static str,
    /// What it says when it has passed.
    says: &'static str,
    patience: Duration,
    /// Whether its figures are counts of instructions.
    is_counted: bool,
}

const TESTS: &[Test] = &[
    Test {
        name: "storm",
        kernel: Kernel::Checked,
        command_line: "init=/bin/sh /etc/storm.sh",
        says: "storm: passed",
        patience: Duration::from_secs(60),
        is_counted: false,
    },
    Test {
        name: "memory",
        kernel: Kernel::Plain,
        command_line: "init=/bin/sh /etc/memory.sh",
        says: "memory: passed",
        patience: Duration::from_secs(60),
        is_counted: false,
    },
    Test {
        name: "edges",
        kernel: Kernel::Checked,
        command_line: "init=/bin/sh /etc/edges.sh",
        says: "edges: passed",
        patience: Duration::from_secs(60),
        is_counted: false,
    },
    Test {
        name: "interrupts",
        kernel: Kernel::Checked,
        command_line: "test=interrupts",
        says: "interrupts: passed",
        patience: Duration::from_secs(60),
        is_counted: false,
    },
    Test {
        name: "latency",
        kernel: Kernel::Plain,
        command_line: "test=latency",
        says: "latency: passed",
        patience: Duration::from_secs(60),
        is_counted: true,
    },
    Test {
        name: "scenarios",
        kernel: Kernel::Plain,
        command_line: "init=/bin/sh /etc/scenarios.sh",
        says: "scenarios: passed",
        patience: Duration::from_secs(60),
        is_counted: false,
    },
];

/// The one that somebody types.
const DIALOGUE: &str = "dialogue";

/// Runs all tests, or the one with this name; whether they have passed.
pub(crate) fn run(
    build: &Build,
    processors: u32,
    pace: Pace,
    only: Option<&str>,
) -> Result<bool, String> {
    let chosen: Vec<_> =
        TESTS.iter().filter(|test| only.is_none_or(|it| it == test.name)).collect();
    let is_typed = only.is_none_or(|it| it == DIALOGUE);
    if chosen.is_empty() && !is_typed {
        let mut names: Vec<_> = TESTS.iter().map(|test| test.name).collect();
        names.push(DIALOGUE);
        return Err(format!("no such test; there are {}", names.join(", ")));
    }
    let files = build.files()?;
    let mut failed = Vec::new();
    let mut machines = Vec::new();
    for test in chosen {
        let kernel = build.kernel(test.kernel)?;
        let command_line = test.command_line.to_owned();
        let files = files.clone();
        // What counts instructions has one processor: it is about one.
        let (processors, pace) =
            if test.is_counted { (1, Pace::Counted) } else { (processors, pace) };
        machines.push((test, Machine { kernel, files, processors, command_line, pace }));
    }
    let typed_to = if is_typed {
        let (kernel, command_line) =
            (build.kernel(Kernel::Plain)?, "init=/bin/sh /etc/login.sh".to_owned());
        Some(Machine { kernel, files: files.clone(), processors, command_line, pace })
    } else {
        None
    };
    let began = Instant::now();
    for (test, machine) in machines {
        println!("== {}", test.name);
        let outcome = machine.watch(test.patience, Shown::Yes)?;
        let is_passed = outcome.is_well && outcome.said.contains(test.says);
        println!("== {}: {:.1} s", test.name, outcome.took.as_secs_f64());
        if !is_passed {
            failed.push(test.name);
        }
    }
    if let Some(machine) = typed_to {
        println!("== {DIALOGUE}");
        if !dialogue::run(&machine, &build.programs())? {
            failed.push(DIALOGUE);
        }
    }
    let time = began.elapsed().as_secs_f64();
    if failed.is_empty() {
        println!("all passed on {processors} processors, in {time:.1} s");
    } else {
        println!("FAILED on {processors} processors, in {time:.1} s: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// Boots so often, each time as far as a shell that answers; whether all did.
pub(crate) fn boot_often(
    build: &Build,
    processors: u32,
    pace: Pace,
    boots: u32,
) -> Result<bool, String> {
    const ANSWER: &str = "the shell answers: 42";
    let machine = Machine {
        kernel: build.kernel(Kernel::Plain)?,
        files: build.files()?,
        processors,
        command_line: "init=/bin/sh /etc/boot.sh".to_owned(),
        pace,
    };
    let mut failures = 0;
    let mut longest = Duration::ZERO;
    for boot in 1..=boots {
        let outcome = machine.watch(Duration::from_secs(30), Shown::No)?;
        longest = longest.max(outcome.took);
        if !outcome.is_well || !outcome.said.contains(ANSWER) {
            failures += 1;
            println!("boot {boot} failed:\n{}", outcome.said);
        }
    }
    println!(
        "{boots} boots on {processors} processors: {failures} failures, {:.1} s the longest",
        longest.as_secs_f64()
    );
    Ok(failures == 0)
}
