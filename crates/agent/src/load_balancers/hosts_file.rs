//! Names of load balancers for programs on the host: a marked block in the hosts file. Promise: no other line of it is
//! touched, whoever else writes there and whenever this process ends.
//!
//! The file may be a bind mount, so it is rewritten in place, from the first byte that differs; nothing before that byte
//! can be lost.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Addresses by name.
pub type Names = BTreeMap<String, Ipv4Addr>;

/// A hosts file, and whose block in it is meant.
#[derive(Clone, Debug)]
pub struct HostsFile {
    pub path: PathBuf,
    /// The id of this instance of the service.
    pub instance: String,
}

impl HostsFile {
    /// Makes the block say this, and nothing else. Without names there is no block. A file that says so already is not
    /// opened for writing, which may not be allowed.
    pub fn write(&self, names: &Names) -> io::Result<()> {
        let before = match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && names.is_empty() => return Ok(()),
            other => other?,
        };
        if render(&before, &self.instance, names) == before {
            return Ok(());
        }
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        // Other services of this machine keep their own blocks in it.
        file.lock()?;
        let mut before = Vec::new();
        (&file).read_to_end(&mut before)?;
        rewrite(&file, &before, &render(&before, &self.instance, names))
    }

    /// For the end of the service.
    pub fn clear(&self) -> io::Result<()> {
        self.write(&Names::new())
    }
}

fn rewrite(file: &File, before: &[u8], after: &[u8]) -> io::Result<()> {
    if before == after {
        return Ok(());
    }
    let same = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    file.write_all_at(&after[same..], same as u64)?;
    file.set_len(after.len() as u64)?;
    file.sync_data()
}

fn begin(instance: &str) -> String {
    format!("# pilothouse {instance} begin")
}

fn end(instance: &str) -> String {
    format!("# pilothouse {instance} end")
}

/// The file with the block at its end, so that a change of it moves nobody's lines.
fn render(before: &[u8], instance: &str, names: &Names) -> Vec<u8> {
    let mut after = without_block(before, instance);
    if names.is_empty() {
        return after;
    }
    if !after.is_empty() && !after.ends_with(b"\n") {
        after.push(b'\n');
    }
    let lines = names.iter().map(|(name, address)| format!("{address} {name}"));
    for line in std::iter::once(begin(instance)).chain(lines).chain([end(instance)]) {
        after.extend(line.into_bytes());
        after.push(b'\n');
    }
    after
}

/// A block that was not written to its end ends with the first line that is not of its kind.
fn without_block(text: &[u8], instance: &str) -> Vec<u8> {
    let (begin, end) = (begin(instance), end(instance));
    let (mut kept, mut inside) = (Vec::with_capacity(text.len()), false);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let trimmed = line.trim_ascii();
        if trimmed == begin.as_bytes() {
            inside = true;
        } else if trimmed == end.as_bytes() {
            inside = false;
        } else if !(inside && is_entry(trimmed) || is_torn(line, inside, &begin, &end)) {
            inside = false;
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// The last line of the file, if the write of a block ended in it.
fn is_torn(line: &[u8], inside: bool, begin: &str, end: &str) -> bool {
    let marker = |marker: &str| line.starts_with(b"# pilothouse ") && marker.as_bytes().starts_with(line);
    !line.ends_with(b"\n") && (marker(begin) || marker(end) || inside && line.starts_with(b"127."))
}

/// `127.64.0.9 web-0123456789abcdef.elb.us-east-1.amazonaws.com`
fn is_entry(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let Some((address, name)) = line.split_once(' ') else { return false };
    address.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()) && name.contains(".elb.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const ID: &str = "0123abcd";
    const ONE: &str = "a-1.elb.us-east-1.amazonaws.com";
    const TWO: &str = "b-2.elb.us-east-1.amazonaws.com";

    fn names(list: &[&str]) -> Names {
        list.iter().zip(1..).map(|(name, number)| ((*name).to_owned(), Ipv4Addr::new(127, 64, 0, number))).collect()
    }

    fn block(id: &str, lines: &str) -> String {
        format!("# pilothouse {id} begin\n{lines}# pilothouse {id} end\n")
    }

    #[test]
    fn only_the_own_block_changes() {
        let home = "127.0.0.1 localhost\n";
        let mine = block(ID, &format!("127.64.0.1 {ONE}\n"));
        let other = block("ffffffff", &format!("127.64.0.9 {ONE}\n"));
        for (before, wanted, after) in [
            (home.to_owned(), vec![ONE], format!("{home}{mine}")),
            ("127.0.0.1 localhost".to_owned(), vec![ONE], format!("{home}{mine}")),
            (String::new(), vec![ONE], mine.clone()),
            (format!("{home}{mine}"), vec![ONE], format!("{home}{mine}")),
            (format!("{home}{mine}"), vec![], home.to_owned()),
            (format!("{home}{mine}10.0.0.1 later\n"), vec![ONE], format!("{home}10.0.0.1 later\n{mine}")),
            (format!("{home}{mine}{other}"), vec![], format!("{home}{other}")),
            (format!("{mine}{home}{mine}"), vec![], home.to_owned()),
            (
                format!("{home}{mine}"),
                vec![ONE, TWO],
                format!("{home}{}", block(ID, &format!("127.64.0.1 {ONE}\n127.64.0.2 {TWO}\n"))),
            ),
            // As a crash in the middle of a write leaves it.
            (format!("{home}# pilothouse {ID} begin\n127.64.0.1 {ONE}\n10.0.0.1 later\n"), vec![], format!("{home}10.0.0.1 later\n")),
            (format!("{home}# pilothouse {ID} begin\n127.64.0.1 {}", &ONE[..3]), vec![], home.to_owned()),
            (format!("{home}{}", &mine[..mine.len() - 4]), vec![], home.to_owned()),
            (format!("{home}# pilothouse {}", &ID[..3]), vec![], home.to_owned()),
            (format!("{home}127.0.0.1 last"), vec![], format!("{home}127.0.0.1 last")),
            ("\u{fffd}\n127.0.0.1\tlocalhost\r\n".to_owned(), vec![], "\u{fffd}\n127.0.0.1\tlocalhost\r\n".to_owned()),
        ] {
            let got = render(before.as_bytes(), ID, &names(&wanted));
            assert_eq!(String::from_utf8_lossy(&got), after, "{before:?} {wanted:?}");
        }
    }

    #[test]
    fn the_file_itself_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hosts");
        let hosts = HostsFile { path: path.clone(), instance: ID.into() };
        hosts.clear().expect("nothing to clear");
        assert!(hosts.write(&names(&[ONE])).is_err(), "a machine without a hosts file gets none");
        std::fs::write(&path, "127.0.0.1 localhost\n").expect("a file");
        let inode = std::fs::metadata(&path).expect("it is there").ino();
        hosts.write(&names(&[ONE, TWO])).expect("written");
        hosts.write(&names(&[TWO])).expect("written");
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(text, format!("127.0.0.1 localhost\n{}", block(ID, &format!("127.64.0.1 {TWO}\n"))));
        hosts.clear().expect("cleared");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "127.0.0.1 localhost\n");
        assert_eq!(std::fs::metadata(&path).expect("it is there").ino(), inode);
    }
}
