//! What happens when the process has no descriptor left. Alone in its file, and so in its process.

use audiosocket_conformance::conformance;

mod tokio_current_thread {
    super::conformance!(descriptors, TOKIO_CURRENT_THREAD);
}

mod tokio_multi_thread {
    super::conformance!(descriptors, TOKIO_MULTI_THREAD);
}
