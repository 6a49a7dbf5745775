//! Cases that control the clock and the network.

mod clock;
mod faults;
mod pace;
