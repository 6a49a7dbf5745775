//! What happens when the process has no descriptor left: each test in a process of its own.

use audiosocket_conformance::conformance;

mod tokio_current_thread {
    super::conformance!(descriptors, TOKIO_CURRENT_THREAD);
}

mod tokio_multi_thread {
    super::conformance!(descriptors, TOKIO_MULTI_THREAD);
}

mod smol {
    super::conformance!(descriptors, SMOL);
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
