use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_proto::{Bytes, SampleRate, Uuid};
use audiosocket_server::CallHandle;
use audiosocket_testing::client::{Client, Reply};
use hdrhistogram::Histogram;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use tokio::sync::oneshot;

use crate::cores::Cores;
use crate::figure::Figure;
use crate::runtime::Runtime;

const RATE: SampleRate = SampleRate::Hz8000;
const PTIME: Duration = Duration::from_millis(20);

/// The time after `clear` in which the last old frame arrives.
const QUIET: Duration = Duration::from_millis(60);

/// Measures the time from `clear` to the arrival of the last frame with cleared audio. `clear` is
/// called from another thread than that of the call. The call is on loopback. Either 30 s or about one
/// frame is queued.
pub(crate) fn measure(short: bool) -> io::Result<Vec<Figure>> {
    let cores = Cores::find()?;
    let trials = if short { 5 } else { 250 };
    let mut figures = Vec::new();
    for runtime in Runtime::ALL {
        let mut server = cores.on_server(|| runtime.start())??;
        let caller = Caller::start(server.addr)?;
        let call = server.calls.blocking().take(1).next();
        let call = call.ok_or_else(|| io::Error::other("the server got no call"))?;
        for (queued, name) in [(Duration::from_secs(30), "30 s"), (PTIME, "20 ms")] {
            let waits = cores.on_load(|| trial(call.handle(), &caller, queued, trials))??;
            let runtime = runtime.name();
            let what = format!("{runtime}: last old frame after `clear`, {name} queued");
            let figure = |name, micros: u64| {
                Figure::new(format!("{what}, {name}"), micros as f64 / 1e3, "ms")
            };
            figures.push(figure("p50", waits.value_at_quantile(0.5)));
            figures.push(figure("max", waits.max()).at_most(PTIME.as_secs_f64() * 1e3));
        }
        caller.stop()?;
        drop(call);
        server.stop()?;
    }
    Ok(figures)
}

fn trial(
    call: &CallHandle,
    caller: &Caller,
    queued: Duration,
    trials: usize,
) -> io::Result<Histogram<u64>> {
    // A fixed seed, so that runs are comparable. The phase is uniform.
    let mut random = Pcg64Mcg::new(4);
    let mut waits = Histogram::<u64>::new(3).map_err(io::Error::other)?;
    let samples = RATE.samples_in(queued) as usize;
    let speech = Bytes::from(vec![1; samples * 2]);
    for _ in 0..trials {
        call.try_play((RATE, speech.clone()))
            .map_err(io::Error::other)?;
        // `clear` comes at any time of a frame. With 20 ms queued it can come after all was played.
        let phase = Duration::from_micros(u64::from(random.next_u32() % 40_000));
        thread::sleep(PTIME + phase);
        let cleared_at = Instant::now();
        call.clear();
        thread::sleep(QUIET);
        let last_speech = caller.last_speech();
        let last_speech =
            last_speech.ok_or_else(|| io::Error::other("the caller received no speech"))?;
        let wait = last_speech.saturating_duration_since(cleared_at);
        waits.saturating_record(wait.as_micros() as u64);
    }
    Ok(waits)
}

/// A caller on a thread of its own. It notes the time of the last frame that is not silence.
struct Caller {
    last_speech: Arc<Mutex<Option<Instant>>>,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Caller {
    fn start(server: SocketAddr) -> io::Result<Self> {
        let last_speech = Arc::new(Mutex::new(None));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let call = receive(server, Arc::clone(&last_speech));
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = call => ended,
                    _ = stopped => Ok(()),
                }
            })
        });
        Ok(Self {
            last_speech,
            stop,
            thread,
        })
    }

    fn last_speech(&self) -> Option<Instant> {
        *self
            .last_speech
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(self) -> io::Result<()> {
        let _ = self.stop.send(());
        let received = self.thread.join();
        received.unwrap_or_else(|_| Err(io::Error::other("the caller panicked")))
    }
}

async fn receive(server: SocketAddr, last_speech: Arc<Mutex<Option<Instant>>>) -> io::Result<()> {
    let mut client = Client::connect(server, Uuid::from_u128(4), RATE).await?;
    while let Some(reply) = client.next().await? {
        if let Reply::Audio { payload, .. } = reply
            && payload.iter().any(|byte| *byte != 0)
        {
            *last_speech.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
    Ok(())
}
