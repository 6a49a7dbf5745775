//! One caller. It connects, sends, receives and hangs up.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use audiosocket_proto::Audio;
use audiosocket_proto::client::{ClientEnd, ClientEvent};
use tokio::net::TcpStream;
use tokio::sync::watch;
use uuid::Uuid;

use super::cue_player::{self, CuePlayer};
use super::ending::{Ending, failure};
use super::outcome::{CallFailure, CallOutcome, HangupBy, SentCounts, Verdict};
use super::scenario_player::ScenarioPlayer;
use super::schedule::{Schedule, ScheduledEvent};
use crate::asterisk::AsteriskEnd;
use crate::client::Client;
use crate::load::config::{CallConfig, Expect, LoadMode, RunConfig};
use crate::load::run::Run;
use crate::load::rx::{RxAnalyzer, RxReport, SentFrame};
use crate::load::signal::TestSignal;
use crate::load::tap::CallTap;
use crate::load::timer::CallTimer;

/// Places the call with this number. Returns when it has ended, or when `stop` becomes true.
pub(in crate::load) async fn place(
    run: &Run,
    number: u32,
    mut stop: watch::Receiver<bool>,
) -> CallOutcome {
    let call = run.config.call(number);
    let uuid = call.uuid;
    let connected = tokio::select! {
        biased;
        connected = connect(run) => connected.map_err(Verdict::Failed),
        _ = stop.wait_for(|stop| *stop) => Err(Verdict::Interrupted),
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(verdict) => {
            return CallOutcome {
                number,
                uuid,
                verdict,
                hangup: None,
                sent: SentCounts::default(),
                received: RxReport::default(),
                lasted: Duration::ZERO,
                steps: Vec::new(),
            };
        }
    };
    run.stats.connected();
    let mut caller = Caller::new(run, call, stream);
    let ending = tokio::select! {
        // `stop` is polled first, since a server that floods the caller uses all of Tokio's budget each time.
        biased;
        _ = stop.wait_for(|stop| *stop) => Ending::Interrupted,
        ending = poll_fn(|cx| caller.poll(cx)) => ending,
    };
    run.stats.stopped();
    caller.finish(number, uuid, ending)
}

async fn connect(run: &Run) -> Result<TcpStream, CallFailure> {
    let limit = run.config.options.connect_timeout;
    let connecting = TcpStream::connect(&run.addrs[..]);
    let stream = tokio::time::timeout(limit, connecting)
        .await
        .map_err(|_| CallFailure::ConnectTimeout(limit))?
        .map_err(CallFailure::Connect)?;
    // With Nagle's algorithm, latency would include the time for which the kernel waits for more data.
    stream.set_nodelay(true).map_err(CallFailure::Connect)?;
    Ok(stream)
}

struct Caller<'r> {
    run: &'r Run,
    config: &'r RunConfig,
    client: Client,
    signal: TestSignal,
    /// The frame to send. It is a field so that its memory is reused.
    frame: Vec<u8>,
    cue_player: CuePlayer,
    scenario: ScenarioPlayer<'r>,
    start: Instant,
    /// The number of frames made of the signal.
    made: u64,
    /// The number of frames queued since the last write.
    queued: u64,
    /// The scheduled times of the queued frames that the server has to echo.
    audible_due: Vec<Instant>,
    schedule: Schedule,
    timer: CallTimer<'r>,
    /// The time to hang up. It is known after the last frame.
    hangup_at: Option<Instant>,
    /// A write failed. The reason comes from the read side.
    write_closed: bool,
    rx: RxAnalyzer<'r>,
    tap: Option<Box<dyn CallTap>>,
    sent: SentCounts,
}

