use std::io::{self, BufWriter, Write as _};

use audiosocket_media::Codec;

use crate::storage::Storage;

/// The most bytes of a file: 2 GiB.
const MAX_BYTES: u64 = 1 << 31;

/// A file of compressed audio while it is written.
///
/// Codecs whose frames have one length are written as they are, which is the format of `.gsm` and
/// `.g729` files. Other codecs are written as AudioSocket frames, so that their lengths are kept.
pub(crate) struct RawFile<S: Storage> {
    pub(crate) name: String,
    pub(crate) codec: Codec,
    pub(crate) frames: u64,
    bytes: u64,
    file: S::File,
    writer: BufWriter<S::File>,
}

impl<S: Storage> RawFile<S> {
    pub(crate) fn new(name: String, file: S::File, codec: Codec) -> Self {
        Self {
            name,
            codec,
            frames: 0,
            bytes: 0,
            writer: BufWriter::new(file.clone()),
            file,
        }
    }

    /// The extension of the file of a codec.
    pub(crate) fn extension(codec: Codec) -> String {
        if is_plain(codec) {
            codec.format_name().to_owned()
        } else {
            format!("{codec}-frames")
        }
    }

    pub(crate) fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        if !is_plain(self.codec) {
            // A payload came in a frame, so that its length fits.
            let len = u16::try_from(payload.len()).map_err(io::Error::other)?;
            let [high, low] = len.to_be_bytes();
            self.writer.write_all(&[0x10, high, low])?;
        }
        self.writer.write_all(payload)?;
        self.frames += 1;
        self.bytes += payload.len() as u64 + 3;
        if self.bytes > MAX_BYTES {
            return Err(io::Error::other(
                "a file of compressed audio has 2 GiB at most",
            ));
        }
        Ok(())
    }

    /// Writes the bytes that are still in memory.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Ends the file, and syncs it to the disk if `sync` is set.
    pub(crate) fn finish(&mut self, storage: &S, sync: bool) -> io::Result<()> {
        self.writer.flush()?;
        if sync {
            storage.sync(&self.file)?;
        }
        Ok(())
    }
}

fn is_plain(codec: Codec) -> bool {
    matches!(codec, Codec::Gsm | Codec::G729 | Codec::G726)
}
