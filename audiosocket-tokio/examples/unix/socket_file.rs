//! The file under which a Unix socket is reached.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// Owner and group may call. Who is to be kept from even trying is kept out of the directory.
const MODE: u32 = 0o660;

/// The file of a listening socket: there until this is dropped, and nobody else's.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Held until the file is gone, so that what the next server makes is not taken away.
    _lock: File,
}

impl SocketFile {
    /// Listens at `path`. The socket of a server that was killed is still there, and replaced; that
    /// of a server that runs is left to it, which a lock on `path` with `.lock` behind it tells: to
    /// try whether somebody answers would leave two servers that start at once undecided. A file
    /// that is no socket is left alone.
    pub(crate) fn listen(path: impl Into<PathBuf>) -> io::Result<(UnixListener, Self)> {
        let path: PathBuf = path.into();
        let mut lock_path = path.clone().into_os_string();
        lock_path.push(".lock");
        let lock = File::create(lock_path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => {
                let in_use = format!("a server listens at {} already", path.display());
                io::Error::new(io::ErrorKind::AddrInUse, in_use)
            }
        })?;
        if fs::symlink_metadata(&path).is_ok_and(|file| file.file_type().is_socket()) {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        let file = Self { path, _lock: lock };
        fs::set_permissions(&file.path, Permissions::from_mode(MODE))?;
        Ok((listener, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}
