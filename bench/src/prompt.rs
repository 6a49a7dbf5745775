use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use audiosocket_testing::load::Expect;
use tempfile::TempDir;

use crate::callers::{Callers, good};
use crate::cores::Cores;
use crate::figure::Figure;
use crate::program::{Program, Serve, Server};
use crate::runtime::Runtime;

const HZ: u32 = 8000;

/// Measures the memory of a prompt of ten minutes that is played to one call and to many.
pub(crate) fn measure(short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?, Cores::find()?);
    let seconds = 600;
    let (_directory, prompt) = write(seconds)?;
    let size = f64::from(seconds * HZ * 2) / 1e3;
    let mut figures = vec![Figure::new("size of the prompt", size, "kB")];
    for runtime in Runtime::ALL {
        let (many, warm_up) = match runtime {
            _ if short => (20, 1),
            // More threads do not play in time on one core.
            Runtime::Blocking => (200, 4),
            _ => (1000, 4),
        };
        let server = program.serve(Serve::Play(&prompt), runtime, None, &cores)?;
        let one = resident_with(&program, &server, 1, warm_up, &cores)?;
        let all = resident_with(&program, &server, many, warm_up, &cores)?;
        let name = runtime.name();
        figures.push(Figure::new(
            format!("{name}: resident memory with 1 call"),
            one / 1e3,
            "kB",
        ));
        let grown = Figure::new(
            format!("{name}: memory for each further call, {many} calls"),
            (all - one) / f64::from(many - 1) / 1e3,
            "kB",
        );
        figures.push(grown.at_most(size / 100.0));
    }
    Ok(figures)
}

fn resident_with(
    program: &Program,
    server: &Server,
    calls: u32,
    warm_up: u64,
    cores: &Cores,
) -> io::Result<f64> {
    let callers = Callers {
        expect: Expect::Any,
        ..Callers::new(calls, Duration::from_secs(warm_up + 2))
    };
    let calling = program.spawn_callers(server, &callers, cores)?;
    thread::sleep(Duration::from_secs(warm_up));
    let usage = server.usage()?;
    good(calling.report()?)?;
    Ok(usage.resident_bytes as f64)
}

/// Writes a WAV file of this many seconds without silence. The directory is removed when it is
/// dropped.
pub(crate) fn write(seconds: u32) -> io::Result<(TempDir, PathBuf)> {
    let directory = TempDir::new()?;
    let path = directory.path().join("prompt.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).map_err(io::Error::other)?;
    let samples: Vec<_> = (0..seconds * HZ).map(|n| (n % 8000) as i16 + 1).collect();
    wav.write(&samples).map_err(io::Error::other)?;
    wav.finish().map_err(io::Error::other)?;
    Ok((directory, path))
}