impl<'r> Caller<'r> {
    fn new(run: &'r Run, call: CallConfig, stream: TcpStream) -> Self {
        let config = &run.config;
        let start = Instant::now();
        let schedule = Schedule::new(
            config.options.mode,
            start,
            call.phase,
            config.options.ptime,
            call.frames,
            config.options.dtmf.len(),
        )
        .with_start_burst(config.options.start_burst);
        let options = &config.options;
        let client = Client::new(stream, call.uuid, options.rate, options.asterisk);
        let client = client.watching_pauses(options.allow_pauses);
        Self {
            run,
            config,
            client,
            rx: RxAnalyzer::new(config, &call, &run.stats, start),
            tap: run.tap.as_ref().map(|tap| tap.tap(call.uuid)),
            signal: call.signal,
            frame: Vec::new(),
            cue_player: CuePlayer::new(call.uuid),
            scenario: ScenarioPlayer::new(&config.scenario, start),
            start,
            made: 0,
            queued: 0,
            audible_due: Vec::new(),
            schedule,
            // The timer is due at once, and then the caller sends the UUID.
            timer: CallTimer::new(&run.timer, start),
            hangup_at: None,
            write_closed: false,
            sent: SentCounts::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            // Sending comes first, so that a server that floods the caller cannot keep it from sending. Reading
            // takes part in Tokio's budget, so that it cannot keep other calls from sending either.
            if let Poll::Ready(due) = self.timer.poll(cx) {
                if let Err(error) = due {
                    return Poll::Ready(Ending::Lost(error));
                }
                if let Some(ending) = self.send_due(Instant::now()) {
                    return Poll::Ready(ending);
                }
            } else {
                match self.poll_read(cx) {
                    Poll::Ready(None) => {}
                    Poll::Ready(Some(ending)) => return Poll::Ready(ending),
                    Poll::Pending => {
                        let continued = self.continue_scenario(Instant::now());
                        match continued {
                            Ok(true) => {}
                            Ok(false) => return Poll::Pending,
                            Err(ending) => return Poll::Ready(ending),
                        }
                    }
                }
            }
        }
    }

    /// Sends all that is due, and sets the timer for the next event.
    fn send_due(&mut self, now: Instant) -> Option<Ending> {
        loop {
            // Cues come before the frame of their time.
            let frame_at = self.schedule.next().map_or(now, |at| at.min(now));
            if self.act(frame_at) {
                continue;
            }
            let Some((event, due_at)) = self.schedule.take(now) else {
                break;
            };
            match event {
                ScheduledEvent::Digit(index) => {
                    let queued = self.client.queue_dtmf(self.config.options.dtmf[index]);
                    self.sent.digits += u64::from(queued.unwrap_or(true));
                }
                ScheduledEvent::Frame(_) if self.cue_player.is_on_hold(due_at) => {}
                ScheduledEvent::Frame(_) => {
                    let number = self.made;
                    self.queue(number, due_at, now);
                    self.made += 1;
                    self.sent
                        .add_lateness(now - due_at, self.config.options.ptime);
                    if self.config.barge_in == Some(number) {
                        self.rx.barge_in(now);
                    }
                }
                ScheduledEvent::StartLoop => self.queue_burst(now),
                ScheduledEvent::End => {}
            }
        }
        if let Err(ending) = self.write(now) {
            return Some(ending);
        }
        self.set_timer(now);
        self.ending_by_caller(now)
    }

    /// Sets the timer for the next event.
    fn set_timer(&mut self, now: Instant) {
        let next = self.schedule.next().into_iter().chain(self.scenario.due());
        let next = next.min().unwrap_or_else(|| self.stop_sending(now));
        self.timer.reset(next);
    }

    /// Does the next action of the scenario, if it is due at `now`.
    fn act(&mut self, now: Instant) -> bool {
        let (options, cues) = (&self.config.options, &mut self.cue_player);
        let acted = self.scenario.act(options, cues, &mut self.client, now);
        if let Some(queued) = acted {
            self.sent.digits += queued.digits;
            self.queued += queued.frames;
        }
        acted.is_some()
    }

    /// Continues the scenario when all that came has been read. Returns whether it did something.
    fn continue_scenario(&mut self, now: Instant) -> Result<bool, Ending> {
        let mut continued = false;
        while let Some(activity) = self.rx.activity()
            && (self.scenario.check(&self.cue_player, activity, now) || self.act(now))
        {
            continued = true;
        }
        if self.config.expect == Expect::Scenario && self.scenario.is_over() {
            self.write(now)?;
            return Err(Ending::CallerHungUp);
        }
        if continued {
            self.write(now)?;
            self.set_timer(now);
        }
        Ok(continued)
    }

    fn queue(&mut self, number: u64, due_at: Instant, now: Instant) {
        if self.signal.write_frame(number, &mut self.frame) {
            self.audible_due.push(due_at);
        }
        self.cue_player.overwrite(&mut self.frame);
        cue_player::encode(self.config.options.encoding, &mut self.frame);
        let _ = self.client.queue_audio(&self.frame);
        if let Some(tap) = &mut self.tap {
            tap.sent(
                Audio::new(self.config.options.wire_rate(), &self.frame),
                now,
            );
        }
        self.queued += 1;
    }

    /// Queues the next frames of a closed loop.
    fn queue_burst(&mut self, now: Instant) {
        if let LoadMode::ClosedLoop(frames) = self.config.options.mode {
            for number in self.sent.frames..self.sent.frames + u64::from(frames.get()) {
                self.queue(number, now, now);
            }
        }
    }

