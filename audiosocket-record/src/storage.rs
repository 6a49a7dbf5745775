use std::fs::{File, OpenOptions};
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
        match check_directory(&path) {
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

/// Checks that `directory` is a directory in which this process may create files.
///
/// # Errors
///
/// The error of the system if it is not.
pub fn check_directory(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        // The dot makes this an error if the path is no directory.
        access(directory.join("."), Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
    }
    #[cfg(not(unix))]
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
        make_private(&mut options);
        options.open(path).map(Arc::new)
    }

    fn sync(&self, file: &Self::File) -> io::Result<()> {
        file.sync_all()
    }
}

/// Lets only the owner and the group read the file that `options` creates: calls are private. It has no effect on other
/// systems than Unix.
pub fn make_private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o640);
    #[cfg(not(unix))]
    let _ = options;
}

/// Calls `create` with the name of a new file, without an extension: the time `from` in UTC and `call`, such as a UUID. Tries
/// the next name while `create` fails with [`io::ErrorKind::AlreadyExists`]. Returns the name and the result.
///
/// # Errors
///
/// Another error of `create`. [`io::ErrorKind::AlreadyExists`] if there are a thousand such files.
pub fn create_named<T>(
    from: SystemTime,
    call: &str,
    mut create: impl FnMut(&str) -> io::Result<T>,
) -> io::Result<(String, T)> {
    let time = humantime::format_rfc3339_millis(from).to_string();
    let time = time.replace(['-', ':'], "");
    let mut name = format!("{time}-{call}");
    for number in 2..=MAX_SAME_NAMES {
        match create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|created| (name, created)),
        }
        name = format!("{time}-{call}-{number}");
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Creates a new file with the time of its first sample and the UUID of the call in its name.
pub(crate) fn create_recording<S: Storage>(
    storage: &S,
    from: SystemTime,
    uuid: Uuid,
    extension: &str,
) -> io::Result<(String, S::File)> {
    let with_extension = |name: &str| format!("{name}.{extension}");
    let create = |name: &str| storage.create(with_extension(name).as_ref(), true);
    let (name, file) = create_named(from, &uuid.to_string(), create)?;
    Ok((with_extension(&name), file))
}
