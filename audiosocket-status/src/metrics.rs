//! The metrics: all that a server counts, in the OpenMetrics text format.

use std::fmt;
use std::time::Duration;

use audiosocket_proto::{DurationHistogram, PlayoutStats};
use audiosocket_server::{ServerHandle, ServerStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::descriptors;

/// The metrics of a server.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) fn new(server: ServerHandle) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ServerCollector(server)));
        Self(registry)
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.0);
        text
    }
}

/// Reads the counters of a server at each scrape.
#[derive(Debug)]
struct ServerCollector(ServerHandle);

/// Series of a metric: their label, if they have one, and their values.
type Series<'a, T> = &'a [(Option<(&'static str, &'static str)>, T)];

impl Collector for ServerCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        let mut out = Writer(encoder);
        self.connections(&mut out, &stats)?;
        calls(&mut out, &stats)?;
        audio(&mut out, &stats)?;
        process(&mut out)
    }
}

impl ServerCollector {
    fn connections(&self, out: &mut Writer<'_>, stats: &ServerStats) -> fmt::Result {
        let counters = &stats.counters;
        out.gauge(
            "audiosocket_ready",
            "Whether the server accepts calls and goes on to do so.",
            &[(None, u64::from(self.0.readiness().is_ready()))],
        )?;
        out.gauge(
            "audiosocket_max_calls",
            "The limit of open connections.",
            &[(None, self.0.calls().limits().max_calls as u64)],
        )?;
        out.gauge(
            "audiosocket_open_connections",
            "Open connections: without a UUID, with a call, and those whose call is over or refused.",
            &[
                (Some(("state", "pending")), stats.pending),
                (Some(("state", "call")), stats.calls),
                (Some(("state", "closing")), stats.closing),
            ],
        )?;
        out.counter(
            "audiosocket_refused",
            "Refused connections.",
            &counters
                .refusals()
                .map(|(reason, count)| (Some(("reason", reason)), count)),
        )?;
        out.counter(
            "audiosocket_times_full",
            "Times that the server became full and closed its listeners.",
            &[(None, counters.times_full)],
        )
    }
}

fn calls(out: &mut Writer<'_>, stats: &ServerStats) -> fmt::Result {
    out.counter(
        "audiosocket_calls_started",
        "Connections that became calls.",
        &[(None, stats.counters.started)],
    )?;
    let ended = stats.ended.named();
    out.counter(
        "audiosocket_calls_ended",
        "Calls that are over.",
        &ended.map(|(end, count)| (Some(("end", end)), count)),
    )?;
    out.gauge(
        "audiosocket_silent_calls",
        "Open calls in which this side is silent. The guide has the conditions.",
        &[
            (Some(("side", "caller")), stats.silent_from_caller),
            (Some(("side", "server")), stats.silent_from_server),
        ],
    )?;
    out.histogram(
        "audiosocket_call_duration",
        "The time from the connection to the end of a call.",
        &stats.durations,
        &ServerStats::DURATION_BOUNDS,
    )
}

fn audio(out: &mut Writer<'_>, stats: &ServerStats) -> fmt::Result {
    let (session, playout) = (&stats.session, &stats.playout);
    let directions = |received, sent| {
        [
            (Some(("direction", "in")), received),
            (Some(("direction", "out")), sent),
        ]
    };
    out.counter(
        "audiosocket_audio_frames",
        "Audio frames from and to callers, silence included.",
        &directions(session.audio_frames_received, session.audio_frames_sent),
    )?;
    out.counter_of(
        "audiosocket_audio",
        "Bytes of audio from and to callers, without headers.",
        Some(&Unit::Bytes),
        &directions(session.audio_bytes_received, session.audio_bytes_sent),
    )?;
    out.counter(
        "audiosocket_dropped_frames",
        "Frames that were dropped because the peer does not read.",
        &[(None, session.frames_dropped)],
    )?;
    out.histogram(
        "audiosocket_frame_lateness",
        "How much later than its deadline each frame of played audio left.",
        &playout.lateness,
        &PlayoutStats::LATENESS_BOUNDS,
    )?;
    out.counter(
        "audiosocket_underruns",
        "Gaps in speech because the next piece came too late.",
        &[(None, playout.underruns)],
    )?;
    out.counter(
        "audiosocket_barge_ins",
        "Clears that dropped audio which the caller had not heard.",
        &[(None, playout.barge_ins)],
    )?;
    out.counter_of(
        "audiosocket_cleared",
        "The audio that these clears dropped.",
        Some(&Unit::Seconds),
        &[(None, playout.cleared.as_secs_f64())],
    )?;
    out.queued(playout.depth)?;
    out.histogram(
        "audiosocket_handler",
        "The time that the handler took for the frames of one read; one of 64 frames is measured.",
        &stats.handler_time,
        &ServerStats::HANDLER_TIME_BOUNDS,
    )
}

fn process(out: &mut Writer<'_>) -> fmt::Result {
    let Some((open, max)) = descriptors::open_and_max() else {
        return Ok(());
    };
    out.gauge(
        "process_open_fds",
        "Open descriptors of the process.",
        &[(None, open)],
    )?;
    out.gauge(
        "process_max_fds",
        "The limit of descriptors of the process.",
        &[(None, max)],
    )
}

/// Writes metrics.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn counter(&mut self, name: &str, help: &str, series: Series<'_, u64>) -> fmt::Result {
        self.counter_of(name, help, None, series)
    }

    fn counter_of<T: prometheus_client::encoding::EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: Series<'_, T>,
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Counter)?;
        each(&mut metric, series, |metric, value| {
            metric.encode_counter::<NoLabelSet, T, u64>(value, None)
        })
    }

    fn gauge(&mut self, name: &str, help: &str, series: Series<'_, u64>) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        each(&mut metric, series, |metric, value| {
            metric.encode_gauge(&i64::try_from(*value).unwrap_or(i64::MAX))
        })
    }

    fn queued(&mut self, depth: Duration) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(
            "audiosocket_queued",
            "Audio that waits in the playouts of all open calls.",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        metric.encode_gauge(&depth.as_secs_f64())
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        histogram: &DurationHistogram,
        bounds: &[Duration; 5],
    ) -> fmt::Result {
        // The encoder writes `f64::MAX` as `+Inf`.
        let bounds = bounds.iter().map(Duration::as_secs_f64).chain([f64::MAX]);
        let buckets: Vec<_> = bounds.zip(histogram.counts).collect();
        let (sum, total) = (histogram.sum.as_secs_f64(), histogram.total());
        let unit = Some(&Unit::Seconds);
        let mut metric = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
    }
}

fn each<T>(
    metric: &mut MetricEncoder<'_>,
    series: Series<'_, T>,
    encode: impl Fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (label, value) in series {
        match label {
            Some(label) => encode(&mut metric.encode_family(&[*label])?, value)?,
            None => encode(metric, value)?,
        }
    }
    Ok(())
}
