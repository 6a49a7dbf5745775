use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The amount that waits for the disk.
pub(crate) type Usage = Arc<AtomicUsize>;

/// A share of one or more counts that is in use until this is dropped.
#[derive(Debug)]
pub(crate) struct QuotaPermit<const N: usize> {
    amount: usize,
    usages: [Usage; N],
}

impl<const N: usize> QuotaPermit<N> {
    /// Adds `amount` to each count. Returns the permit and the new counts.
    pub(crate) fn take(amount: usize, usages: [Usage; N]) -> (Self, [usize; N]) {
        let sums = usages
            .each_ref()
            .map(|usage| usage.fetch_add(amount, Ordering::Relaxed) + amount);
        (Self { amount, usages }, sums)
    }
}

impl<const N: usize> Drop for QuotaPermit<N> {
    fn drop(&mut self) {
        for usage in &self.usages {
            usage.fetch_sub(self.amount, Ordering::Relaxed);
        }
    }
}
