use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::wake_cell::WakeCell;

/// The keys of connections that any thread has woken. The task that polls the batch waits for them.
pub(crate) type ReadyQueue = WakeCell<Vec<usize>>;

/// Makes a waker that adds `key` to `queue`.
pub(crate) fn waker(queue: &Arc<ReadyQueue>, key: usize) -> Waker {
    Waker::from(Arc::new(KeyWaker {
        key,
        queue: Arc::clone(queue),
    }))
}

struct KeyWaker {
    key: usize,
    queue: Arc<ReadyQueue>,
}

impl Wake for KeyWaker {
    fn wake(self: Arc<Self>) {
        self.queue.change(|keys| keys.push(self.key));
    }
}
