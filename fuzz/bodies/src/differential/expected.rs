//! The reference: it computes in advance what must happen to a call.

use std::ops::Range;

use super::script::{ClientStep, SessionLimits, Step};
use super::spec::{self, AsteriskEvent, CallEnd, ServerEvent};

/// The reason that audio is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refusal {
    Empty,
    TooLong(usize),
    Full,
    NoCall,
}

/// The next task of the write side. The range is a part of [`Expected::owed`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Offer {
    Nothing,
    Bytes(Range<usize>),
    HalfClose,
    Close,
}

/// The state after a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct After {
    /// The number of [`Expected::events`] so far.
    pub(super) events: usize,
    pub(super) refused: Option<Refusal>,
    pub(super) offer: Offer,
    /// The next deadline, in nanoseconds.
    pub(super) due: Option<u64>,
    /// The number of bytes of an incomplete frame. `None` after the end of the call.
    pub(super) held: Option<usize>,
}

/// A call from its start to its end.
#[derive(Debug)]
pub(super) struct Expected<T> {
    pub(super) events: Vec<T>,
    pub(super) after: Vec<After>,
    /// The encoded frames that were accepted for sending.
    pub(super) owed: Vec<u8>,
    /// The bytes that the peer read.
    pub(super) taken: Vec<u8>,
}

/// Computes the call of a server session that starts at `start` and gets `steps`.
pub(super) fn server(limits: SessionLimits, start: u64, steps: &[Step]) -> Expected<ServerEvent> {
    let stream: Vec<u8> = steps.iter().flat_map(arrivals).copied().collect();
    let cut = spec::cuts(&stream);
    let mut coming = spec::server_events(&stream).into_iter().peekable();
    let mut call = Call {
        limits,
        now: start,
        opened_at: start,
        started_at: None,
        received_at: start,
        read_at: start,
        over_at: None,
        half_closed: false,
        peer_closed: false,
        write_closed: false,
        closed: false,
        unsent_from: 0,
        all: Expected {
            events: Vec::new(),
            after: Vec::new(),
            owed: Vec::new(),
            taken: Vec::new(),
        },
    };
    let mut arrived = 0;
    for step in steps {
        let mut refused = None;
        match *step {
            Step::Arrive(ref bytes) => {
                arrived += bytes.len();
                while let Some((_, event)) = coming.next_if(|(end, _)| *end <= arrived) {
                    call.receive(event);
                }
            }
            Step::Send { rate, fill, len } => refused = call.send(rate, fill, len),
            Step::Take(most) => call.take(most),
            Step::Wait(time) => {
                call.now = call.now.saturating_add(time);
                call.act_on_deadline();
            }
            Step::Due => {
                call.now = call.due().unwrap_or(0).max(call.now);
                call.act_on_deadline();
            }
            Step::HalfClosed => call.half_closed |= call.offer() == Offer::HalfClose,
            Step::Hangup => call.end(CallEnd::HungUp),
            Step::Eof => {
                call.end(cut_or(cut(arrived), CallEnd::Closed));
                call.peer_closed = true;
            }
            Step::Reset => {
                call.end(cut_or(cut(arrived), CallEnd::Reset));
                call.close();
            }
            Step::WriteClosed => {
                call.write_closed = true;
                call.forget_unsent();
            }
            Step::Lost => {
                call.end(CallEnd::Lost);
                call.close();
            }
        }
        let done = call.peer_closed && call.unsent() == 0;
        call.closed |= call.over_at.is_some() && done;
        let after = After {
            events: call.all.events.len(),
            refused,
            offer: call.offer(),
            due: call.due(),
            held: call.over_at.is_none().then(|| cut(arrived)),
        };
        call.all.after.push(after);
    }
    call.all
}

/// Computes Asterisk's side of a call with `uuid` that sends audio at `rate` Hz.
pub(super) fn client(uuid: [u8; 16], rate: u32, steps: &[ClientStep]) -> Expected<AsteriskEvent> {
    let stream: Vec<u8> = steps.iter().flat_map(client_arrivals).copied().collect();
    let cut = spec::cuts(&stream);
    let mut coming = spec::asterisk_events(&stream).into_iter().peekable();
    let mut owed = spec::frame(0x01, &uuid);
    let (mut events, mut after) = (Vec::new(), Vec::new());
    let (mut arrived, mut taken) = (0, 0_usize);
    let mut over = false;
    for step in steps {
        let mut refused = None;
        let mut frame = Vec::new();
        match *step {
            ClientStep::Arrive(ref bytes) => {
                arrived += bytes.len();
                while let Some((_, event)) = coming.next_if(|(end, _)| !over && *end <= arrived) {
                    over = !matches!(event, AsteriskEvent::Audio(..));
                    events.push(event);
                }
            }
            ClientStep::Audio { fill, len } => match len {
                _ if over => refused = Some(Refusal::NoCall),
                0 => refused = Some(Refusal::Empty),
                1..=spec::LONGEST => frame = spec::audio(rate, &vec![fill; len]),
                len => refused = Some(Refusal::TooLong(len)),
            },
            ClientStep::Key(key) if !spec::is_key(key) => {}
            ClientStep::Key(key) => frame = spec::frame(0x03, &[key]),
            ClientStep::Error(flags) => frame = spec::frame(0xff, &[flags]),
            ClientStep::Take(most) if !over => taken = owed.len().min(taken.saturating_add(most)),
            ClientStep::Take(_) => {}
            ClientStep::Eof | ClientStep::Hangup if over => {}
            ClientStep::Eof => {
                events.push(match cut(arrived) {
                    0 => AsteriskEvent::Closed,
                    _ => AsteriskEvent::Cut,
                });
                over = true;
            }
            ClientStep::Hangup => {
                events.push(AsteriskEvent::CallerHungUp);
                over = true;
            }
        }
        if over && !frame.is_empty() {
            refused = Some(Refusal::NoCall);
        } else {
            owed.extend(frame);
        }
        let offer = match owed.len() - taken {
            _ if over => Offer::Close,
            0 => Offer::Nothing,
            _ => Offer::Bytes(taken..owed.len()),
        };
        after.push(After {
            events: events.len(),
            refused,
            offer,
            due: None,
            held: (!over).then(|| cut(arrived)),
        });
    }
    Expected {
        events,
        after,
        taken: owed[..taken].to_vec(),
        owed,
    }
}

