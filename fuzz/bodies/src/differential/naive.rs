//! What has to happen to a call, said beforehand for all of it.

use std::ops::Range;

use super::script::{Bounds, ClientStep, Step};
use super::spec::{self, Heard, Over, Told};

/// Why audio was not accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refusal {
    Empty,
    TooLong(usize),
    Full,
    NoCall,
}

/// What the write side has to do. Bytes are a part of [`Expected::owed`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Offer {
    Nothing,
    Bytes(Range<usize>),
    HalfClose,
    Close,
}

/// How things stand after a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct After {
    /// How much of [`Expected::told`] has been told.
    pub(super) told: usize,
    pub(super) refused: Option<Refusal>,
    pub(super) offer: Offer,
    /// In nanoseconds.
    pub(super) due: Option<u64>,
    /// Bytes held of a frame whose end has not come; nobody asks once the call is over.
    pub(super) held: Option<usize>,
}

/// A call from its beginning to its end.
#[derive(Debug)]
pub(super) struct Expected<T> {
    pub(super) told: Vec<T>,
    pub(super) after: Vec<After>,
    /// All that was accepted for sending, encoded.
    pub(super) owed: Vec<u8>,
    /// What the peer took.
    pub(super) taken: Vec<u8>,
}

/// A server's session to which `steps` happen, begun at `start`.
pub(super) fn server(bounds: Bounds, start: u64, steps: &[Step]) -> Expected<Told> {
    let stream: Vec<u8> = steps.iter().flat_map(arrivals).copied().collect();
    let cut = spec::cuts(&stream);
    let mut coming = spec::told_by(&stream).into_iter().peekable();
    let mut call = Call {
        bounds,
        now: start,
        begun: start,
        started_at: None,
        heard_at: start,
        moved_at: start,
        over_at: None,
        half_closed: false,
        peer_closed: false,
        write_closed: false,
        closed: false,
        unsent_from: 0,
        all: Expected {
            told: Vec::new(),
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
                while let Some((_, told)) = coming.next_if(|(end, _)| *end <= arrived) {
                    call.hear(told);
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
            Step::Hangup => call.end(Over::HungUp),
            Step::Eof => {
                call.end(cut_or(cut(arrived), Over::Closed));
                call.peer_closed = true;
            }
            Step::Reset => {
                call.end(cut_or(cut(arrived), Over::Reset));
                call.close();
            }
            Step::WriteClosed => {
                call.write_closed = true;
                call.forget_unsent();
            }
            Step::Lost => {
                call.end(Over::Lost);
                call.close();
            }
        }
        let done = call.peer_closed && call.unsent() == 0;
        call.closed |= call.over_at.is_some() && done;
        let after = After {
            told: call.all.told.len(),
            refused,
            offer: call.offer(),
            due: call.due(),
            held: call.over_at.is_none().then(|| cut(arrived)),
        };
        call.all.after.push(after);
    }
    call.all
}

/// Asterisk's side of a call of `uuid` that sends `rate` samples per second.
pub(super) fn client(uuid: [u8; 16], rate: u32, steps: &[ClientStep]) -> Expected<Heard> {
    let stream: Vec<u8> = steps.iter().flat_map(client_arrivals).copied().collect();
    let cut = spec::cuts(&stream);
    let mut coming = spec::heard_in(&stream).into_iter().peekable();
    let mut owed = spec::frame(0x01, &uuid);
    let (mut told, mut after) = (Vec::new(), Vec::new());
    let (mut arrived, mut taken) = (0, 0_usize);
    let mut over = false;
    for step in steps {
        let mut refused = None;
        let mut frame = Vec::new();
        match *step {
            ClientStep::Arrive(ref bytes) => {
                arrived += bytes.len();
                while let Some((_, heard)) = coming.next_if(|(end, _)| !over && *end <= arrived) {
                    over = !matches!(heard, Heard::Audio(..));
                    told.push(heard);
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
                told.push(match cut(arrived) {
                    0 => Heard::Closed,
                    _ => Heard::Cut,
                });
                over = true;
            }
            ClientStep::Hangup => {
                told.push(Heard::CallerHungUp);
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
            told: told.len(),
            refused,
            offer,
            due: None,
            held: (!over).then(|| cut(arrived)),
        });
    }
    Expected {
        told,
        after,
        taken: owed[..taken].to_vec(),
        owed,
    }
}

/// What is so of a server's session, with the time since when.
struct Call {
    bounds: Bounds,
    now: u64,
    begun: u64,
    started_at: Option<u64>,
    /// When the last whole frame came.
    heard_at: u64,
    /// When the peer last took something, or had nothing to take.
    moved_at: u64,
    over_at: Option<u64>,
    half_closed: bool,
    peer_closed: bool,
    write_closed: bool,
    closed: bool,
    /// Where in what is owed that begins which waits.
    unsent_from: usize,
    all: Expected<Told>,
}

impl Call {
    fn hear(&mut self, told: Told) {
        if self.over_at.is_some() {
            return;
        }
        self.heard_at = self.now;
        match told {
            Told::Over(over) => return self.end(over),
            Told::Uuid(_) => self.started_at = Some(self.now),
            _ => {}
        }
        self.all.told.push(told);
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
        if self.unsent() + 3 + len > self.bounds.unsent {
            return Some(Refusal::Full);
        }
        if self.unsent() == 0 {
            self.moved_at = self.now;
        }
        self.all.owed.extend(spec::audio(rate, &vec![fill; len]));
        None
    }

    fn take(&mut self, most: usize) {
        let until = self.unsent_from + self.unsent().min(most);
        let taken = &self.all.owed[self.unsent_from..until];
        if !taken.is_empty() {
            self.moved_at = self.now;
        }
        self.all.taken.extend(taken);
        self.unsent_from = until;
    }

    fn end(&mut self, over: Over) {
        if self.over_at.is_some() {
            return;
        }
        // Who has left is told nothing.
        let left = matches!(
            over,
            Over::Closed | Over::PeerHungUp | Over::Reset | Over::Lost | Over::Cut(_)
        );
        if !left && !self.write_closed {
            self.all.owed.extend(spec::frame(0x00, &[]));
        }
        self.all.told.push(Told::Over(over));
        self.over_at = Some(self.now);
    }

    fn due(&self) -> Option<u64> {
        let Bounds {
            uuid, idle, linger, ..
        } = self.bounds;
        match self.over_at {
            _ if self.closed => None,
            Some(over_at) => Some(over_at.saturating_add(linger)),
            None if self.started_at.is_none() => Some(self.begun.saturating_add(uuid)),
            None => {
                let idle = idle.map(|time| self.heard_at.saturating_add(time));
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
            self.end(Over::NoUuid);
        } else if self.stalled_at().is_some_and(|due| due <= self.now) {
            self.end(Over::Stalled);
            self.close();
        } else if self.too_long_at().is_some_and(|due| due <= self.now) {
            self.end(Over::TooLong);
        } else {
            self.end(Over::Idle);
        }
    }

    fn stalled_at(&self) -> Option<u64> {
        (self.unsent() > 0).then(|| self.moved_at.saturating_add(self.bounds.stall))
    }

    fn too_long_at(&self) -> Option<u64> {
        let longest = self.bounds.longest?;
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

fn cut_or(cut: usize, between: Over) -> Over {
    match cut {
        0 => between,
        bytes => Over::Cut(bytes),
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
