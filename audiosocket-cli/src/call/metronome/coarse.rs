use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// The runtime's timers keep time.
#[derive(Debug)]
pub(in super::super) struct Metronome;

impl Metronome {
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(in super::super) async fn run(&self) -> io::Result<()> {
        std::future::pending().await
    }
}

/// Of one caller.
#[derive(Debug)]
pub(in super::super) struct Timer<'m> {
    sleep: Pin<Box<Sleep>>,
    _metronome: PhantomData<&'m Metronome>,
}

impl<'m> Timer<'m> {
    pub(in super::super) fn new(_: &'m Metronome, due: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(due.into())),
            _metronome: PhantomData,
        }
    }

    pub(in super::super) fn reset(&mut self, due: Instant) {
        self.sleep.as_mut().reset(due.into());
    }

    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sleep.as_mut().poll(cx).map(Ok)
    }
}
