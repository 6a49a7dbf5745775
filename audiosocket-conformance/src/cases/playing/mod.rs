//! Pauses, audio that comes in parts, and beds.

mod bed;
mod pause;
mod prebuffer;
