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

mod smol {
    super::conformance!(calls, SMOL);
    super::conformance!(server, SMOL);
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
