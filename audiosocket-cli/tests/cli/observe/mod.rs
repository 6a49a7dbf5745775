//! What an operator sees of calls: lines about faults, logs as JSON, captures, the tap.

mod audio_faults;
mod capture;
mod json_log;
mod tap;
