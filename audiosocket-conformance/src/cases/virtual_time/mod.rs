//! Cases that control the clock and the network.

mod clock;
mod cuts;
mod faults;
mod pace;
