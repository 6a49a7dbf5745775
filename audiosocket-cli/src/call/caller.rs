//! One caller: connects, talks, listens, hangs up.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{Decoder, Transmit};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use uuid::Uuid;

use super::Run;
use super::args::Expect;
use super::barge_in::Reaction;
use super::ear::{Ear, Heard};
use super::echo_check::Sent;
use super::metronome::Timer;
use super::outcome::{Failure, Hangup, Outcome, Tally, Verdict};
use super::plan::{Identity, Plan};
use super::schedule::{Due, Manner, Schedule};
use super::voice::Voice;

thread_local! {
    /// One read buffer for all calls of a thread; it is only used between two awaits.
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 * 1024].into());
}

/// Places call `number`, and returns when it is over: by itself, or because `stop` has
/// become true.
pub(super) async fn place(run: &Run, number: u32, mut stop: watch::Receiver<bool>) -> Outcome {
    let identity = run.plan.identity(number);
    let uuid = identity.uuid;
    let connected = tokio::select! {
        biased;
        connected = connect(run) => connected.map_err(Verdict::Failed),
        _ = stop.wait_for(|stop| *stop) => Err(Verdict::Interrupted),
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(verdict) => {
            return Outcome {
                uuid,
                verdict,
                hangup: None,
                tally: Tally::default(),
                heard: Heard::default(),
            };
        }
    };
    run.live.connected();
    let mut caller = Caller::new(run, identity, stream);
    let ending = tokio::select! {
        // In this order, since a server that floods us uses up all of tokio's budget each time.
        biased;
        _ = stop.wait_for(|stop| *stop) => Ending::Interrupted,
        ending = poll_fn(|cx| caller.poll(cx)) => ending,
    };
    run.live.stopped();
    caller.finish(uuid, ending)
}

async fn connect(run: &Run) -> Result<TcpStream, Failure> {
    let limit = run.plan.connect_timeout;
    let connecting = TcpStream::connect(&run.addrs[..]);
    let stream = tokio::time::timeout(limit, connecting)
        .await
        .map_err(|_| Failure::ConnectTimeout(limit))?
        .map_err(Failure::Connect)?;
    // Latency would otherwise include the kernel's wait for more to send.
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    Ok(stream)
}

struct Caller<'r> {
    run: &'r Run,
    plan: &'r Plan,
    stream: TcpStream,
    session: ClientSession,
    decoder: Decoder,
    voice: Voice,
    /// The frame that is being sent; kept for its memory.
    frame: Vec<u8>,
    /// Frames that have been queued since the last write, and when those were due that have to come
    /// back.
    queued: u64,
    audible_due: Vec<Instant>,
    schedule: Schedule,
    timer: Timer<'r>,
    /// When to hang up; known once everything has been sent.
    hangup_at: Option<Instant>,
    /// The server takes nothing more. Why, the read side will tell.
    write_closed: bool,
    ear: Ear<'r>,
    tally: Tally,
}

/// Why a call is over.
#[derive(Debug)]
enum Ending {
    CallerHungUp,
    Interrupted,
    ByServer(ClientEnd),
    WriteBlocked,
    Lost(io::Error),
}

impl<'r> Caller<'r> {
    fn new(run: &'r Run, identity: Identity, stream: TcpStream) -> Self {
        let plan = &run.plan;
        let start = Instant::now();
        let schedule = Schedule::new(
            plan.manner,
            start,
            identity.phase,
            plan.ptime,
            identity.frames,
            plan.digits.len(),
        );
        Self {
            run,
            plan,
            stream,
            session: ClientSession::new(identity.uuid, plan.format),
            decoder: Decoder::new(),
            ear: Ear::new(run, &identity),
            voice: identity.voice,
            frame: Vec::new(),
            queued: 0,
            audible_due: Vec::new(),
            schedule,
            // Due at once, which sends the UUID.
            timer: Timer::new(&run.metronome, start),
            hangup_at: None,
            write_closed: false,
            tally: Tally::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            // First, so that a server that floods us cannot keep the caller from talking. Reading
            // takes part in tokio's budget, so that it cannot keep other calls from it either.
            if let Poll::Ready(rung) = self.timer.poll(cx) {
                if let Err(error) = rung {
                    return Poll::Ready(Ending::Lost(error));
                }
                if let Some(ending) = self.talk(Instant::now()) {
                    return Poll::Ready(ending);
                }
            } else if let Some(ending) = ready!(self.poll_read(cx)) {
                return Poll::Ready(ending);
            }
        }
    }

