use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use audiosocket_tokio::Uuid;
use rustix::fs::{Access, access};

/// How many files may have the same time and UUID, which Asterisk does not give out twice.
const MAX_NAMESAKES: u32 = 1_000;

/// Where recordings are kept.
pub(super) trait Storage: Send + 'static {
    /// A file that is open; clones are the same file.
    type File: Clone + Read + Write + Seek + Send;

    /// Makes a new file, or fails with [`io::ErrorKind::AlreadyExists`].
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Returns once all that was written to `file` is on the disk. Its name may be there later.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`, which has to exist, and in which this process may make files.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // The dot makes it an error if this is no directory.
        match access(path.join("."), Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) => Ok(Self(path.to_owned())),
            Err(error) => {
                let error = io::Error::from(error);
                let problem = format!("cannot record into {}: {error}", path.display());
                Err(io::Error::new(error.kind(), problem))
            }
        }
    }
}

impl Storage for Directory {
    type File = Arc<File>;

    fn create(&self, name: &str) -> io::Result<Self::File> {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Also to be read, for a header that is to be put right. Calls are nobody's business but
        // of those who may use the server's group.
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o640);
        options.open(self.0.join(name)).map(Arc::new)
    }

    fn sync(&self, file: &Self::File) -> io::Result<()> {
        file.sync_all()
    }
}

/// Makes a file that is named by the time of its first sample and the call; gives its name too.
pub(super) fn create_named<S: Storage>(
    storage: &S,
    from: SystemTime,
    uuid: Uuid,
) -> io::Result<(String, S::File)> {
    let time = humantime::format_rfc3339_millis(from).to_string();
    let time = time.replace(['-', ':'], "");
    let mut name = format!("{time}-{uuid}.wav");
    for namesake in 2..=MAX_NAMESAKES {
        match storage.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (name, file)),
        }
        name = format!("{time}-{uuid}-{namesake}.wav");
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
