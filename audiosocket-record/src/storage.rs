use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

/// How many files may have the same time and UUID. Asterisk gives out no UUID twice.
const MAX_SAME_NAMES: u32 = 1_000;

/// Where recordings are kept.
pub(crate) trait Storage: Send + 'static {
    /// An open file; clones are the same file.
    type File: Clone + Read + Write + Seek + Send;

    /// Creates a file. If it exists, fails with [`io::ErrorKind::AlreadyExists`] if it has to be
    /// `new`, or else empties it.
    fn create(&self, path: &Path, new: bool) -> io::Result<Self::File>;

    /// Returns once all data of `file` is on the disk. Its name may be there later.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    /// Opens the directory at `path`. It has to exist, and this process has to be allowed to
    /// create files in it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        match check(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => {
                let problem = format!("cannot record into {}: {error}", path.display());
                Err(io::Error::new(error.kind(), problem))
            }
        }
    }
}

#[cfg(unix)]
fn check(directory: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    // With the dot it is an error if this is not a directory.
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
            // A FIFO that is opened for writing alone blocks until it has a reader. Opened for
            // reading too, it would be its own reader, and the recording would fail at once.
            File::create(&path)?;
        }
        let mut options = File::options();
        // Reading is for the repair of a header.
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
