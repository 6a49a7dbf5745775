//! `audiosocket decode`: prints the frames of a captured stream.

mod line;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use audiosocket_media::{Codec, CodecDetector};
use audiosocket_proto::{Decoder, FrameKind, HEADER_LEN, Header};
use clap::Args;

use crate::file_error::file_error;
use crate::{help, packet_capture};
use line::Line;

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DecodeArgs {
    /// The bytes of one direction of a connection; - is standard input
    file: PathBuf,
    /// Print a JSON object on each line
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = help::examples!(
    "troubleshooting.md",
    "audiosocket decode capture.bin",
    "audiosocket decode capture.bin --json | jq .kind",
    "audiosocket decode - < capture.bin",
);

pub(crate) fn run(args: &DecodeArgs) -> io::Result<ExitCode> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    let with_name = |error: io::Error| file_error(&args.file, &error);
    let mut stream: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&args.file).map_err(with_name)?)
    };
    let mut buffer = vec![0; 64 * 1024];
    let mut frames = Frames::new();
    let mut is_start = true;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => {
                if std::mem::take(&mut is_start) {
                    packet_capture::refuse(&buffer[..len]).map_err(with_name)?;
                }
                frames.print(&buffer[..len], args.json, &mut stdout)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(with_name(error)),
        }
        // The stream can be a connection that goes on.
        stdout.flush()?;
    }
    if let Some(codec) = frames.codec.codec()
        && codec != Codec::Slin
    {
        eprintln!(
            "the audio of kind 0x10 is likely {codec}: Dial without c(slin) sends the call's own codec"
        );
    }
    match frames.cut() {
        None => Ok(ExitCode::SUCCESS),
        Some(cut) => Err(with_name(io::Error::new(io::ErrorKind::UnexpectedEof, cut))),
    }
}

/// The frames of a stream as it comes in.
#[derive(Debug)]
struct Frames {
    decoder: Decoder,
    codec: CodecDetector,
    /// The time of all frames: a capture has none, so that no rate is measured.
    time: Instant,
    /// Where the next frame begins, in bytes from the start of the stream.
    offset: u64,
}

impl Frames {
    fn new() -> Self {
        Self {
            decoder: Decoder::default(),
            codec: CodecDetector::default(),
            time: Instant::now(),
            offset: 0,
        }
    }

    fn print(&mut self, mut bytes: &[u8], json: bool, out: &mut impl Write) -> io::Result<()> {
        while let Some(frame) = self.decoder.decode(&mut bytes) {
            let line = Line::new(self.offset, frame);
            if frame.kind == FrameKind::AUDIO_8K {
                self.codec.push(frame.payload, self.time);
            }
            self.offset += (HEADER_LEN + frame.payload.len()) as u64;
            if json {
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }

    /// Returns the error of a stream that ends here inside a frame.
    fn cut(&self) -> Option<String> {
        let held = self.decoder.partial_len();
        if held == 0 {
            return None;
        }
        let len = self.decoder.peek(&[]).map(Header::frame_len);
        let len = len.map_or_else(|| "a header".to_owned(), |len| format!("{len} bytes"));
        Some(format!(
            "the stream ends inside a frame: at byte {} there are {held} bytes of {len}",
            self.offset
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_after(bytes: &[u8]) -> Option<String> {
        let mut frames = Frames::new();
        frames.print(bytes, false, &mut io::sink()).unwrap();
        frames.cut()
    }

    #[test]
    fn a_cut_frame_is_an_error_with_its_place() {
        let stream = [0x03, 0, 1, b'1', 0x10, 0, 2, 7, 7];
        assert_eq!(cut_after(&stream), None);
        let in_payload = cut_after(&stream[..8]).unwrap();
        assert!(
            in_payload.ends_with("at byte 4 there are 4 bytes of 5 bytes"),
            "{in_payload}"
        );
        let in_header = cut_after(&stream[..6]).unwrap();
        assert!(
            in_header.ends_with("at byte 4 there are 2 bytes of a header"),
            "{in_header}"
        );
    }
}