/// The state of a server session, with the times of its changes.
struct Call {
    limits: SessionLimits,
    now: u64,
    opened_at: u64,
    started_at: Option<u64>,
    /// The time of the last complete frame.
    received_at: u64,
    /// The time of the last read of the peer, or of the first unsent byte.
    read_at: u64,
    over_at: Option<u64>,
    half_closed: bool,
    peer_closed: bool,
    write_closed: bool,
    closed: bool,
    /// The position of the first unsent byte in [`Expected::owed`].
    unsent_from: usize,
    all: Expected<ServerEvent>,
}

impl Call {
    fn receive(&mut self, event: ServerEvent) {
        if self.over_at.is_some() {
            return;
        }
        self.received_at = self.now;
        match event {
            ServerEvent::End(over) => return self.end(over),
            ServerEvent::Uuid(_) => self.started_at = Some(self.now),
            _ => {}
        }
        self.all.events.push(event);
    }

    fn send(&mut self, rate: u32, fill: u8, len: usize) -> Option<Refusal> {
        if self.started_at.is_none() || self.over_at.is_some() || self.write_closed {
            return Some(Refusal::NoCall);
        }
        if len == 0 {
            return Some(Refusal::Empty);
        }
        if len > spec::LONGEST {
            return Some(Refusal::TooLong(len));
        }
        if self.unsent() + 3 + len > self.limits.unsent {
            return Some(Refusal::Full);
        }
        if self.unsent() == 0 {
            self.read_at = self.now;
        }
        self.all.owed.extend(spec::audio(rate, &vec![fill; len]));
        None
    }

    fn take(&mut self, most: usize) {
        let until = self.unsent_from + self.unsent().min(most);
        let taken = &self.all.owed[self.unsent_from..until];
        if !taken.is_empty() {
            self.read_at = self.now;
        }
        self.all.taken.extend(taken);
        self.unsent_from = until;
    }

    fn end(&mut self, over: CallEnd) {
        if self.over_at.is_some() {
            return;
        }
        // A peer that has left gets no hangup.
        let left = matches!(
            over,
            CallEnd::Closed
                | CallEnd::PeerHungUp
                | CallEnd::Reset
                | CallEnd::Lost
                | CallEnd::Cut(_)
        );
        if !left && !self.write_closed {
            self.all.owed.extend(spec::frame(0x00, &[]));
        }
        self.all.events.push(ServerEvent::End(over));
        self.over_at = Some(self.now);
    }

    fn due(&self) -> Option<u64> {
        let SessionLimits {
            uuid, idle, linger, ..
        } = self.limits;
        match self.over_at {
            _ if self.closed => None,
            Some(over_at) => Some(over_at.saturating_add(linger)),
            None if self.started_at.is_none() => Some(self.opened_at.saturating_add(uuid)),
            None => {
                let idle = idle.map(|time| self.received_at.saturating_add(time));
                let longest = self.too_long_at();
                idle.into_iter()
                    .chain(self.stalled_at())
                    .chain(longest)
                    .min()
            }
        }
    }

    fn act_on_deadline(&mut self) {
        if self.due().is_none_or(|due| self.now < due) {
            return;
        }
        if self.over_at.is_some() {
            self.close();
        } else if self.started_at.is_none() {
            self.end(CallEnd::NoUuid);
        } else if self.stalled_at().is_some_and(|due| due <= self.now) {
            self.end(CallEnd::Stalled);
            self.close();
        } else if self.too_long_at().is_some_and(|due| due <= self.now) {
            self.end(CallEnd::TooLong);
        } else {
            self.end(CallEnd::Idle);
        }
    }

    fn stalled_at(&self) -> Option<u64> {
        (self.unsent() > 0).then(|| self.read_at.saturating_add(self.limits.stall))
    }

    fn too_long_at(&self) -> Option<u64> {
        let longest = self.limits.longest?;
        Some(self.started_at?.saturating_add(longest))
    }

    fn offer(&self) -> Offer {
        if self.closed {
            Offer::Close
        } else if self.unsent() > 0 {
            Offer::Bytes(self.unsent_from..self.all.owed.len())
        } else if self.over_at.is_some() && !self.half_closed && !self.write_closed {
            Offer::HalfClose
        } else {
            Offer::Nothing
        }
    }

    fn close(&mut self) {
        self.forget_unsent();
        self.closed = true;
    }

    fn forget_unsent(&mut self) {
        self.unsent_from = self.all.owed.len();
    }

    fn unsent(&self) -> usize {
        self.all.owed.len() - self.unsent_from
    }
}

fn cut_or(cut: usize, between: CallEnd) -> CallEnd {
    match cut {
        0 => between,
        bytes => CallEnd::Cut(bytes),
    }
}

fn arrivals(step: &Step) -> &[u8] {
    match step {
        Step::Arrive(bytes) => bytes,
        _ => &[],
    }
}

fn client_arrivals(step: &ClientStep) -> &[u8] {
    match step {
        ClientStep::Arrive(bytes) => bytes,
        _ => &[],
    }
}
