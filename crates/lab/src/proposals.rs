//! Fits what proposes boxes on the model's maps, to scenes whose boxes are known.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use rayon::prelude::*;
use vetrina_engine::image::{Picture, Region};
use vetrina_engine::model::{FeatureMap, ImageModel, features_of};
use vetrina_engine::region::{Directions, Inputs, Proposer, SAID};

use crate::composites::Composite;
use crate::data;
use crate::network::Adam;
use crate::regions::model;
use crate::scenes::{Behind, Sets, scene};

/// Principal directions of both maps, and hidden units.
const DIRECTIONS: usize = 32;
const UNITS: usize = 64;
/// Of so many scenes one is looked at for the directions.
const OF_DIRECTIONS: usize = 20;
/// Positions without a product that are learned from, in each scene.
const ELSEWHERE: usize = 50;
const ROUNDS: usize = 12;
const BATCH: usize = 512;
/// How much a root of a distance counts beside the odds of a middle, and the most that one may be off to count more.
const DISTANCES: (f32, f32) = (10.0, 0.3);

/// What is wanted of a position.
#[derive(Clone, Copy)]
struct Wanted {
    /// How well it is a middle: centre-ness (Tian et al. 2019), 0 to 1.
    middle: f32,
    /// Roots of the distances to the four sides, where it is within a product.
    roots: Option<[f32; 4]>,
}

pub fn fit() -> Result<()> {
    let (fashion, clothing, groceries) = (data::fashion()?, data::clothing()?, data::groceries()?);
    let sets = Sets { fashion: &fashion, clothing: &clothing, groceries: &groceries };
    let model = model()?;
    let all: Vec<(Behind, usize)> =
        Behind::ALL.iter().flat_map(|(behind, count)| (0..*count).map(|number| (*behind, number))).collect();
    let maps = all
        .par_iter()
        .step_by(OF_DIRECTIONS)
        .map(|(behind, number)| map_of(&model, &scene(*behind, *number, &sets)?.picture));
    let maps: Vec<FeatureMap> = maps.collect::<Result<_>>()?;
    let finer: Vec<&FeatureMap> = maps.iter().filter_map(FeatureMap::finer).collect();
    let (finer, last) = (directions(&finer, false)?, directions(&maps.iter().collect::<Vec<_>>(), true)?);
    drop(maps);
    println!("{} scenes; directions fitted", all.len());

    let each = all.par_iter().map(|(behind, number)| {
        let Composite { picture, boxes } = scene(*behind, *number, &sets)?;
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let map = map_of(&model, &picture)?;
        let inputs = Inputs::of(&finer, &last, &map).context("the model has no finer map")?;
        let wanted = (0..inputs.positions()).map(|at| wanted(&boxes, inputs.middle(at), (width, height))).collect();
        Ok((inputs, wanted, behind.is_empty()))
    });
    let each: Vec<(Inputs, Vec<Wanted>, bool)> = each.collect::<Result<_>>()?;
    let mut rng = fastrand::Rng::with_seed(11);
    let mut examples: Vec<(usize, usize)> = Vec::new();
    for (number, (inputs, wanted, empty)) in each.iter().enumerate() {
        let share = ELSEWHERE as f32 / inputs.positions() as f32;
        // What else is on a photo nobody knows.
        let taken = wanted.iter().enumerate().filter(|(_, one)| one.roots.is_some() || (*empty && rng.f32() < share));
        examples.extend(taken.map(|(position, _)| (number, position)).collect::<Vec<_>>());
    }
    println!("{} positions to learn from", examples.len());
    let proposer = network(&each, examples, (finer, last), &mut rng);
    write(&proposer, all.len())
}

/// What the model's maps say of a picture.
pub fn map_of(model: &dyn ImageModel, picture: &Picture) -> Result<FeatureMap> {
    let feature = features_of(model, std::slice::from_ref(picture), true)?.pop().context("no feature")?;
    feature.map.context("the model has no map")
}

