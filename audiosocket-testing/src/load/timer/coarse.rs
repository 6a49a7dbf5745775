use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Uses the timers of the runtime.
#[derive(Debug)]
pub(in crate::load) struct SharedTimer;

impl SharedTimer {
    pub(in crate::load) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(in crate::load) async fn run(&self) -> io::Result<()> {
        std::future::pending().await
    }
}

/// The timer of one caller.
#[derive(Debug)]
pub(in crate::load) struct CallTimer<'t> {
    sleep: Pin<Box<Sleep>>,
    _timer: PhantomData<&'t SharedTimer>,
}

impl<'t> CallTimer<'t> {
    pub(in crate::load) fn new(_: &'t SharedTimer, due: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(due.into())),
            _timer: PhantomData,
        }
    }

    pub(in crate::load) fn reset(&mut self, due: Instant) {
        self.sleep.as_mut().reset(due.into());
    }

    pub(in crate::load) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sleep.as_mut().poll(cx).map(Ok)
    }
}
