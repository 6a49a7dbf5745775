use std::f32::consts::TAU;

/// The sample rate, in Hz.
const HZ: f32 = 8_000.0;

/// A filter of the second order, for audio at 8 kHz.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    fn new(b: [f32; 3], a: [f32; 3]) -> Self {
        Self {
            b: b.map(|at| at / a[0]),
            a: [a[1] / a[0], a[2] / a[0]],
            state: [0.0; 2],
        }
    }

    pub(crate) fn notch(hz: f32, q: f32) -> Self {
        let (sin, cos) = (TAU * hz / HZ).sin_cos();
        let alpha = sin / (2.0 * q);
        Self::new(
            [1.0, -2.0 * cos, 1.0],
            [1.0 + alpha, -2.0 * cos, 1.0 - alpha],
        )
    }

    /// Has no resonance (Butterworth).
    pub(crate) fn high_pass(hz: f32) -> Self {
        let (sin, cos) = (TAU * hz / HZ).sin_cos();
        let alpha = sin / 2.0_f32.sqrt();
        let b = f32::midpoint(1.0, cos);
        Self::new([b, -2.0 * b, b], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    pub(crate) fn push(&mut self, sample: f32) -> f32 {
        let out = self.b[0] * sample + self.state[0];
        self.state[0] = self.b[1] * sample - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * sample - self.a[1] * out;
        out
    }

    /// Arithmetic with the tiny numbers that silence leaves is slow.
    pub(crate) fn flush(&mut self) {
        for state in &mut self.state {
            if state.abs() < 1e-12 {
                *state = 0.0;
            }
        }
    }
}
