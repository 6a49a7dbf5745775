//! `audiosocket serve play -`: plays standard input to each caller, as it arrives.

use std::io::{self, Read, Stdin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use audiosocket_media::file::{AudioReader, ReadError};
use audiosocket_media::{Resampler, SampleRate};
use audiosocket_proto::MarkOutcome;
use audiosocket_tokio::{
    Acceptor, Audio, AudioBuf, Call, CallHandle, CallRequest, DtmfDigit, Handler, Response,
    SendError,
};

use super::PlayArgs;
use crate::serve::barge_in::InterruptionDetector;
use crate::serve::play_rate::{PlayRate, StartAtRate};
use crate::serve::prompt::{LONGEST, hang_up_on_error};

/// A call has at least this much audio in its playout, if standard input has delivered it.
const QUEUED: Duration = Duration::from_secs(5);

/// The mark of a call that queues its next part. Other marks are the index of a part, plus 1.
const NEXT_PART: u64 = 0;

impl PlayArgs {
    pub(in crate::serve) fn is_stdin(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// Waits for the header of the audio, and then reads the audio on a thread.
    pub(in crate::serve) fn stdin_acceptor(&self) -> io::Result<impl Acceptor + use<>> {
        if self.repeat {
            return Err(io::Error::other(
                "--loop needs a file: standard input is read only once",
            ));
        }
        let reader = AudioReader::new(io::stdin()).map_err(|error| stdin_error(&error))?;
        let audio: Arc<[_]> = match self.rate {
            PlayRate::Named(rate) => [StdinAudio::new(rate)].into(),
            PlayRate::Answer => [SampleRate::Hz8000, SampleRate::Hz16000]
                .map(StdinAudio::new)
                .into(),
        };
        let writer = audio.clone();
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(reader, &writer))?;
        let (barge_in, caller, rate) = (self.barge_in, self.serve.caller, self.rate);
        Ok(move |_: &CallRequest<'_>| {
            let player = StdinPlayer {
                audio: audio.clone(),
                rate_index: 0,
                next: 0,
                is_live: false,
                barge_in: barge_in.then(|| InterruptionDetector::new(caller)),
                interrupted: false,
            };
            Ok(StartAtRate::new(rate, player))
        })
    }
}

fn stdin_error(error: &ReadError) -> io::Error {
    io::Error::other(format!("standard input: {error}"))
}

/// Reads standard input to its end, for each rate of `audio`.
fn read_all(mut reader: AudioReader<Stdin>, audio: &[StdinAudio]) {
    if let Err(error) = read_parts(&mut reader, audio) {
        tracing::warn!(%error, "standard input is not read any further");
    }
    for warning in reader.warnings() {
        tracing::warn!(%warning, "standard input");
    }
    audio.iter().for_each(StdinAudio::complete);
}

fn read_parts(reader: &mut AudioReader<impl Read>, audio: &[StdinAudio]) -> io::Result<()> {
    let hz = reader.sample_rate();
    let mut resamplers = audio
        .iter()
        .map(|audio| Resampler::between(hz, audio.rate.hz()).map_err(io::Error::other))
        .collect::<io::Result<Vec<_>>>()?;
    let (mut samples, mut part) = (Vec::new(), Vec::new());
    let mut left = u64::from(hz) * LONGEST.as_secs();
    loop {
        samples.clear();
        let is_end = reader.read(&mut samples)? == 0;
        left = left.checked_sub(samples.len() as u64).ok_or_else(|| {
            io::Error::other(format!("it has more audio than {} s", LONGEST.as_secs()))
        })?;
        for (audio, resampler) in audio.iter().zip(&mut resamplers) {
            part.clear();
            if is_end {
                resampler.finish(&mut part);
            } else {
                resampler.push(&samples, &mut part);
            }
            if !part.is_empty() {
                audio.add(&AudioBuf::from_samples(audio.rate, &part));
            }
        }
        if is_end {
            return Ok(());
        }
    }
}

/// The audio that standard input has delivered so far, at one rate. All calls share it.
#[derive(Debug)]
struct StdinAudio {
    rate: SampleRate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: Vec<AudioBuf>,
    is_complete: bool,
    /// The calls that have queued all parts. They get new parts at once.
    live: Vec<CallHandle>,
}

impl StdinAudio {
    fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No part follows. Live calls end when they have played everything.
    fn complete(&self) {
        let mut state = self.state();
        state.is_complete = true;
        for call in state.live.drain(..) {
            call.hangup_after_playout();
        }
    }

    /// Adds a part, and plays it on all live calls.
    fn add(&self, part: &AudioBuf) {
        let mut state = self.state();
        state.parts.push(part.clone());
        let mark = state.parts.len() as u64;
        state.live.retain(|call| match call.try_play(part.clone()) {
            Ok(()) => true,
            // The audio arrives faster than the call plays it. The call continues with this part later.
            Err(SendError::PlayoutFull { .. }) => {
                call.mark(mark).ok();
                false
            }
            Err(_) => false,
        });
    }
}

