//! A disk in memory for tests. It can be full, and it can hang.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::storage::Storage;

#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryDisk(Arc<SharedDisk>);

#[derive(Debug, Default)]
struct SharedDisk {
    state: Mutex<DiskState>,
    hang_ended: Condvar,
}

#[derive(Debug, Default)]
struct DiskState {
    files: BTreeMap<String, Arc<Mutex<Cursor<Vec<u8>>>>>,
    synced: usize,
    /// The maximum length of a file.
    limit: Option<usize>,
    hangs: bool,
}

impl MemoryDisk {
    /// Limits the length of files. A write beyond the limit fails.
    pub(crate) fn limit(&self, limit: Option<usize>) {
        self.0.state.lock().unwrap().limit = limit;
    }

    /// Sets whether writes block.
    pub(crate) fn hang(&self, hangs: bool) {
        self.0.state.lock().unwrap().hangs = hangs;
        self.0.hang_ended.notify_all();
    }

    pub(crate) fn synced(&self) -> usize {
        self.0.state.lock().unwrap().synced
    }

    /// Returns the length of all files together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let state = self.0.state.lock().unwrap();
        let files = state.files.values();
        files.map(|file| file.lock().unwrap().get_ref().len()).sum()
    }

    /// Returns the names, rates and samples of all files, in the order of names.
    pub(crate) fn recordings(&self) -> Vec<(String, u32, Vec<i16>)> {
        let state = self.0.state.lock().unwrap();
        let files = state.files.iter().map(|(name, file)| {
            let content = file.lock().unwrap().get_ref().clone();
            let mut wav = hound::WavReader::new(&content[..]).unwrap();
            let samples = wav.samples().map(Result::unwrap).collect();
            (name.clone(), wav.spec().sample_rate, samples)
        });
        files.collect()
    }

    fn working(&self) -> MutexGuard<'_, DiskState> {
        let state = self.0.state.lock().unwrap();
        let hangs = |state: &mut DiskState| state.hangs;
        self.0.hang_ended.wait_while(state, hangs).unwrap()
    }
}

impl Storage for MemoryDisk {
    type File = MemoryFile;

    fn create(&self, path: &Path, new: bool) -> io::Result<MemoryFile> {
        let mut state = self.working();
        let name = path.to_str().unwrap();
        if new && state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Arc::<Mutex<Cursor<Vec<u8>>>>::default();
        state.files.insert(name.to_owned(), content.clone());
        Ok(MemoryFile {
            disk: self.clone(),
            content,
        })
    }

    fn sync(&self, _: &MemoryFile) -> io::Result<()> {
        self.working().synced += 1;
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct MemoryFile {
    disk: MemoryDisk,
    content: Arc<Mutex<Cursor<Vec<u8>>>>,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = self.disk.working().limit.unwrap_or(usize::MAX);
        let mut content = self.content.lock().unwrap();
        let room = limit.saturating_sub(content.position() as usize);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.write(&bytes[..room.min(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for MemoryFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.lock().unwrap().read(buffer)
    }
}

impl Seek for MemoryFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.content.lock().unwrap().seek(to)
    }
}