/// The first principal directions of the vectors of maps.
fn directions(maps: &[&FeatureMap], unit: bool) -> Result<Directions> {
    let channels = maps.first().context("no maps")?.channels();
    let mut sum = vec![0.0_f64; channels];
    let mut products = Mat::<f64>::zeros(channels, channels);
    let mut count = 0.0;
    for map in maps {
        let positions = map.height() * map.width();
        let mut vectors = Mat::from_fn(positions, channels, |i, j| f64::from(map.values()[j * positions + i]));
        for i in 0..positions {
            let length = (0..channels).map(|j| vectors[(i, j)].powi(2)).sum::<f64>().sqrt().max(1e-6);
            (0..channels).filter(|_| unit).for_each(|j| vectors[(i, j)] /= length);
            (0..channels).for_each(|j| sum[j] += vectors[(i, j)]);
        }
        matmul(products.as_mut(), Accum::Add, vectors.transpose(), vectors.as_ref(), 1.0, Par::rayon(0));
        count += positions as f64;
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
    let covariance = Mat::from_fn(channels, channels, |i, j| products[(i, j)] / count - mean[i] * mean[j]);
    let eigen = covariance.self_adjoint_eigen(Side::Lower).map_err(|error| anyhow!("{error:?}"))?;
    // The largest are the last.
    let rows = (1..=DIRECTIONS).flat_map(|back| {
        let vector = eigen.U().col(channels - back);
        (0..channels).map(move |i| vector[i] as f32).collect::<Vec<_>>()
    });
    Ok(Directions { rows: rows.collect(), mean: mean.iter().map(|mean| *mean as f32).collect() })
}

/// What is wanted at a place of the square that the model sees, of a picture of this width and height.
fn wanted(boxes: &[Region], (y, x): (f32, f32), (width, height): (f32, f32)) -> Wanted {
    let longer = width.max(height);
    let along = |at: f32, own: f32| (at * own + (longer - own) / 2.0) / longer;
    for own in boxes {
        let (left, top) = (along(own.x(), width), along(own.y(), height));
        let (right, bottom) = (along(own.x() + own.width(), width), along(own.y() + own.height(), height));
        let far = [x - left, y - top, right - x, bottom - y];
        if far.iter().all(|far| *far > 0.0) {
            let part = |a: f32, b: f32| a.min(b) / a.max(b);
            let middle = (part(far[0], far[2]) * part(far[1], far[3])).sqrt();
            return Wanted { middle, roots: Some(far.map(f32::sqrt)) };
        }
    }
    Wanted { middle: 0.0, roots: None }
}

/// Mean and standard deviation of each input.
fn scale(each: &[(Inputs, Vec<Wanted>, bool)], examples: &[(usize, usize)], numbers: usize) -> Vec<(f32, f32)> {
    let (mut sums, mut squares, mut row) = (vec![0.0_f64; numbers], vec![0.0_f64; numbers], vec![0.0; numbers]);
    for (number, position) in examples {
        each[*number].0.write(*position, &mut row);
        for (value, (sum, square)) in row.iter().zip(sums.iter_mut().zip(&mut squares)) {
            *sum += f64::from(*value);
            *square += f64::from(*value).powi(2);
        }
    }
    let count = examples.len().max(1) as f64;
    let of = |(sum, square): (&f64, &f64)| {
        let mean = sum / count;
        (mean as f32, (square / count - mean * mean).max(1e-12).sqrt() as f32)
    };
    sums.iter().zip(&squares).map(of).collect()
}

/// Fits the network by Adam (Kingma and Ba 2015), its rate falling to nothing along half a cosine, with a little decay of
/// weights.
fn network(
    each: &[(Inputs, Vec<Wanted>, bool)],
    mut examples: Vec<(usize, usize)>,
    (finer, last): (Directions, Directions),
    rng: &mut fastrand::Rng,
) -> Proposer {
    let numbers = each[0].0.numbers();
    let scale = scale(each, &examples, numbers);
    let mut normal = |spread: f32| ((0..12).map(|_| rng.f32()).sum::<f32>() - 6.0) * spread;
    let hidden: Vec<f32> = (0..UNITS * numbers).map(|_| normal((2.0 / numbers as f32).sqrt())).collect();
    let said: Vec<f32> = (0..SAID * UNITS).map(|_| normal((1.0 / UNITS as f32).sqrt())).collect();
    let mut weights = [hidden, vec![0.0; UNITS], said, vec![-1.0, 0.4, 0.4, 0.4, 0.4]];
    let mut fits = weights.each_ref().map(|part| Adam::new(part.len()));
    let steps = ROUNDS * (examples.len() / BATCH);
    let mut step = 0;
    let mut rows = vec![0.0; BATCH * numbers];
    for round in 0..ROUNDS {
        rng.shuffle(&mut examples);
        let mut losses = [0.0_f64; 2];
        for batch in examples.chunks_exact(BATCH) {
            rows.par_chunks_exact_mut(numbers).zip(batch).for_each(|(row, (number, position))| {
                each[*number].0.write(*position, row);
                row.iter_mut().zip(&scale).for_each(|(value, (mean, spread))| *value = (*value - mean) / spread);
            });
            let wanted: Vec<Wanted> = batch.iter().map(|(number, position)| each[*number].1[*position]).collect();
            let (gradients, loss) = gradients(&weights, &rows, &wanted, numbers);
            losses.iter_mut().zip(loss).for_each(|(sum, loss)| *sum += loss);
            let rate = 2e-3 * 0.5 * (1.0 + (std::f32::consts::PI * step as f32 / steps as f32).cos());
            step += 1;
            for (part, (fit, gradient)) in fits.iter_mut().zip(&gradients).enumerate() {
                // Biases are free.
                let decay = if part % 2 == 0 { 1e-4 } else { 0.0 };
                fit.step(&mut weights[part], gradient, rate, decay);
            }
        }
        let batches = (examples.len() / BATCH).max(1) as f64;
        println!("round {}: odds {:.4}, roots {:.5}", round + 1, losses[0] / batches, losses[1] / batches);
    }
    // The scale goes into the weights.
    let [mut hidden, mut hidden_bias, said, said_bias] = weights;
    for (row, bias) in hidden.chunks_exact_mut(numbers).zip(&mut hidden_bias) {
        for (weight, (mean, spread)) in row.iter_mut().zip(&scale) {
            *weight /= spread;
            *bias -= *weight * mean;
        }
    }
    Proposer { finer, last, hidden, hidden_bias, said, said_bias }
}

/// Gradients of all weights for a batch, and what they are gradients of: cross entropy of the middle, and squares of what roots are off
/// by, each as much as its position is a middle.
fn gradients(weights: &[Vec<f32>; 4], rows: &[f32], wanted: &[Wanted], numbers: usize) -> ([Vec<f32>; 4], [f64; 2]) {
    let [hidden, hidden_bias, said, said_bias] = weights;
    let count = wanted.len();
    let inputs = MatRef::from_row_major_slice(rows, count, numbers);
    let mut units: Vec<f32> = hidden_bias.repeat(count);
    let to = MatMut::from_row_major_slice_mut(&mut units, count, UNITS);
    let into = MatRef::from_row_major_slice(hidden, UNITS, numbers);
    matmul(to, Accum::Add, inputs, into.transpose(), 1.0, Par::rayon(0));
    units.iter_mut().for_each(|value| *value = value.max(0.0));
    let (mut back, mut of_said, mut of_said_bias) =
        (vec![0.0_f32; count * UNITS], vec![0.0_f32; SAID * UNITS], vec![0.0_f32; SAID]);
    let mut loss = [0.0_f64; 2];
    for ((units, back), wanted) in units.chunks_exact(UNITS).zip(back.chunks_exact_mut(UNITS)).zip(wanted) {
        let guess = |k: usize| {
            units.iter().zip(&said[k * UNITS..]).map(|(value, weight)| value * weight).sum::<f32>() + said_bias[k]
        };
        let middle = 1.0 / (1.0 + (-guess(0)).exp());
        let mut wrong = [0.0_f32; SAID];
        wrong[0] = middle - wanted.middle;
        let entropy = wanted.middle * (middle + 1e-7).ln() + (1.0 - wanted.middle) * (1.0 - middle + 1e-7).ln();
        loss[0] -= f64::from(entropy) / count as f64;
        if let Some(roots) = wanted.roots {
            let counts = wanted.middle + 0.05;
            for (k, root) in roots.iter().enumerate() {
                let off = guess(k + 1) - root;
                loss[1] += f64::from(counts * off * off) / count as f64;
                wrong[k + 1] = DISTANCES.0 * counts * off.clamp(-DISTANCES.1, DISTANCES.1);
            }
        }
        for (k, wrong) in wrong.into_iter().enumerate().filter(|(_, wrong)| *wrong != 0.0) {
            let wrong = wrong / count as f32;
            of_said_bias[k] += wrong;
            let row = k * UNITS..(k + 1) * UNITS;
            of_said[row.clone()].iter_mut().zip(units).for_each(|(sum, value)| *sum += wrong * value);
            back.iter_mut().zip(&said[row]).for_each(|(sum, weight)| *sum += wrong * weight);
        }
        back.iter_mut().zip(units).filter(|(_, value)| **value <= 0.0).for_each(|(back, _)| *back = 0.0);
    }
    let mut of_hidden = vec![0.0_f32; UNITS * numbers];
    let to = MatMut::from_row_major_slice_mut(&mut of_hidden, UNITS, numbers);
    let back_rows = MatRef::from_row_major_slice(&back, count, UNITS);
    matmul(to, Accum::Replace, back_rows.transpose(), inputs, 1.0, Par::rayon(0));
    let mut of_bias = vec![0.0_f32; UNITS];
    back.chunks_exact(UNITS).for_each(|row| of_bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value));
    ([of_hidden, of_bias, of_said, of_said_bias], loss)
}

fn write(proposer: &Proposer, scenes: usize) -> Result<()> {
    let folder = Path::new("models/efficientnet-lite2");
    fs::write(folder.join("proposals.safetensors"), proposer.to_bytes().map_err(|error| anyhow!(error))?)?;
    fs::write(
        folder.join("proposals.toml"),
        format!(
            "method = \"one hidden layer of {UNITS} units over {DIRECTIONS} principal directions of the finer map at 17 positions and of the last map at one; \
             cross entropy of centre-ness, squared error of roots of distances (after FCOS, Tian et al. 2019)\"\n\
             fitted_on = \"{}\"\ncommand = \"vetrina-lab fit-proposals\"\n\
             data = \"{scenes} scenes of pictures of fashion and of the studio pictures of groceries, on corners of photos of clothing, on photos of \
             clothing and of groceries, on white and on colours; every second picture of each\"\n\
             evaluation = \"docs/evaluation.md, regions\"\n",
            chrono::Utc::now().date_naive(),
        ),
    )?;
    println!("build again to take it in");
    Ok(())
}
