//! The training of a network with layers of weights: gradients, and the steps of Adam (Kingma and Ba, 2014).

use crate::sounds::Random;

/// The weights are stored as integers, in steps of this.
pub(super) const SCALE: f32 = 1.0 / 32.0;

#[derive(Clone, Debug)]
pub(super) struct Layer {
    from: usize,
    /// For each output: the weights of its inputs, and its bias.
    values: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Layer {
    pub(super) fn new(from: usize, to: usize, random: &mut Random) -> Self {
        let len = (from + 1) * to;
        let spread = (1.5 / from as f32).sqrt();
        Self {
            from,
            values: (0..len).map(|_| random.between(-spread, spread)).collect(),
            gradient: vec![0.0; len],
            mean: vec![0.0; len],
            square: vec![0.0; len],
        }
    }

    fn forward(&self, inputs: &[f32]) -> Vec<f32> {
        let rows = self.values.chunks_exact(self.from + 1);
        rows.map(|row| {
            let (bias, weights) = row.split_last().expect("a bias");
            let mut sums = [0.0; 8];
            let ((inputs, _), (weights, _)) = (inputs.as_chunks::<8>(), weights.as_chunks::<8>());
            for (inputs, weights) in inputs.iter().zip(weights) {
                for lane in 0..8 {
                    sums[lane] += inputs[lane] * weights[lane];
                }
            }
            sums.iter().sum::<f32>() + bias
        })
        .collect()
    }

    /// Adds to the gradient. Returns the gradient of the inputs.
    fn backward(&mut self, inputs: &[f32], outputs: &[f32]) -> Vec<f32> {
        let mut back = vec![0.0; self.from];
        let rows = self.values.chunks_exact(self.from + 1);
        let gradients = self.gradient.chunks_exact_mut(self.from + 1);
        for ((row, gradient), output) in rows.zip(gradients).zip(outputs) {
            if *output == 0.0 {
                continue;
            }
            for at in 0..self.from {
                gradient[at] += output * inputs[at];
                back[at] += output * row[at];
            }
            gradient[self.from] += output;
        }
        back
    }

    fn step(&mut self, rate: f32, number: i32) {
        let (mean_rest, square_rest) = (1.0 - 0.9_f32.powi(number), 1.0 - 0.999_f32.powi(number));
        for at in 0..self.values.len() {
            let gradient = std::mem::take(&mut self.gradient[at]);
            self.mean[at] += 0.1 * (gradient - self.mean[at]);
            self.square[at] += 0.001 * (gradient * gradient - self.square[at]);
            let step = self.mean[at] / mean_rest / ((self.square[at] / square_rest).sqrt() + 1e-8);
            let value = self.values[at] - rate * (step + 0.01 * self.values[at]);
            self.values[at] = value.clamp(-127.0 * SCALE, 127.0 * SCALE);
        }
    }

    /// Rounds the weights to steps of [`SCALE`].
    fn round(&mut self) {
        for value in &mut self.values {
            *value = (*value / SCALE).round() * SCALE;
        }
    }

    /// Returns the rows of weights as integers, and the biases.
    pub(super) fn rows(&self) -> (Vec<Vec<i32>>, Vec<f32>) {
        let split = |row: &[f32]| {
            let (bias, weights) = row.split_last().expect("a bias");
            let integer = |weight: &f32| (weight / SCALE).round() as i32;
            (weights.iter().map(integer).collect(), *bias)
        };
        self.values.chunks_exact(self.from + 1).map(split).unzip()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) layers: [Layer; 3],
    steps: i32,
}

impl Network {
    pub(super) fn new(layers: [Layer; 3]) -> Self {
        Self { layers, steps: 0 }
    }

    fn outputs(&self, inputs: &[f32]) -> [Vec<f32>; 3] {
        let cut = |outputs: Vec<f32>| outputs.iter().map(|at| at.max(0.0)).collect::<Vec<_>>();
        let first = cut(self.layers[0].forward(inputs));
        let second = cut(self.layers[1].forward(&first));
        let last = self.layers[2].forward(&second);
        [first, second, last]
    }

    pub(super) fn score(&self, inputs: &[f32]) -> f32 {
        1.0 / (1.0 + (-self.outputs(inputs)[2][0]).exp())
    }

    /// Adds the gradient of one example.
    pub(super) fn learn(&mut self, inputs: &[f32], wanted: f32, weight: f32) {
        let [first, second, last] = self.outputs(inputs);
        let score = 1.0 / (1.0 + (-last[0]).exp());
        let mut back = vec![weight * (score - wanted)];
        for (layer, inputs) in [(2, &second), (1, &first)] {
            back = self.layers[layer].backward(inputs, &back);
            for (back, input) in back.iter_mut().zip(inputs) {
                *back = if *input > 0.0 { *back } else { 0.0 };
            }
        }
        self.layers[0].backward(inputs, &back);
    }

    pub(super) fn step(&mut self, rate: f32) {
        self.steps += 1;
        for layer in &mut self.layers {
            layer.step(rate, self.steps);
        }
    }

    pub(super) fn round(&mut self) {
        self.layers.iter_mut().for_each(Layer::round);
    }
}
