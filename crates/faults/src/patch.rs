//! A patch that breaks something, as it lies in `faults/`.
//!
//! ```text
//! What it breaks, in one line.
//!
//! noticed by: a command that must fail with it
//! saying: what the command then says, if that matters
//! noticed by: another one
//!
//! diff --git …
//! ```

use std::path::{Path, PathBuf};

/// One patch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// Its path below `faults/`, without the extension.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What it breaks.
    pub(crate) breaks: String,
    /// Who must notice.
    pub(crate) witnesses: Vec<Witness>,
}

/// A command that must notice a patch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    pub(crate) command: String,
    /// What stands in its output then.
    pub(crate) says: String,
}

impl Patch {
    /// All patches of a directory, by their names.
    ///
    /// # Errors
    ///
    /// The directory or a file cannot be read; a file is no such patch.
    pub(crate) fn read_all(directory: &Path) -> Result<Vec<Self>, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        let mut patches = Vec::new();
        for kind in std::fs::read_dir(directory).map_err(failed)? {
            for file in std::fs::read_dir(kind.map_err(failed)?.path()).map_err(failed)? {
                let path = file.map_err(failed)?.path();
                let text = std::fs::read_to_string(&path).map_err(failed)?;
                let name = path.strip_prefix(directory).unwrap_or(&path).with_extension("");
                let name = name.to_string_lossy().into_owned();
                let patch = Self::parse(name, path, &text);
                patches.push(patch?);
            }
        }
        patches.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(patches)
    }

    fn parse(name: String, path: PathBuf, text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let breaks = lines.next().unwrap_or_default().to_owned();
        let mut witnesses: Vec<Witness> = Vec::new();
        for line in lines.take_while(|line| !line.starts_with("diff ")) {
            match (line.split_once(": "), witnesses.last_mut()) {
                (Some(("noticed by", command)), _) => {
                    witnesses.push(Witness { command: command.to_owned(), says: String::new() })
                }
                (Some(("saying", words)), Some(last)) => words.clone_into(&mut last.says),
                _ if line.is_empty() => {}
                _ => return Err(format!("{name}: what is {line:?}?")),
            }
        }
        if breaks.is_empty() || witnesses.is_empty() || !text.contains("\ndiff --git ") {
            return Err(format!(
                "{name}: a patch says what it breaks and who notices, and changes something"
            ));
        }
        Ok(Self { name, path, breaks, witnesses })
    }

    /// Whether it, or its directory, is among the names; all are, if there are none.
    pub(crate) fn is_named(&self, names: &[String]) -> bool {
        let is_it = |name: &String| {
            let rest = self.name.strip_prefix(name.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        names.is_empty() || names.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Patch, String> {
        Patch::parse("rules/it".to_owned(), PathBuf::new(), text)
    }

    /// What stands before the diff is read; what is no such line is refused, as is a patch that nobody must notice.
    #[test]
    fn heads_are_read() {
        let text = "It breaks.\n\nnoticed by: one\nnoticed by: two 'x: y'\nsaying: a: b \n\ndiff --git a b\n";
        let patch = parse(text).unwrap();
        let says = |command: &str, says: &str| Witness {
            command: command.to_owned(),
            says: says.to_owned(),
        };
        assert_eq!(patch.witnesses, [says("one", ""), says("two 'x: y'", "a: b ")]);
        assert!(parse("It breaks.\n\ndiff --git a b\n").is_err());
        assert!(parse("It breaks.\n\nnoticed by: one\n").is_err());
        assert!(parse(&text.replace("saying", "says")).unwrap_err().contains("what is"));
    }

    /// A name is a patch's or a directory's, whole.
    #[test]
    fn names_choose() {
        let patch = parse("It breaks.\nnoticed by: one\n\ndiff --git a b\n").unwrap();
        for (names, is_named) in [
            (&["rules"][..], true),
            (&["rules/it"], true),
            (&["rule"], false),
            (&["cuts"], false),
            (&[], true),
        ] {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(patch.is_named(&names), is_named, "{names:?}");
        }
    }
}
