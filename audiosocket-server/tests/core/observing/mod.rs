//! Counters, times and sent frames, as others see them.

mod reports;
mod sent;
mod times;
