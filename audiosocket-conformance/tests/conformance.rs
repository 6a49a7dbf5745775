//! Every case on every runner: one test for each, in a module for each runner.

use audiosocket_conformance::conformance;

mod core {
    super::conformance!(calls, CORE);
    super::conformance!(server, CORE);
    super::conformance!(virtual_time, CORE);
}

mod tokio_current_thread {
    super::conformance!(calls, TOKIO_CURRENT_THREAD);
    super::conformance!(server, TOKIO_CURRENT_THREAD);
}

mod tokio_multi_thread {
    super::conformance!(calls, TOKIO_MULTI_THREAD);
    super::conformance!(server, TOKIO_MULTI_THREAD);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod tokio_wake_interval {
    super::conformance!(calls, TOKIO_WAKE_INTERVAL);
    super::conformance!(server, TOKIO_WAKE_INTERVAL);
}

mod tokio_threads {
    super::conformance!(calls, TOKIO_THREADS);
    super::conformance!(server, TOKIO_THREADS);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod tokio_threads_wake_interval {
    super::conformance!(calls, TOKIO_THREADS_WAKE_INTERVAL);
    super::conformance!(server, TOKIO_THREADS_WAKE_INTERVAL);
}

mod smol {
    super::conformance!(calls, SMOL);
    super::conformance!(server, SMOL);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod smol_wake_interval {
    super::conformance!(calls, SMOL_WAKE_INTERVAL);
    super::conformance!(server, SMOL_WAKE_INTERVAL);
}

mod async_std {
    super::conformance!(calls, ASYNC_STD);
    super::conformance!(server, ASYNC_STD);
}

mod blocking {
    super::conformance!(calls, BLOCKING);
    super::conformance!(server, BLOCKING);
}

mod mio {
    super::conformance!(calls, MIO);
    super::conformance!(server, MIO);
}
