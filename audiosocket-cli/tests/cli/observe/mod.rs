//! What an operator sees of calls: lines about faults, logs as JSON.

mod audio_faults;
mod json_log;
