use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// The owner and the group may connect. Others may not, if the mode of the directory keeps them out.
const MODE: u32 = 0o660;

/// The file of a listening Unix socket. Removes the file when it is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Locked until the file is removed. Otherwise this server could remove the file of the next one.
    _lock: File,
}

impl SocketFile {
    /// Listens at `path`, with permissions for owner and group. Returns the non-blocking socket and its file. Drop the file
    /// first: then the path is free for the next server.
    ///
    /// This replaces the socket of a server that was killed. It keeps the socket of a server that runs, which has a lock on
    /// the file `path` + `.lock`. (An attempt to connect would not be enough: two servers that start at the same time
    /// would both fail to connect.) It keeps a file that is not a socket.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a server listens at `path`, or if a file that is not a socket is there. The error of the file system.
    pub fn listen(path: impl Into<PathBuf>) -> io::Result<(UnixListener, Self)> {
        let path: PathBuf = path.into();
        let mut lock_path = path.clone().into_os_string();
        lock_path.push(".lock");
        let lock = File::create(lock_path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => {
                let in_use = format!(
                    "another server listens at {}: stop it or use another path",
                    path.display()
                );
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
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket file; remove it by hand");
        }
    }
}
