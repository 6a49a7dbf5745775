//! Cases that need a clock and a network that they control.

mod clock;
mod faults;
mod pace;
