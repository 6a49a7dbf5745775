//! What happens when the process has no descriptor left: each test in a process of its own.

use audiosocket_conformance::conformance;

mod tokio_current_thread {
    super::conformance!(descriptors, TOKIO_CURRENT_THREAD);
}

mod tokio_multi_thread {
    super::conformance!(descriptors, TOKIO_MULTI_THREAD);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod tokio_wake_interval {
    super::conformance!(descriptors, TOKIO_WAKE_INTERVAL);
}

mod tokio_threads {
    super::conformance!(descriptors, TOKIO_THREADS);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod tokio_threads_wake_interval {
    super::conformance!(descriptors, TOKIO_THREADS_WAKE_INTERVAL);
}

mod smol {
    super::conformance!(descriptors, SMOL);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod smol_wake_interval {
    super::conformance!(descriptors, SMOL_WAKE_INTERVAL);
}

mod async_std {
    super::conformance!(descriptors, ASYNC_STD);
}

mod mio {
    super::conformance!(descriptors, MIO);
}

mod blocking {
    super::conformance!(descriptors, BLOCKING);
}
