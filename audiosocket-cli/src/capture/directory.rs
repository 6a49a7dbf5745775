//! The files of captures.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use audiosocket_record::call_files;
use audiosocket_tokio::stats::CallSide;
use clap::ValueEnum;
use uuid::Uuid;

use super::pcapng::PcapngFile;
use super::streams::StreamFiles;
use crate::file_error::file_error;

/// The extension of a capture in one file.
const PCAPNG: &str = "pcapng";

/// The extensions of a capture in two files, as a shell expands them.
const STREAMS: &str = "{caller,server}.bin";

/// The form of the files of a capture.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum CaptureForm {
    /// One file for each call, for Wireshark and tshark
    Pcapng,
    /// Two files for each call, for audiosocket decode and call --replay
    Streams,
}

/// The directory of the files.
#[derive(Debug)]
pub(super) struct CaptureDirectory {
    path: PathBuf,
    form: CaptureForm,
}

impl CaptureDirectory {
    /// Opens a directory in which this process may create files.
    pub(super) fn open(path: PathBuf, form: CaptureForm) -> io::Result<Self> {
        call_files::check_directory(&path).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "; create the directory of --capture-dir first",
                _ => "; --capture-dir needs a directory in which the program may create files",
            };
            file_error(&path, &io::Error::other(format!("{error}{remedy}")))
        })?;
        Ok(Self { path, form })
    }

    /// Creates the files of a call. Their name is the time of its start in UTC and its UUID.
    pub(super) fn create(
        &self,
        started: SystemTime,
        uuid: Option<Uuid>,
        caller: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<CaptureFile> {
        let call = uuid.map_or_else(|| "no-uuid".to_owned(), |uuid| uuid.to_string());
        let create = |name: &str| self.create_content(name, started, caller, server);
        let (name, content) = call_files::create_named(started, &call, create)?;
        let extension = match self.form {
            CaptureForm::Pcapng => PCAPNG,
            CaptureForm::Streams => STREAMS,
        };
        let name = format!("{name}.{extension}");
        Ok(CaptureFile { name, content })
    }

    fn create_content(
        &self,
        name: &str,
        started: SystemTime,
        caller: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<CaptureContent> {
        match self.form {
            CaptureForm::Pcapng => {
                let file = self.create_file(name, PCAPNG)?;
                let file = PcapngFile::new(file, started, caller, server)?;
                Ok(CaptureContent::Pcapng(Box::new(file)))
            }
            CaptureForm::Streams => Ok(CaptureContent::Streams(StreamFiles {
                caller: self.create_file(name, "caller.bin")?,
                server: self.create_file(name, "server.bin")?,
            })),
        }
    }

    fn create_file(&self, name: &str, extension: &str) -> io::Result<File> {
        let path = self.path.join(format!("{name}.{extension}"));
        let mut options = OpenOptions::new();
        call_files::make_private(options.write(true).create_new(true));
        options.open(path)
    }
}

/// The file, or the files, of one call.
#[derive(Debug)]
pub(super) struct CaptureFile {
    /// With the extension. Two files have one name, which a shell expands.
    name: String,
    content: CaptureContent,
}

#[derive(Debug)]
enum CaptureContent {
    Pcapng(Box<PcapngFile>),
    Streams(StreamFiles),
}

impl CaptureFile {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Appends bytes that one side sent.
    pub(super) fn write(&mut self, side: CallSide, at: SystemTime, bytes: &[u8]) -> io::Result<()> {
        match &mut self.content {
            CaptureContent::Pcapng(file) => file.write(side, at, bytes),
            CaptureContent::Streams(files) => files.write(side, bytes),
        }
    }

    /// Notes that one side has closed its direction.
    pub(super) fn half_close(&mut self, side: CallSide, at: SystemTime) -> io::Result<()> {
        match &mut self.content {
            CaptureContent::Pcapng(file) => file.half_close(side, at),
            CaptureContent::Streams(_) => Ok(()),
        }
    }
}
