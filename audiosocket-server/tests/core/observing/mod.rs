//! Counters, times and sent frames of calls.

mod reports;
mod sent;
mod times;
