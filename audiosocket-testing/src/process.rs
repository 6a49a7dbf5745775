//! Starts a program and waits until it is ready.
