//! The files that the kernel begins with: an archive of the form that cpio(1) calls newc.

/// What a file is, with its permissions, as `st_mode` has it.
const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// An archive that grows.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    count: u32,
}

impl Archive {
    /// Adds an empty directory.
    pub(crate) fn directory(&mut self, name: &str) {
        self.add(name, DIRECTORY, &[]);
    }

    /// Adds a program.
    pub(crate) fn program(&mut self, name: &str, content: &[u8]) {
        self.add(name, PROGRAM, content);
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, name: &str, to: &str) {
        self.add(name, LINK, to.as_bytes());
    }

    /// Returns all of it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.count += 1;
        let (size, name_size) = (content.len(), name.len() + 1);
        // Inode, mode, owner, links, time, size, device, device it is, name, check sum.
        let fields =
            [self.count as usize, mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cpio(1) of busybox lists what was put in.
    #[test]
    fn an_archive_is_read_by_others() {
        use std::io::Write;
        use std::process::{Command, Stdio};

        let mut archive = Archive::default();
        archive.directory("bin");
        archive.program("bin/abc", b"12345");
        archive.link("bin/link", "abc");
        let mut reader = Command::new("busybox")
            .args(["cpio", "-t"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        reader.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        let listed = reader.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "bin\nbin/abc\nbin/link\n");
    }
}
