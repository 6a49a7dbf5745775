//! `--upgrade-socket`: a new process takes over the listening sockets and the live calls of the old one.
//!
//! The new process connects to the socket of the old one, and both send their versions. The old one sends its listening
//! sockets: those for calls, the status and the agent-check. When the new one is ready, the old one takes no more
//! connections, and hands its calls over in batches:
//!
//! ```text
//! old                                                   new
//! the calls of a batch stop
//! their states and sockets, the end of the batch  -->
//!                                                 <--   which of the calls it can continue
//! commit                                          -->
//! these calls are forgotten, the others go on           the calls continue
//! ```
//!
//! Until the commit, the old process owns the calls. After an error or a timeout they go on there.

mod link;
mod new_process;
mod old_process;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use audiosocket_tokio::{Acceptor, Server};
use clap::Args;

use super::operate::ports::OperatorPorts;
use new_process::Predecessor;
use old_process::Handover;

#[derive(Args, Debug)]
pub(super) struct UpgradeOptions {
    /// Take over the calls of the server at PATH, and hand them over later
    #[arg(long, value_name = "PATH", help_heading = "Runtime", hide = true)]
    pub(super) upgrade_socket: Option<PathBuf>,
}

impl UpgradeOptions {
    /// Connects to the process that this one replaces, if it runs.
    pub(super) fn predecessor(&self) -> io::Result<Option<Predecessor>> {
        let Some(path) = &self.upgrade_socket else {
            return Ok(None);
        };
        let predecessor = Predecessor::connect(path);
        predecessor.map_err(|error| named("cannot take over from", path, &error))
    }

    /// Takes the calls of the process that this one replaces. Then the next process can replace this one, whose calls end
    /// within `drain` if they cannot be handed over. Returns the ports if no process can replace this one.
    pub(super) async fn start<A: Acceptor>(
        &self,
        predecessor: Option<Predecessor>,
        server: &Server<A>,
        drain: Duration,
        ports: OperatorPorts,
    ) -> io::Result<Option<OperatorPorts>> {
        let Some(path) = &self.upgrade_socket else {
            return Ok(Some(ports));
        };
        // What can fail comes before the calls, which are lost if the process ends with an error after it has them.
        let (handover, given) = std::sync::mpsc::channel::<(Handover, UnixListener)>();
        let thread = std::thread::Builder::new().name("upgrade".to_owned());
        thread.spawn(move || {
            if let Ok((handover, listener)) = given.recv() {
                handover.wait(&listener);
            }
        })?;
        let socket = NewSocket::bind(path)
            .map_err(|error| named("--upgrade-socket: cannot listen at", path, &error))?;
        if let Some(predecessor) = predecessor {
            let receiver = server.call_receiver();
            let taken = tokio::task::spawn_blocking(move || predecessor.take_calls(&receiver));
            let calls = taken.await?;
            let calls = calls.map_err(|error| named("cannot take over from", path, &error))?;
            tracing::info!(calls, "took over from another process");
        }
        let listener = match socket.replace(path) {
            Ok(listener) => listener,
            Err(error) => {
                let error = named("--upgrade-socket: cannot replace", path, &error);
                tracing::error!(%error, "no process can take over from this one");
                return Ok(Some(ports));
            }
        };
        let this = Handover {
            sockets: server.listening_sockets(),
            server: server.handle(),
            drain,
            ports,
        };
        // The thread waits for it.
        let _ = handover.send((this, listener));
        Ok(None)
    }
}

/// The listening sockets of this process. They close when the server closes them.
type ListeningSockets = Vec<Weak<TcpListener>>;

/// A socket beside that of the process that listened before, until it takes the place of that one.
#[derive(Debug)]
struct NewSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl NewSocket {
    /// Listens beside `path`. Only the owner may connect.
    fn bind(path: &Path) -> io::Result<Self> {
        if is_socket(path) == Some(false) {
            return Err(io::Error::other("a file that is not a socket is there"));
        }
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", std::process::id()));
        let path = PathBuf::from(new);
        if is_socket(&path) == Some(true) {
            // A process that was killed left it. In a container, its number is that of this one.
            fs::remove_file(&path).map_err(|error| with_remedy(&error, &path))?;
        }
        let listener = UnixListener::bind(&path).map_err(|error| with_remedy(&error, &path))?;
        let socket = Self { listener, path };
        fs::set_permissions(&socket.path, fs::Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Gives the socket the name `path`.
    fn replace(self, path: &Path) -> io::Result<UnixListener> {
        let listener = self.listener.try_clone()?;
        fs::rename(&self.path, path)?;
        Ok(listener)
    }
}

impl Drop for NewSocket {
    fn drop(&mut self) {
        // The file is not there any more if the socket has its final name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns whether a file is a socket. Returns `None` if there is no such file.
fn is_socket(path: &Path) -> Option<bool> {
    let file = fs::symlink_metadata(path).ok()?;
    Some(file.file_type().is_socket())
}

/// Adds what to do to an error of a socket that cannot be made at `path`.
fn with_remedy(error: &io::Error, path: &Path) -> io::Error {
    use io::ErrorKind::{
        AddrInUse, InvalidInput, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    let remedy = match error.kind() {
        AddrInUse => {
            let path = path.display().to_string();
            format!("; remove the file {}", path.escape_debug())
        }
        InvalidInput => "; use a shorter path".to_owned(),
        NotFound | NotADirectory => "; the directory must exist".to_owned(),
        PermissionDenied | ReadOnlyFilesystem => {
            "; this user must be able to write into the directory".to_owned()
        }
        _ => String::new(),
    };
    io::Error::other(format!("{error}{remedy}"))
}

/// Adds the path to an error. The kind is lost on purpose: it is not that of a network address.
fn named(problem: &str, path: &Path, error: &io::Error) -> io::Error {
    let path = path.display().to_string();
    let path = path.escape_debug();
    io::Error::other(format!("{problem} {path}: {error}"))
}
