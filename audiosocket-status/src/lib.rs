#![doc = include_str!("../README.md")]
//!
//! # Cost
//!
//! No frame pays for the metrics. Each call has plain counters, which its connection writes. A request adds the counters
//! of all calls. An answer is kept for 250 ms, so a flood of requests reads the counters four times per second.
//!
//! The status server has a thread of its own with a small runtime. It works while all threads of the calls are busy, and
//! beside servers that do not use tokio. On Linux the thread has a lower priority (nice 10), so that a flood of requests
//! gets only the processor time that the calls leave.
//!
//! # Why not the crate `metrics`
//!
//! The metrics are read from the server at each scrape, by a collector of the crate `prometheus-client`. The recorders of
//! the facade `metrics` take histograms sample by sample. `metrics-exporter-prometheus` 0.18 stores each sample of
//! `record_many` for itself, with a time: 5,000 calls make 3.75 million samples, 60 MB, in the 15 seconds between two
//! scrapes. And its sums would be wrong, since only the counts of the buckets are known. A collector writes the exact counts
//! and sums, and needs no global state.

mod address;
mod descriptors;
mod metrics;
mod pages;
mod report;
mod server;

pub use address::{listen, with_host};
pub use server::StatusServer;