    /// Sends the next frames of a closed loop, if all echoes have come.
    fn continue_loop(&mut self, now: Instant) -> Option<Ending> {
        let started = self.sent.frames > 0 && self.hangup_at.is_none() && !self.write_closed;
        if !(self.config.is_closed_loop() && started && self.rx.has_all_echoes()) {
            return None;
        }
        self.queue_burst(now);
        self.write(now).err()
    }

    /// Ends sending. Returns the time at which the caller hangs up.
    fn stop_sending(&mut self, now: Instant) -> Instant {
        self.run.stats.stopped();
        *self.hangup_at.get_or_insert(now + linger(self.config))
    }

    /// Writes all queued frames. A short write ends the call, as on Asterisk.
    fn write(&mut self, now: Instant) -> Result<(), Ending> {
        match self.client.try_flush() {
            _ if self.write_closed => {}
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(Ending::ByAsterisk(AsteriskEnd::WriteBlocked));
            }
            // There may still be a hangup frame to read, which the server sent before it closed.
            Err(_) => self.write_closed = true,
        }
        let frames = std::mem::take(&mut self.queued);
        let audible = self.audible_due.drain(..);
        if !self.write_closed {
            self.sent.frames += frames;
            self.run.stats.sent(frames);
            audible.for_each(|due| self.rx.sent(SentFrame { at: now, due }));
        }
        Ok(())
    }

    /// Reads once. Returns `Some` if the read ended the call.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        let (rx, tap) = (&mut self.rx, &mut self.tap);
        let (mut read_at, mut ending) = (None, None);
        let read = self.client.poll_events(cx, |event| {
            let now = *read_at.get_or_insert_with(Instant::now);
            match event {
                ClientEvent::Audio(audio) => {
                    rx.receive(audio, now);
                    if let Some(tap) = tap {
                        tap.received(audio, now);
                    }
                }
                ClientEvent::Ended(end) => ending = Some(Ending::ByServer(end)),
                _ => {}
            }
        });
        let by_asterisk = match ready!(read) {
            Ok(end) => end.map(Ending::ByAsterisk),
            Err(error) => return Poll::Ready(Some(Ending::Lost(error))),
        };
        let now = read_at.unwrap_or_else(Instant::now);
        Poll::Ready(
            ending
                .or(by_asterisk)
                .or_else(|| self.ending_by_caller(now))
                .or_else(|| self.continue_loop(now)),
        )
    }

    /// The caller hangs up when it has sent all and received all echoes, or at `hangup_at`.
    fn ending_by_caller(&self, now: Instant) -> Option<Ending> {
        let hangup_at = self.hangup_at?;
        let complete = !self.write_closed && self.rx.has_all_echoes();
        (complete || now >= hangup_at).then_some(Ending::CallerHungUp)
    }

    fn finish(mut self, number: u32, uuid: Uuid, ending: Ending) -> CallOutcome {
        let hangup = match ending {
            Ending::ByServer(ClientEnd::ServerHungUp) => HangupBy::Server,
            Ending::ByServer(ClientEnd::ServerClosed | ClientEnd::Truncated) | Ending::Lost(_) => {
                HangupBy::Closed
            }
            _ => HangupBy::Caller,
        };
        let interrupted = matches!(ending, Ending::Interrupted);
        let by_server = hangup != HangupBy::Caller;
        let now = Instant::now();
        let (mut steps, mut failed_step) = (Vec::new(), None);
        if let Some(activity) = self.rx.activity() {
            (steps, failed_step) = self
                .scenario
                .finish(&self.cue_player, activity, &ending, now);
        }
        let mut received = self.rx.finish(now, by_server);
        if interrupted {
            // The caller did not wait for the echoes.
            received.echo.missing = 0;
        }
        (received.frames.discarded, received.discarded_kind) = self.client.discarded();
        let verdict = match failure(self.config, &received, ending, failed_step) {
            _ if interrupted => Verdict::Interrupted,
            Some(failure) => Verdict::Failed(failure),
            None => Verdict::Completed,
        };
        if let (Verdict::Failed(failure), Some(last)) = (&verdict, steps.last_mut())
            && failure.at().is_none()
        {
            last.failure = Some(failure.to_string());
        }
        CallOutcome {
            number,
            uuid,
            verdict,
            hangup: Some(hangup),
            sent: self.sent,
            received,
            lasted: now - self.start,
            steps,
        }
    }
}

/// Returns the time for which the caller stays after its last frame: for the echo, or for the duration of the frame.
fn linger(config: &RunConfig) -> Duration {
    match config.expect {
        Expect::Echo => config.options.linger,
        Expect::Any | Expect::Scenario => config.options.ptime,
    }
}
