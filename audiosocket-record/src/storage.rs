use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

/// The maximum number of files with the same time and UUID. Asterisk uses no UUID twice.
const MAX_SAME_NAMES: u32 = 1_000;

/// The storage of recordings.
pub(crate) trait Storage: Send + 'static {
    /// An open file; clones are the same file.
    type File: Clone + Read + Write + Seek + Send;

    /// Creates a file. If the file exists, this empties it, or with `new` fails with
    /// [`io::ErrorKind::AlreadyExists`].
    fn create(&self, path: &Path, new: bool) -> io::Result<Self::File>;

    /// Returns when all data of `file` is on the disk. The name of the file may be synced later.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    /// Opens the directory at `path`. It must exist, and this process must be allowed to create files
    /// in it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        match check(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => {
                let problem = format!(
                    "cannot record into {}: {error}",
                    path.display().to_string().escape_debug()
                );
                Err(io::Error::new(error.kind(), problem))
            }
        }
    }
}

#[cfg(unix)]
fn check(directory: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    // The dot makes this an error if the path is no directory.
    access(directory.join("."), Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
}

#[cfg(not(unix))]
fn check(directory: &Path) -> io::Result<()> {
    std::fs::read_dir(directory).map(drop)
}

impl Storage for Directory {
    type File = Arc<File>;

    fn create(&self, path: &Path, new: bool) -> io::Result<Self::File> {
        let path = self.0.join(path);
        if !new {
            // Opening a FIFO for writing blocks until it has a reader. If it were opened for reading
            // too, it would be its own reader, and the recording would fail at once.
            File::create(&path)?;
        }
        let mut options = File::options();
        // The repair of a header reads the file.
        options.read(true).write(true).create_new(new);
        // Calls are private: only the owner and the group may read new files.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        options.open(path).map(Arc::new)
    }

    fn sync(&self, file: &Self::File) -> io::Result<()> {
        file.sync_all()
    }
}

/// Creates a new file whose name has the time of its first sample and the UUID of the call.
pub(crate) fn create_named<S: Storage>(
    storage: &S,
    from: SystemTime,
    uuid: Uuid,
    extension: &str,
) -> io::Result<(String, S::File)> {
    let time = humantime::format_rfc3339_millis(from).to_string();
    let time = time.replace(['-', ':'], "");
    let mut name = format!("{time}-{uuid}.{extension}");
    for number in 2..=MAX_SAME_NAMES {
        match storage.create(name.as_ref(), true) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (name, file)),
        }
        name = format!("{time}-{uuid}-{number}.{extension}");
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
