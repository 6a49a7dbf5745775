use std::fmt;
use std::path::{Path, PathBuf};

/// The kind of a file that [`AudioReader`](super::AudioReader) does not read. It is found by the first bytes of the file,
/// or by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// MP3 audio.
    Mp3,
    /// Ogg with Opus audio.
    OggOpus,
    /// Ogg with other audio, such as Vorbis.
    Ogg,
    /// FLAC audio.
    Flac,
    /// An MP4 file, such as M4A.
    Mp4,
    /// AAC audio without a container.
    Aac,
    /// AIFF audio.
    Aiff,
    /// Sun AU audio.
    Au,
    /// AMR audio.
    Amr,
    /// Core Audio Format.
    Caf,
    /// A Matroska or WebM file.
    Matroska,
    /// A big-endian WAV file (RIFX).
    BigEndianWav,
    /// Sony Wave64.
    Wave64,
    /// A RIFF file without WAVE, such as AVI.
    OtherRiff,
    /// GSM 06.10 audio without a header, found by the extension `gsm`.
    Gsm,
    /// G.729 audio without a header, found by the extension `g729`.
    G729,
    /// Text, such as HTML or JSON. A download that failed often is an error page.
    Text,
    /// Another kind.
    Unknown,
}

impl FileKind {
    /// Finds the kind of a file that is not WAV by its first bytes.
    pub(super) fn of_bytes(start: &[u8]) -> Self {
        let at = |offset: usize, magic: &[u8]| {
            start
                .get(offset..)
                .is_some_and(|rest| rest.starts_with(magic))
        };
        match start {
            _ if at(0, b"OggS") && at(28, b"OpusHead") => Self::OggOpus,
            _ if at(0, b"OggS") => Self::Ogg,
            _ if at(0, b"fLaC") => Self::Flac,
            _ if at(4, b"ftyp") => Self::Mp4,
            _ if at(0, b"FORM") => Self::Aiff,
            _ if at(0, b".snd") => Self::Au,
            _ if at(0, b"#!AMR") => Self::Amr,
            _ if at(0, b"caff") => Self::Caf,
            _ if at(0, b"\x1a\x45\xdf\xa3") => Self::Matroska,
            _ if at(0, b"RIFX") => Self::BigEndianWav,
            _ if at(0, b"riff\x2e\x91\xcf\x11") => Self::Wave64,
            _ if at(0, b"ID3") => Self::Mp3,
            // The frame headers of MPEG audio: 11 bits of sync, then a version and a layer that are not reserved.
            [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..] => Self::Aac,
            [0xff, second, third, ..]
                if second & 0xe0 == 0xe0
                    && second & 0x18 != 0x08
                    && second & 0x06 != 0
                    && third & 0xf0 != 0xf0 =>
            {
                Self::Mp3
            }
            _ if is_text(start) => Self::Text,
            _ if at(0, b"RIFF") => Self::OtherRiff,
            _ => Self::Unknown,
        }
    }

    /// Finds the kind of a file without a header by its extension.
    pub(super) fn of_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match &*extension {
            "gsm" => Some(Self::Gsm),
            "g729" => Some(Self::G729),
            _ => None,
        }
    }

    /// Returns the command that converts `path` to WAV, or `None` if the file is not audio.
    pub(super) fn conversion(self, path: Option<&Path>) -> Option<String> {
        Some(match self {
            Self::Text | Self::Unknown => return None,
            Self::Gsm => command("sox", path, "-r 8000 -c 1"),
            Self::G729 => command("ffmpeg -f g729 -i", path, "-ac 1"),
            _ => command("ffmpeg -i", path, "-ac 1"),
        })
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mp3 => "an MP3 file",
            Self::OggOpus => "an Ogg file with Opus audio",
            Self::Ogg => "an Ogg file",
            Self::Flac => "a FLAC file",
            Self::Mp4 => "an MP4 or M4A file",
            Self::Aac => "an AAC file",
            Self::Aiff => "an AIFF file",
            Self::Au => "a Sun AU file",
            Self::Amr => "an AMR file",
            Self::Caf => "a Core Audio file",
            Self::Matroska => "a Matroska or WebM file",
            Self::BigEndianWav => "a big-endian WAV file (RIFX)",
            Self::Wave64 => "a Wave64 file",
            Self::OtherRiff => "an AVI file or another RIFF file",
            Self::Gsm => "a GSM file",
            Self::G729 => "a G.729 file",
            Self::Text => "a text file",
            Self::Unknown => "a file of an unknown kind",
        })
    }
}

fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The last character can be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && text
            .chars()
            .all(|char| !char.is_control() || char.is_ascii_whitespace())
}

/// Returns the command that converts `path` to WAV: the program, the input, the options, the output.
pub(super) fn command(program: &str, path: Option<&Path>, options: &str) -> String {
    let input = path.map_or("INPUT".to_owned(), quoted);
    let output = path.map_or("OUTPUT.wav".to_owned(), |path| quoted(&converted(path)));
    format!("{program} {input} {options} {output}")
}

/// Returns the path of the converted file: the same name with the extension `wav`.
fn converted(path: &Path) -> PathBuf {
    let is_wav = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    if !is_wav {
        return path.with_extension("wav");
    }
    let mut stem = path.file_stem().unwrap_or_default().to_os_string();
    stem.push("-converted.wav");
    path.with_file_name(stem)
}

/// Quotes a path for a POSIX shell. Control characters are escaped, so that they cannot change a terminal.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+=:@%".contains(char);
    if path.chars().all(is_plain) && !path.starts_with('-') && !path.is_empty() {
        return path.into_owned();
    }
    let escaped: String = path
        .chars()
        .map(|char| match char {
            '\'' => "'\\''".to_owned(),
            char if char.is_control() => char.escape_debug().to_string(),
            char => char.to_string(),
        })
        .collect();
    let dash = if escaped.starts_with('-') { "./" } else { "" };
    format!("'{dash}{escaped}'")
}