    /// Sends what is due, and sets the timer for what comes next.
    fn talk(&mut self, now: Instant) -> Option<Ending> {
        while let Some((due, due_at)) = self.schedule.take(now) {
            match due {
                Due::Digit(index) => {
                    let _ = self.session.send_dtmf(self.plan.digits[index]);
                    self.tally.digits_sent += 1;
                }
                Due::Frame(number) => {
                    self.queue(number, due_at);
                    self.tally.late += u64::from(now - due_at > self.plan.ptime);
                    if self.plan.barge_in == Some(number) {
                        self.ear.barge_in(now);
                    }
                }
                Due::Begin => self.queue_burst(now),
                Due::Over => {}
            }
        }
        if let Err(ending) = self.write(now) {
            return Some(ending);
        }
        let next = self
            .schedule
            .next()
            .unwrap_or_else(|| self.stop_talking(now));
        self.timer.reset(next);
        self.ending_by_caller(now)
    }

    fn queue(&mut self, number: u64, due_at: Instant) {
        if self.voice.say(number, &mut self.frame) {
            self.audible_due.push(due_at);
        }
        let _ = self.session.send_audio(&self.frame);
        self.queued += 1;
    }

    /// The next frames of a closed loop.
    fn queue_burst(&mut self, now: Instant) {
        if let Manner::ClosedLoop(frames) = self.plan.manner {
            for number in self.tally.sent..self.tally.sent + u64::from(frames) {
                self.queue(number, now);
            }
        }
    }

    /// Sends the next frames of a closed loop, if the ones before have all come back.
    fn go_round(&mut self, now: Instant) -> Option<Ending> {
        let under_way = self.tally.sent > 0 && self.hangup_at.is_none() && !self.write_closed;
        if !(self.plan.is_closed_loop() && under_way && self.ear.has_heard_all()) {
            return None;
        }
        self.queue_burst(now);
        self.write(now).err()
    }

    /// Nothing more is to be said; returns how long to wait for what is to be heard.
    fn stop_talking(&mut self, now: Instant) -> Instant {
        self.run.live.stopped();
        *self.hangup_at.get_or_insert(now + patience(self.plan))
    }

    /// Writes all that waits. What the kernel does not take ends the call, as on Asterisk.
    fn write(&mut self, now: Instant) -> Result<(), Ending> {
        self.write_bytes()?;
        let frames = std::mem::take(&mut self.queued);
        let audible = self.audible_due.drain(..);
        if !self.write_closed {
            self.tally.sent += frames;
            self.run.live.sent(frames);
            audible.for_each(|due| self.ear.said(Sent { at: now, due }));
        }
        Ok(())
    }

