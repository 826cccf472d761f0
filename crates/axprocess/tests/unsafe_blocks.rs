//! Unsafe code stands in three modules, and each block of it says why it is sound, and against which safe caller that was held.
//!
//! That there is a `SAFETY` comment at all is Clippy's to check, and rustc's that there is no unsafe code elsewhere, as long as nobody allows it; both is seen here without either.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules that may have unsafe code.
const MODULES: [&str; 3] = ["list", "object", "sync"];

/// What is wrong with the unsafe code of a text, each with its line.
fn problems(text: &str) -> Vec<(usize, &'static str)> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let opens =
        |&at: &usize| ["unsafe {", "unsafe impl"].iter().any(|it| code(lines[at]).contains(it));
    let blocks = (0..lines.len()).filter(opens);
    blocks.filter_map(|at| Some((at + 1, problem(&comment_above(&lines[..at]))?))).collect()
}

/// A line without what is said in it.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The comment that ends where these lines do; attributes may follow it.
fn comment_above(lines: &[&str]) -> String {
    let is_attribute = |line: &&&str| line.starts_with("#[");
    let above = lines.iter().rev().skip_while(is_attribute);
    let mut comment: Vec<_> = above.take_while(|line| line.starts_with("//")).copied().collect();
    comment.reverse();
    comment.join(" ")
}

/// A block of a function that is unsafe itself may leave the argument to whoever calls that.
fn problem(comment: &str) -> Option<&'static str> {
    let (_, argument) = comment.split_once("SAFETY: ").unwrap_or_default();
    let is_held = argument.contains("Held against: ") || argument.contains("'s own contract");
    match argument.is_empty() {
        true => Some("no argument"),
        false => (!is_held).then_some("held against nobody"),
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn every_unsafe_block_names_the_caller_it_was_held_against() {
    // Design, unsafe code: in three modules, and each block with its argument.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut wrong, mut blocks) = (Vec::new(), 0);
    for path in sources(&root) {
        let text = fs::read_to_string(&path).expect("a source");
        let name = path.strip_prefix(&root).expect("it lies below").display().to_string();
        let is_allowed = MODULES.iter().any(|module| name.starts_with(&format!("{module}/")));
        let uses = text.lines().filter(|line| code(line).contains("unsafe ")).count();
        blocks += uses;
        if uses > 0 && !is_allowed {
            wrong.push(format!("{name}: unsafe code"));
        }
        let here = problems(&text).into_iter();
        wrong.extend(here.map(|(line, what)| format!("{name}:{line}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks > 50, "{blocks} found");
}

#[test]
fn what_is_wrong_with_a_block_is_found() {
    // The check itself.
    let held = "// SAFETY: it is. Held against: a caller\n// that lies.\n";
    assert_eq!(problems(&format!("{held}unsafe {{ it() }}")), []);
    assert_eq!(problems(&format!("{held}#[inline]\nunsafe impl It for This {{}}")), []);
    assert_eq!(problems("// SAFETY: by this function's own contract.\nunsafe { it() }"), []);
    assert_eq!(problems("// SAFETY: it is.\nunsafe { it() }"), [(2, "held against nobody")]);
    assert_eq!(problems("work();\nunsafe { it() }"), [(2, "no argument")]);
    assert_eq!(problems(&format!("{held}\nunsafe {{ it() }}")), [(4, "no argument")]);
    assert_eq!(problems("// unsafe { it() }"), []);
}
