use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// Owner and group may call. The directory keeps others from even trying.
const MODE: u32 = 0o660;

/// The file of a listening Unix socket. Removes the file when it is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Held until the file is removed, so that the file of the next server is not.
    _lock: File,
}

impl SocketFile {
    /// Listens at `path`, with permissions for owner and group. Returns the non-blocking socket, and its
    /// file: drop the file first, and the path is free for the next server.
    ///
    /// Replaces the socket of a server that was killed. Does not touch the socket of a server that runs: a
    /// lock on `path` with `.lock` behind it says whether one does. (Connecting to the socket would not:
    /// two servers that start at once would both find nothing there.) Does not touch a file that is no
    /// socket.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a server listens at `path`; those of the file system.
    pub fn listen(path: impl Into<PathBuf>) -> io::Result<(UnixListener, Self)> {
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
        listener.set_nonblocking(true)?;
        Ok((listener, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a socket file");
        }
    }
}
