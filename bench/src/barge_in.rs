use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_proto::{Bytes, Decoder, Message, SampleRate};
use audiosocket_server::CallHandle;
use hdrhistogram::Histogram;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

use crate::cores::Cores;
use crate::figure::Figure;
use crate::runtime::Runtime;

const RATE: SampleRate = SampleRate::Hz8000;
const PTIME: Duration = Duration::from_millis(20);

/// How long after `clear` it is certain that nothing more comes.
const QUIET: Duration = Duration::from_millis(60);

/// From `clear`, on another thread than the call's, to the arrival of the last frame with any of
/// what was cleared, at the far end of a loopback connection. With 30 s queued, and with so little
/// that the queue has run dry or is about to.
pub(crate) fn measure(short: bool) -> io::Result<Vec<Figure>> {
    let cores = Cores::find()?;
    let trials = if short { 5 } else { 250 };
    let mut figures = Vec::new();
    for runtime in Runtime::ALL {
        let mut server = cores.on_server(|| runtime.start())??;
        let stream = TcpStream::connect(server.addr)?;
        let call = server.calls.blocking();
        let far_end = FarEnd::begin(stream)?;
        let call = call
            .take(1)
            .next()
            .ok_or_else(|| io::Error::other("no call came"))?;
        for (queued, name) in [(Duration::from_secs(30), "30 s"), (PTIME, "20 ms")] {
            let waits = cores.on_load(|| trial(call.handle(), &far_end, queued, trials))??;
            let what = format!(
                "{}: last old frame after `clear`, {name} queued",
                runtime.name()
            );
            let millis = |micros: u64| micros as f64 / 1e3;
            figures.push(Figure::new(
                format!("{what}, p50"),
                millis(waits.value_at_quantile(0.5)),
                "ms",
            ));
            let most = Figure::new(format!("{what}, max"), millis(waits.max()), "ms");
            figures.push(most.at_most(PTIME.as_secs_f64() * 1e3));
        }
        far_end.end()?;
        drop(call);
        server.stop()?;
    }
    Ok(figures)
}

fn trial(
    call: &CallHandle,
    far_end: &FarEnd,
    queued: Duration,
    trials: usize,
) -> io::Result<Histogram<u64>> {
    // Fixed, so that runs are comparable; whatever the phase, it is uniform.
    let mut random = Pcg64Mcg::new(4);
    let mut waits = Histogram::<u64>::new(3).map_err(io::Error::other)?;
    let samples = RATE.samples_in(queued) as usize;
    let speech = Bytes::from(vec![1; samples * 2]);
    for _ in 0..trials {
        call.try_play((RATE, speech.clone()))
            .map_err(io::Error::other)?;
        // At any time of a frame, and also when all has been played.
        let phase = Duration::from_micros(u64::from(random.next_u32() % 40_000));
        thread::sleep(PTIME + phase);
        let cleared_at = Instant::now();
        call.clear();
        thread::sleep(QUIET);
        let wait = far_end.last_speech().saturating_duration_since(cleared_at);
        waits.saturating_record(wait.as_micros() as u64);
    }
    Ok(waits)
}

/// The caller's end of a call, which notes when it last heard anything but silence.
struct FarEnd {
    stream: TcpStream,
    last_speech: Arc<Mutex<Instant>>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl FarEnd {
    fn begin(mut stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.write_all(b"\x01\x00\x10sixteen bytes !!")?;
        let last_speech = Arc::new(Mutex::new(Instant::now()));
        let thread = thread::spawn({
            let (mut stream, last_speech) = (stream.try_clone()?, Arc::clone(&last_speech));
            move || {
                let mut decoder = Decoder::new();
                let mut buffer = [0; 4096];
                loop {
                    let read = stream.read(&mut buffer)?;
                    let now = Instant::now();
                    if read == 0 {
                        return Ok(());
                    }
                    let mut bytes = &buffer[..read];
                    while let Some(frame) = decoder.decode(&mut bytes) {
                        if let Ok(Message::Audio(audio)) = Message::parse(frame)
                            && audio.iter().any(|byte| *byte != 0)
                        {
                            *last_speech.lock().unwrap_or_else(PoisonError::into_inner) = now;
                        }
                    }
                }
            }
        });
        Ok(Self {
            stream,
            last_speech,
            thread,
        })
    }

    fn last_speech(&self) -> Instant {
        *self
            .last_speech
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn end(self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let heard = self.thread.join();
        heard.unwrap_or_else(|_| Err(io::Error::other("the far end panicked")))
    }
}
