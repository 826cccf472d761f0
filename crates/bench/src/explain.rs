//! Where a scene spends its instructions and its atomic operations, by source line.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::measure::steps::count;
use crate::scene::RUNS;

/// Instructions and atomic operations.
#[derive(Clone, Copy, Default)]
struct Cost {
    instructions: u64,
    locked: u64,
}

impl Cost {
    fn add(&mut self, times: u64, is_locked: bool) {
        self.instructions += times;
        self.locked += if is_locked { times } else { 0 };
    }
}

/// Prints the atomic operations with the calls that led to them, and the instructions by function.
///
/// The program needs debug information, and binutils' `addr2line`.
pub(crate) fn explain(scene: &str) -> io::Result<()> {
    let stretch = count(scene)?;
    let places = stretch.places();
    let addresses: Vec<u64> = places.iter().map(|(address, _, _)| *address).collect();
    let stacks = inline_stacks(&addresses)?;
    let (mut bodies, mut functions) = (Table::new(), Table::new());
    let each = |count: u64| count as f64 / RUNS as f64;
    println!("atomic read-modify-writes, one each, with the calls around them:");
    for (&(_, times, is_locked), stack) in places.iter().zip(&stacks) {
        if is_locked {
            println!("{:>7.2}  {}", each(times), stack.join(" < "));
        }
        let names: Vec<&str> = stack.iter().map(|place| name_of(place)).collect();
        let body = names.last().copied().unwrap_or("?").to_owned();
        bodies.entry(body).or_default().add(times, is_locked);
        for (depth, function) in names.iter().enumerate() {
            if !names[..depth].contains(function) {
                functions.entry((*function).to_owned()).or_default().add(times, is_locked);
            }
        }
    }
    show("instructions and atomic operations, by function that is called:", bodies);
    show("by function that is called or inlined, with what is inlined into it:", functions);
    println!(
        "\nall: {:.1} instructions, of which {:.1} in the C library; {:.2} atomic operations",
        each(stretch.instructions()),
        each(stretch.foreign_instructions()),
        each(stretch.locked())
    );
    Ok(())
}

/// Costs by function.
type Table = BTreeMap<String, Cost>;

fn show(title: &str, costs: Table) {
    let each = |count: u64| count as f64 / RUNS as f64;
    println!("\n{title}");
    let mut sorted: Vec<_> = costs.into_iter().collect();
    sorted.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.instructions));
    for (function, cost) in sorted.iter().take(60) {
        println!("{:>8.1} {:>6.2}  {function}", each(cost.instructions), each(cost.locked));
    }
}

/// A place without its line.
fn name_of(place: &str) -> &str {
    place.split_once(' ').map_or(place, |(name, _)| name)
}

/// The functions that stand at each address, innermost first, each with the line at which it is.
fn inline_stacks(addresses: &[u64]) -> io::Result<Vec<Vec<String>>> {
    let mut child = Command::new("addr2line")
        .args(["-a", "-i", "-f", "-C", "-e"])
        .arg(std::env::current_exe()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or_else(|| io::Error::other("no pipe to addr2line"))?;
    let list: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(list.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| io::Error::other("addr2line took no input"))??;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut stacks: Vec<Vec<String>> = Vec::new();
    let mut function = None;
    for line in text.lines() {
        if line.starts_with("0x") {
            stacks.push(Vec::new());
        } else if let Some(name) = function.take() {
            let place = line.rsplit('/').next().unwrap_or(line);
            let place = place.split(' ').next().unwrap_or(place);
            if let Some(stack) = stacks.last_mut() {
                stack.push(format!("{} {place}", short(name)));
            }
        } else {
            function = Some(line);
        }
    }
    Ok(stacks)
}

/// The last two names of a path, without type parameters.
fn short(name: &str) -> String {
    let mut depth = 0_usize;
    let plain: String = name
        .chars()
        .filter(|letter| {
            match letter {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    parts[parts.len().saturating_sub(2)..].join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are short enough to read.
    #[test]
    fn names_are_short() {
        assert_eq!(short("axprocess::process::fork::publish<bench::Kernel>"), "fork::publish");
        assert_eq!(short("main"), "main");
    }
}
