//! How far a catalogue has moved away from what its space was made of.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::super::space_files::write_durably;
use super::gather::Gathered;
use crate::learn::Rows;

/// Name of the file in the folder of a space.
const FILE: &str = "moments.json";

/// Mean and variance of the features a space was made of, of unit length each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    /// How many.
    pub(super) count: usize,
    /// [dim]
    pub(super) mean: Vec<f32>,
    /// [dim]
    pub(super) variance: Vec<f32>,
}

impl Moments {
    /// Of the pictures of a catalogue.
    pub(super) fn of(gathered: &Gathered) -> Self {
        Self::of_rows(&gathered.rows, gathered.learnable())
    }

    pub(super) fn of_rows(rows: &Rows, places: impl Iterator<Item = usize>) -> Self {
        let dim = rows.dim();
        let (mut sum, mut squares, mut count) = (vec![0.0_f64; dim], vec![0.0_f64; dim], 0_usize);
        for place in places {
            let Some(row) = rows.values().get(place * dim..(place + 1) * dim) else { continue };
            count += 1;
            for (at, value) in row.iter().enumerate() {
                let value = f64::from(*value);
                sum[at] += value;
                squares[at] += value * value;
            }
        }
        let n = count.max(1) as f64;
        let mean: Vec<f64> = sum.iter().map(|sum| sum / n).collect();
        let variance = squares.iter().zip(&mean).map(|(squares, mean)| ((squares / n) - mean * mean).max(0.0) as f32);
        Self { count, variance: variance.collect(), mean: mean.iter().map(|value| *value as f32).collect() }
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), EngineError> {
        write_durably(folder, FILE, &serde_json::to_vec(self).unwrap_or_default())
    }

    /// `None` when there are none or they cannot be read: then drift cannot be told.
    pub(super) fn load(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// How far another catalogue's mean is away, in units of the spread of these features: 0 is the same, 1 is as far as
    /// pictures are from each other. Squared distance of the means over the sum of the variances, square root (a Fréchet
    /// distance whose covariances are left out; Dowson & Landau 1982).
    pub(super) fn distance(&self, other: &Self) -> f64 {
        if self.mean.len() != other.mean.len() {
            return f64::INFINITY;
        }
        let apart: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let spread: f64 = self.variance.iter().map(|value| f64::from(*value)).sum();
        (apart / spread.max(1e-12)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(shift: f32) -> Rows {
        let vectors: Vec<[f32; 2]> =
            (0..100).map(|i| [(i % 10) as f32 / 10.0 + shift, (i / 10) as f32 / 10.0]).collect();
        Rows::from_vectors(vectors.iter().map(<[f32; 2]>::as_slice)).unwrap()
    }

    #[test]
    fn the_same_pictures_are_no_distance_away_and_others_are() {
        let moments = |shift| Moments::of_rows(&rows(shift), 0..100);
        let own = moments(0.0);
        assert!(own.distance(&own) < 1e-6);
        assert!((0.2..0.3).contains(&own.distance(&moments(0.1))), "{}", own.distance(&moments(0.1)));
        assert!(own.distance(&moments(1.0)) > 2.0);
        let folder = tempfile::tempdir().unwrap();
        own.save(folder.path()).unwrap();
        assert_eq!(Moments::load(folder.path()), Some(own));
        assert_eq!(Moments::load(&folder.path().join("none")), None);
    }
}