/// Plays standard input to one caller, from its start.
#[derive(Debug)]
struct StdinPlayer {
    /// The audio at each rate, from the lowest rate to the highest.
    audio: Arc<[StdinAudio]>,
    /// The index of the rate of this call.
    rate_index: usize,
    /// The index of the next part.
    next: usize,
    /// True if the thread of standard input plays the next parts.
    is_live: bool,
    barge_in: Option<InterruptionDetector>,
    interrupted: bool,
}

impl Handler for StdinPlayer {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let rate = call.answer_rate();
        let fits = |audio: &StdinAudio| audio.rate.hz() <= rate.hz();
        self.rate_index = self.audio.iter().rposition(fits).unwrap_or(0);
        let played = self.play_parts(call);
        hang_up_on_error(call, played);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if let Some(barge_in) = &mut self.barge_in
            && !self.interrupted
            && barge_in.takes_audio(call, audio)
        {
            self.interrupt(call);
        }
        Response::Nothing
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, _: DtmfDigit) -> Response<'static> {
        if !self.interrupted && self.barge_in.is_some() {
            self.interrupt(call);
        }
        Response::Nothing
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, _: MarkOutcome) {
        if self.interrupted {
            return;
        }
        if mark != NEXT_PART {
            self.next = usize::try_from(mark - 1).unwrap_or(usize::MAX);
            self.is_live = false;
        } else if self.is_live {
            return;
        }
        let played = self.play_parts(call);
        hang_up_on_error(call, played);
    }
}

impl StdinPlayer {
    /// Queues parts until the playout has [`QUEUED`]. A mark is before each part: when the part before it has been played,
    /// the next part is queued. After the last part, the call is live.
    fn play_parts(&mut self, call: &mut Call<'_>) -> Result<(), SendError> {
        let mut state = self.audio[self.rate_index].state();
        while call.stats().playout.depth < QUEUED {
            let Some(part) = state.parts.get(self.next) else {
                if state.is_complete {
                    call.hangup_after_playout();
                } else {
                    state.live.push(call.handle());
                    self.is_live = true;
                }
                return Ok(());
            };
            if call.stats().playout.depth > Duration::ZERO {
                call.mark(NEXT_PART)?;
            }
            match call.try_play(part.clone()) {
                Ok(()) => self.next += 1,
                // The mark queues it later.
                Err(SendError::PlayoutFull { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, call: &mut Call<'_>) {
        self.interrupted = true;
        let uuid = Some(call.uuid());
        self.audio[self.rate_index]
            .state()
            .live
            .retain(|live| live.uuid() != uuid);
        let unheard = call.clear().duration.as_secs_f64();
        tracing::info!(uuid = %call.uuid(), unheard = format_args!("{unheard:.3}"), "interrupted");
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use audiosocket_proto::{Decoder, Message, SessionConfig, Timestamp, Transmit};
    use audiosocket_server::{CallDriver, Calls};

    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn part(number: i16) -> AudioBuf {
        let first = 1 + number * 800;
        let samples: Vec<i16> = (first..first + 800).collect();
        AudioBuf::from_samples(RATE, &samples)
    }

    /// The playout holds 1 s, and 4 s arrive at once. The call must play all of it, in virtual time.
    #[test]
    fn audio_that_arrives_faster_than_a_call_plays_is_played_completely() {
        let shared: Arc<[_]> = [StdinAudio::new(RATE)].into();
        let stdin = shared.clone();
        let audio = &stdin[0];
        let acceptor = move |_: &CallRequest<'_>| {
            Ok(StdinPlayer {
                audio: shared.clone(),
                rate_index: 0,
                next: 0,
                is_live: false,
                barge_in: None,
                interrupted: false,
            })
        };
        let config = SessionConfig::default().max_playout(Duration::from_secs(1));
        let (calls, mut now) = (Calls::default(), Timestamp::ZERO);
        let acceptor = Arc::new(acceptor);
        let mut driver = CallDriver::new(acceptor, "peer".into(), config, &calls, now);
        audio.add(&part(0));
        driver.receive(now, b"\x01\x00\x10sixteen bytes !!");
        for number in 1..=38 {
            audio.add(&part(number));
        }
        audio.complete();

        let mut sent = Vec::new();
        loop {
            driver.poll_commands(now, Waker::noop());
            match driver.poll_transmit() {
                Transmit::Bytes(bytes) => {
                    let len = bytes.len();
                    sent.extend_from_slice(bytes);
                    driver.transmitted(now, len);
                }
                Transmit::Idle => {
                    now = driver.poll_timeout().expect("a deadline").max(now);
                    driver.handle_timeout(now);
                }
                _ => break,
            }
        }
        let (mut decoder, mut input) = (Decoder::new(), &sent[..]);
        let mut samples = Vec::new();
        while let Some(frame) = decoder.decode(&mut input) {
            if let Ok(Message::Audio(audio)) = Message::parse(frame) {
                audiosocket_media::pcm::from_slin(audio.payload(), &mut samples);
            }
        }
        samples.retain(|sample| *sample != 0);
        let expected: Vec<i16> = (0..=38)
            .flat_map(|number| part(number).samples().collect::<Vec<_>>())
            .collect();
        assert_eq!(samples, expected);
    }
}
