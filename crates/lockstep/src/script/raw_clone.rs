//! clone3 with arguments that are to be refused, field by field.

use std::fmt;

use super::operation::value_of;

/// The arguments of a clone3 that makes nobody: what the structure says, and how long it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RawClone {
    /// The fields of `clone_args`, and one that is behind them all; `None`: what a good request has.
    pub(crate) fields: [Option<u64>; FIELDS.len()],
    /// The length of the structure.
    pub(crate) size: u64,
}

/// The fields in their order. The last one is unknown to the kernel.
pub(crate) const FIELDS: [&str; 12] = [
    "flags",
    "pidfd",
    "child-tid",
    "parent-tid",
    "exit-signal",
    "stack",
    "stack-size",
    "tls",
    "set-tid",
    "set-tid-size",
    "cgroup",
    "behind",
];

/// The length of the structure that has all known fields.
const WHOLE: u64 = 88;
/// Where the flags stand.
const FLAGS: usize = 0;
/// Where the address of the pidfd stands.
const PIDFD: usize = 1;

const WANTS_PIDFD: u64 = 0x1000;
/// No program has memory below.
const FIRST_PAGE: u64 = 0x1000;

const FLAG_NAMES: &[(&str, u64)] = &[
    ("csignal", 0x11),
    ("newtime", 0x80),
    ("vm", 0x100),
    ("fs", 0x200),
    ("sighand", 0x800),
    ("pidfd", WANTS_PIDFD),
    ("parent", 0x8000),
    ("thread", 0x1_0000),
    ("newns", 0x2_0000),
    ("parent-settid", 0x10_0000),
    ("detached", 0x40_0000),
    ("newuser", 0x1000_0000),
    ("newpid", 0x2000_0000),
    ("clear-sighand", 1 << 32),
    ("unknown", 1 << 62),
];

impl RawClone {
    /// Reads the words behind the verb: flags by name, and `FIELD=NUMBER`.
    pub(super) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut request = Self { fields: [None; FIELDS.len()], size: WHOLE };
        for word in words {
            let Some((field, value)) = word.split_once('=') else {
                let flag = value_of(FLAG_NAMES, word);
                let flag = flag.ok_or_else(|| format!("`{word}` is no flag of clone3"))?;
                request.fields[FLAGS] = Some(request.fields[FLAGS].unwrap_or(0) | flag);
                continue;
            };
            let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
            match FIELDS.iter().position(|known| *known == field) {
                _ if field == "size" => request.size = value,
                Some(index) if index != FLAGS => request.fields[index] = Some(value),
                _ => return Err(format!("`{field}` is no field of clone3")),
            }
        }
        Ok(request)
    }

    /// Whether the pidfd is to be written where nobody has memory: then the kernel makes all of the child before it refuses.
    pub(crate) fn is_in_vain(&self) -> bool {
        let [flags, pidfd] = [FLAGS, PIDFD].map(|index| self.fields[index].unwrap_or(0));
        flags & WANTS_PIDFD != 0 && pidfd < FIRST_PAGE
    }

    /// The structure, with `stack` where a good request has its stack.
    pub(crate) fn words(&self, stack: (u64, u64)) -> [u64; FIELDS.len()] {
        let good = |name| match name {
            "stack" => stack.0,
            "stack-size" => stack.1,
            _ => 0,
        };
        std::array::from_fn(|index| self.fields[index].unwrap_or_else(|| good(FIELDS[index])))
    }
}

impl fmt::Display for RawClone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.fields[FLAGS].unwrap_or(0);
        for (name, _) in FLAG_NAMES.iter().filter(|(_, bits)| flags & bits == *bits) {
            write!(f, " {name}")?;
        }
        for (name, value) in FIELDS.iter().zip(self.fields).skip(FLAGS + 1) {
            value.map_or(Ok(()), |value| write!(f, " {name}={value}"))?;
        }
        if self.size == WHOLE { Ok(()) } else { write!(f, " size={}", self.size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed can be read, and means the same.
    #[test]
    fn a_printed_request_is_read_back() {
        let text = " vm sighand clear-sighand exit-signal=65 stack=0 behind=1 size=96";
        let request = RawClone::parse(text.split_whitespace()).unwrap();
        assert_eq!(request.to_string(), text);
        assert_eq!(request.words((7, 8))[4..8], [65, 0, 8, 0]);
        for wrong in ["dance", "exit-signal=x", "flags=1", "colour=1"] {
            assert!(RawClone::parse(std::iter::once(wrong)).is_err(), "{wrong}");
        }
    }
}
