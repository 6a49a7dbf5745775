//! `--allow-file`: an allow list that can change while the server runs.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use audiosocket_tokio::admission::AllowList;
use audiosocket_tokio::{Peer, Refusal};

use crate::file_error::file_error;

/// The networks of a file, and others that are always allowed. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::serve) struct AllowFile {
    path: PathBuf,
    always: AllowList,
    list: Arc<RwLock<AllowList>>,
}

impl AllowFile {
    /// Reads the file: a network or an address on each line, and comments after `#`.
    pub(in crate::serve) fn read(path: PathBuf, always: AllowList) -> io::Result<Self> {
        let file = Self {
            path,
            always,
            list: Arc::default(),
        };
        file.reload()?;
        Ok(file)
    }

    /// Reads the file again. Returns the number of its networks. After an error, the list is the old one.
    pub(in crate::serve) fn reload(&self) -> io::Result<usize> {
        let text =
            fs::read_to_string(&self.path).map_err(|error| file_error(&self.path, &error))?;
        let list =
            parse(&text).map_err(|error| file_error(&self.path, &io::Error::other(error)))?;
        let networks = list.networks().len();
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list;
        Ok(networks)
    }

    pub(in crate::serve) fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        if list.allows(peer) || self.always.allows(peer) {
            return Ok(());
        }
        Err(Refusal::new("its address is not on the allow list"))
    }
}

fn parse(text: &str) -> Result<AllowList, String> {
    let mut networks = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let network = line.split('#').next().unwrap_or_default().trim();
        if network.is_empty() {
            continue;
        }
        let list = network.parse::<AllowList>();
        let list = list.map_err(|error| format!("line {}: {error}", index + 1))?;
        networks.extend_from_slice(list.networks());
    }
    if networks.is_empty() {
        // This is more often a file that is written at this moment than the wish to refuse all calls.
        return Err("the file has no network; write one on each line, such as 192.0.2.0/24".into());
    }
    Ok(networks.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_networks_comments_and_empty_lines() {
        let list = parse("# Asterisk\n192.0.2.7 # the first\n\n 10.0.0.0/8, ::1\n").unwrap();
        let networks: Vec<_> = list.networks().iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["192.0.2.7/32", "10.0.0.0/8", "::1/128"]);
    }

    #[test]
    fn an_error_has_the_line_and_an_empty_file_is_an_error() {
        let error = parse("192.0.2.7\n\n10.0.0.1/8\n").unwrap_err();
        assert!(error.starts_with("line 3: \"10.0.0.1/8\""), "{error}");
        let error = parse("# none\n").unwrap_err();
        assert!(error.starts_with("the file has no network"), "{error}");
    }
}
