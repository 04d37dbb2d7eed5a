//! A small network fitted by Adam (Kingma and Ba 2015), and a logistic curve.

use vetrina_engine::region::{Judge, MEASURES};

const ROUNDS: usize = 40;
const BATCH: usize = 256;

/// How far weights are moved: Adam (Kingma and Ba 2015), with decay apart from the gradient (Loshchilov and Hutter 2019).
pub struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    /// For so many weights.
    pub fn new(weights: usize) -> Self {
        Self { first: vec![0.0; weights], second: vec![0.0; weights], steps: 0 }
    }

    /// Moves the weights against their gradient, and towards zero by `decay`, both times `rate`.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32, decay: f32) {
        self.steps += 1;
        let (fade_first, fade_second) = (1.0 - 0.9_f32.powi(self.steps), 1.0 - 0.999_f32.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *first = 0.9 * *first + 0.1 * gradient;
            *second = 0.999 * *second + 0.001 * gradient.powi(2);
            let along = rate * (*first / fade_first) / ((*second / fade_second).sqrt() + 1e-8);
            *weight -= along + rate * decay * *weight;
        }
    }
}

/// Fits a hidden layer of `units`, over the first `measures`, to values by least squares; the curve is left as it is.
pub fn fit(examples: &[([f32; MEASURES], f32)], measures: usize, units: usize, seed: u64) -> Judge {
    let mut rng = fastrand::Rng::with_seed(seed);
    let count = examples.len().max(1) as f64;
    let mean: Vec<f32> =
        (0..measures).map(|i| (examples.iter().map(|(x, _)| f64::from(x[i])).sum::<f64>() / count) as f32).collect();
    let spread: Vec<f32> = (0..measures)
        .map(|i| {
            let squares: f64 = examples.iter().map(|(x, _)| f64::from(x[i] - mean[i]).powi(2)).sum();
            ((squares / count).sqrt() as f32).max(1e-6)
        })
        .collect();
    let standard = |x: &[f32; MEASURES]| (0..measures).map(|i| (x[i] - mean[i]) / spread[i]).collect();
    let inputs: Vec<Vec<f32>> = examples.iter().map(|(x, _)| standard(x)).collect();
    // Parameters in one row: hidden weights, hidden bias, output weights, output bias.
    let (bias, out) = (units * measures, units * measures + units);
    let mut normal = || (0..12).map(|_| rng.f32() - 0.5).sum::<f32>();
    let mut weights: Vec<f32> = (0..=out + units)
        .map(|i| {
            let scale = if i < bias {
                (2.0 / measures as f32).sqrt()
            } else if (out..out + units).contains(&i) {
                (1.0 / units as f32).sqrt()
            } else {
                0.0
            };
            normal() * scale
        })
        .collect();
    let mut adam = Adam::new(weights.len());
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for round in 0..ROUNDS {
        rng.shuffle(&mut order);
        // The rate falls to nothing along half a cosine.
        let rate = 3e-3 * 0.5 * (1.0 + (std::f32::consts::PI * round as f32 / ROUNDS as f32).cos());
        for batch in order.chunks(BATCH) {
            let mut gradient = vec![0.0_f32; weights.len()];
            for &place in batch {
                let input = &inputs[place];
                let unit = |u: usize| {
                    input.iter().zip(&weights[u * measures..]).map(|(x, w)| x * w).sum::<f32>() + weights[bias + u]
                };
                let values: Vec<f32> = (0..units).map(|u| unit(u).max(0.0)).collect();
                let guess: f32 =
                    values.iter().zip(&weights[out..]).map(|(v, w)| v * w).sum::<f32>() + weights[out + units];
                let error = (guess - examples[place].1) / batch.len() as f32;
                gradient[out + units] += error;
                for (u, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                    gradient[out + u] += error * value;
                    let back = error * weights[out + u];
                    gradient[bias + u] += back;
                    input.iter().zip(&mut gradient[u * measures..(u + 1) * measures]).for_each(|(x, g)| *g += back * x);
                }
            }
            adam.step(&mut weights, &gradient, rate, 0.0);
        }
    }
    Judge {
        scale: [mean, spread].concat(),
        hidden: weights[..bias].to_vec(),
        hidden_bias: weights[bias..out].to_vec(),
        overlap: weights[out..].to_vec(),
        curve: vec![1.0, 0.0],
    }
}

/// Slope and offset of a logistic curve (Platt 1999) by Newton's method.
pub fn curve(examples: &[(f32, bool)]) -> Vec<f32> {
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        let (mut g, mut h) = ([0.0_f64; 2], [1e-6, 0.0, 1e-6]);
        for (x, right) in examples {
            let x = f64::from(*x);
            let p = 1.0 / (1.0 + (-(slope * x + offset)).exp());
            let (error, weight) = (p - f64::from(u8::from(*right)), p * (1.0 - p));
            g = [g[0] + error * x, g[1] + error];
            h = [h[0] + weight * x * x, h[1] + weight * x, h[2] + weight];
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        if determinant.abs() < 1e-12 {
            break;
        }
        slope -= (h[2] * g[0] - h[1] * g[1]) / determinant;
        offset -= (h[0] * g[1] - h[1] * g[0]) / determinant;
    }
    vec![slope as f32, offset as f32]
}
