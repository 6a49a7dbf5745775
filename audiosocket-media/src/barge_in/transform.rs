use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The Fourier transform of a fixed length, and its inverse. All calls share the tables.
#[derive(Clone)]
pub(super) struct Transform {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Transform {
    fn new(len: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(len),
            inverse: planner.plan_fft_inverse(len),
        }
    }

    /// Returns the transform that `shared` has, and puts it there first.
    pub(super) fn shared(shared: &OnceLock<Self>, len: usize) -> Self {
        shared.get_or_init(|| Self::new(len)).clone()
    }

    /// Returns the buffer that the transforms need.
    pub(super) fn scratch(&self) -> Vec<Complex<f32>> {
        let len = self.forward.get_scratch_len();
        vec![Complex::default(); len.max(self.inverse.get_scratch_len())]
    }

    /// Returns a buffer for a spectrum.
    pub(super) fn spectrum(&self) -> Vec<Complex<f32>> {
        self.forward.make_output_vec()
    }

    /// Overwrites `samples`.
    pub(super) fn forward(
        &self,
        samples: &mut [f32],
        spectrum: &mut [Complex<f32>],
        scratch: &mut [Complex<f32>],
    ) {
        let done = self
            .forward
            .process_with_scratch(samples, spectrum, scratch);
        debug_assert!(done.is_ok(), "{done:?}");
    }

    /// Computes samples, without the factor of the inverse. Overwrites `spectrum`, and ignores bins outside of `bins`.
    pub(super) fn inverse(
        &self,
        spectrum: &mut [Complex<f32>],
        bins: Range<usize>,
        samples: &mut [f32],
        scratch: &mut [Complex<f32>],
    ) {
        spectrum[..bins.start].fill(Complex::default());
        spectrum[bins.end..].fill(Complex::default());
        // The first and the last bin are real, and rounding may have changed that.
        let last = spectrum.len() - 1;
        spectrum[0].im = 0.0;
        spectrum[last].im = 0.0;
        let done = self
            .inverse
            .process_with_scratch(spectrum, samples, scratch);
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transform")
            .field("len", &self.forward.len())
            .finish_non_exhaustive()
    }
}