    fn write_bytes(&mut self) -> Result<(), Ending> {
        let Transmit::Bytes(bytes) = self.session.poll_transmit() else {
            return Ok(());
        };
        let len = bytes.len();
        if self.write_closed {
            self.session.transmitted(len);
            return Ok(());
        }
        match self.stream.try_write(bytes) {
            Ok(written) if written == len => self.session.transmitted(len),
            Ok(_) => return Err(Ending::WriteBlocked),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(Ending::WriteBlocked);
            }
            // What the server sent before it closed may still wait to be read: a hangup.
            Err(_) => {
                self.write_closed = true;
                self.session.transmitted(len);
            }
        }
        Ok(())
    }

    /// One read; `Some` if it ended the call.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            Poll::Ready(match result {
                Ok(()) if buffer.filled().is_empty() => {
                    let end = self.session.handle_eof(&self.decoder);
                    end.and_then(|event| self.handle(event, Instant::now()))
                }
                Ok(()) => self.listen(buffer.filled()),
                Err(error) => Some(Ending::Lost(error)),
            })
        })
    }

    fn listen(&mut self, mut bytes: &[u8]) -> Option<Ending> {
        let now = Instant::now();
        // Apart from `self` for as long as an event borrows from it.
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut ending = None;
        while let Some(event) = self.session.receive(&mut decoder, &mut bytes) {
            ending = self.handle(event, now);
        }
        self.decoder = decoder;
        ending
            .or_else(|| self.ending_by_caller(now))
            .or_else(|| self.go_round(now))
    }

    fn handle(&mut self, event: ClientEvent<'_>, now: Instant) -> Option<Ending> {
        match event {
            ClientEvent::Audio(audio) => self.ear.hear(audio, now),
            ClientEvent::Ended(end) => return Some(Ending::ByServer(end)),
            _ => {}
        }
        None
    }

    /// The caller hangs up when all has been said and heard, or when it has waited long enough.
    fn ending_by_caller(&self, now: Instant) -> Option<Ending> {
        let hangup_at = self.hangup_at?;
        let all_heard = !self.write_closed && self.ear.has_heard_all();
        (all_heard || now >= hangup_at).then_some(Ending::CallerHungUp)
    }

    fn finish(self, uuid: Uuid, ending: Ending) -> Outcome {
        let hangup = match ending {
            Ending::ByServer(ClientEnd::ServerHungUp) => Hangup::Server,
            Ending::ByServer(ClientEnd::ServerClosed | ClientEnd::Truncated) | Ending::Lost(_) => {
                Hangup::Closed
            }
            _ => Hangup::Caller,
        };
        let interrupted = matches!(ending, Ending::Interrupted);
        let mut heard = self.ear.finish(Instant::now(), hangup != Hangup::Caller);
        if interrupted {
            // Nobody waited for them.
            heard.echo.missing = 0;
        }
        let verdict = match failure(self.plan, &heard, ending) {
            _ if interrupted => Verdict::Interrupted,
            Some(failure) => Verdict::Failed(failure),
            None => Verdict::Completed,
        };
        Outcome {
            uuid,
            verdict,
            hangup: Some(hangup),
            tally: self.tally,
            heard,
        }
    }
}

/// What was not good about a call that ended like that.
fn failure(plan: &Plan, heard: &Heard, ending: Ending) -> Option<Failure> {
    let early = plan.expect == Expect::Echo;
    match ending {
        Ending::ByServer(ClientEnd::ServerHungUp) if early => Some(Failure::HungUpEarly),
        Ending::ByServer(ClientEnd::ServerClosed) if early => Some(Failure::ClosedEarly),
        Ending::ByServer(ClientEnd::Truncated) => Some(Failure::Truncated),
        Ending::ByServer(ClientEnd::Rejected { kind }) => Some(Failure::Rejected(kind)),
        Ending::WriteBlocked => Some(Failure::WriteBlocked),
        Ending::Lost(error) => Some(Failure::Lost(error)),
        // Nothing was said that could have come back.
        _ if early && plan.manner == Manner::Quiet => None,
        _ if heard.frames.received == 0 => Some(Failure::NoAudio),
        _ if heard.frames.received == heard.frames.silence => Some(Failure::OnlySilence),
        _ => match heard.reaction? {
            Reaction::NotReached => Some(Failure::OverBeforeBargeIn),
            Reaction::WasSilent => Some(Failure::SilentBeforeBargeIn),
            Reaction::SpokeOn => Some(Failure::SpokeOn),
            Reaction::FellSilent(_) => None,
        },
    }
}

/// How long to stay on the line after the last frame: for its echo, or for as long as it lasts.
fn patience(plan: &Plan) -> Duration {
    match plan.expect {
        Expect::Echo => plan.linger,
        Expect::Any => plan.ptime,
    }
}
