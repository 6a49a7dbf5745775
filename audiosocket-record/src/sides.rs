/// The sides of a call that a recording has, and their places in its files.
///
/// A recording of both sides has the duration of the call. The caller and the server are at the same place in it if
/// their audio passed the server at the same time. Audio of a caller that is late or early for a while, by more than 20 ms,
/// gets its place back: by silence, or by a shorter pause. The clocks of telephones differ. The audio of the server is that
/// which left: the audio that was [cleared](audiosocket_server::CallHandle::clear) is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sides {
    /// The caller only, in a mono file. This is the default.
    #[default]
    Caller,
    /// Both sides in a stereo file: the caller is left, the server is right.
    Stereo,
    /// Both sides in a mono file, mixed.
    Mono,
    /// Both sides in a mono file each. The names end in `.caller.wav` and `.server.wav`. Both files have the same sample
    /// rate and the same length.
    TwoFiles,
}

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Server {
        /// The playout sent this frame, at a time of its schedule.
        on_schedule: bool,
    },
}

impl Sides {
    /// Returns the names of the files of a recording, without the name of the call.
    pub(crate) const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::TwoFiles => &["caller.wav", "server.wav"],
            _ => &["wav"],
        }
    }

    /// Returns the number of channels of each file.
    pub(crate) const fn channels(self) -> u32 {
        match self {
            Self::Stereo => 2,
            _ => 1,
        }
    }

    /// Returns the number of samples for each moment: those of all files and channels.
    pub(crate) const fn samples_per_moment(self) -> usize {
        match self {
            Self::Caller | Self::Mono => 1,
            Self::Stereo | Self::TwoFiles => 2,
        }
    }
}
