use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use clap::Args;

use super::directory::{CaptureDirectory, CaptureForm};
use super::writer::CaptureWriter;
use super::{Captures, CapturesState};

const MB: u64 = 1_000_000;

#[derive(Args, Clone, Debug)]
pub(crate) struct CaptureOptions {
    /// Capture calls into files in DIR, which must exist
    #[arg(long, value_name = "DIR", help_heading = "Capture", hide = true)]
    capture_dir: Option<PathBuf>,
    /// Capture the first N calls only
    #[arg(
        long,
        value_name = "N",
        help_heading = "Capture",
        hide = true,
        default_value_t = 10,
        requires = "capture_dir"
    )]
    capture_calls: usize,
    /// Capture at most N MB of each call
    #[arg(
        long,
        value_name = "N",
        help_heading = "Capture",
        hide = true,
        default_value_t = 20,
        requires = "capture_dir"
    )]
    capture_mb: u32,
    /// pcapng or streams
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Capture", hide = true, hide_possible_values = true, default_value_t = CaptureForm::Pcapng, requires = "capture_dir")]
    capture_as: CaptureForm,
}

impl CaptureOptions {
    /// Starts the thread that writes the files. Returns `None` without `--capture-dir`.
    pub(crate) fn start(&self) -> io::Result<Option<Captures>> {
        let Some(directory) = &self.capture_dir else {
            return Ok(None);
        };
        let directory = CaptureDirectory::open(directory.clone(), self.capture_as)?;
        let (sender, entries) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let writer = CaptureWriter::new(directory, Arc::clone(&queued));
        let thread = thread::Builder::new().name("captures".to_owned());
        let thread = thread.spawn(move || writer.run(&entries))?;
        Ok(Some(Captures(Arc::new(CapturesState {
            entries: sender,
            queued,
            calls_left: AtomicUsize::new(self.capture_calls),
            next_id: AtomicU64::new(0),
            max_bytes: u64::from(self.capture_mb) * MB,
            thread: Mutex::new(Some(thread)),
        }))))
    }
}
