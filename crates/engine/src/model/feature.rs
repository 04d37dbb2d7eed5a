//! What a model's backbone says of a picture.

/// The feature of one picture or region. Kept in the catalogue, so that no picture needs the model twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// The pooled vector as the model gives it, not normalised, as long as the manifest's `outputs.pooled.dim`; after it what
    /// layers before the last one say, where the model tells ([`super::Manifest::feature_len`] numbers in all). Features that were
    /// kept by versions before 0.2 end with the pooled vector.
    pub pooled: Vec<f32>,
    /// The map it was pooled from, where it was asked for and the model has one.
    pub map: Option<FeatureMap>,
}

/// The backbone's last map: one vector a position. Values in order [channels, height, width].
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f32>,
    finer: Option<Box<FeatureMap>>,
}

impl FeatureMap {
    /// `None` unless there are `channels * height * width` values and at least one.
    #[must_use]
    pub fn new(channels: usize, height: usize, width: usize, values: Vec<f32>) -> Option<Self> {
        let expected = channels.checked_mul(height)?.checked_mul(width)?;
        (expected == values.len() && expected > 0).then_some(Self { channels, height, width, values, finer: None })
    }

    /// The same with the map of an earlier layer, of the same picture, which has more positions.
    #[must_use]
    pub fn with_finer(self, finer: Option<Self>) -> Self {
        Self { finer: finer.map(Box::new), ..self }
    }

    /// The map of an earlier layer, where the model tells it.
    #[must_use]
    pub fn finer(&self) -> Option<&Self> {
        self.finer.as_deref()
    }

    /// Length of the vector at each position.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, in order [channels, height, width].
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The plane of one channel, row by row; `None` past the last.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.height * self.width).nth(channel)
    }

    /// Mean of each channel over all positions: what the classifier that belongs to the backbone was trained on.
    #[must_use]
    pub fn average(&self) -> Vec<f32> {
        let positions = (self.height * self.width) as f32;
        self.values.chunks_exact(self.height * self.width).map(|plane| plane.iter().sum::<f32>() / positions).collect()
    }

    /// Generalised mean of each channel, `(mean of max(x, 1e-6)^p)^(1/p)` (Radenović et al. 2019, GeM); `p = 1` is the
    /// average of the positive part, larger `p` approaches the maximum.
    #[must_use]
    pub fn generalised_mean(&self, p: f32) -> Vec<f32> {
        self.weighted_mean(p, &vec![1.0; self.height * self.width])
    }

    /// The same with a weight of 0 or more for each position, row by row, so that a part of the picture can be left out.
    /// Positions without a weight count nothing; where nothing counts, all do alike.
    #[must_use]
    pub fn weighted_mean(&self, p: f32, weights: &[f32]) -> Vec<f32> {
        let positions = self.height * self.width;
        let total: f32 = weights.iter().take(positions).sum();
        if total <= 0.0 || !total.is_finite() {
            return self.generalised_mean(p);
        }
        self.values
            .chunks_exact(positions)
            .map(|plane| {
                let sum: f32 = plane.iter().zip(weights).map(|(value, weight)| weight * value.max(1e-6).powf(p)).sum();
                (sum / total).powf(p.recip())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poolings_of_a_map() {
        let map = FeatureMap::new(2, 1, 2, vec![1.0, 3.0, 0.0, 0.0]).unwrap();
        assert_eq!(map.average(), [2.0, 0.0]);
        let cubic = map.generalised_mean(3.0);
        assert!((cubic[0] - 14.0_f32.cbrt()).abs() < 1e-5);
        assert!(cubic[1] < 1e-5);
        let second = map.weighted_mean(3.0, &[0.0, 0.5]);
        assert!((second[0] - 3.0).abs() < 1e-5, "{second:?}");
        assert_eq!(map.weighted_mean(3.0, &[0.0, 0.0]), cubic);
        assert_eq!(map.channel(1), Some(&[0.0, 0.0][..]));
        assert_eq!(map.channel(2), None);
    }

    #[test]
    fn a_map_has_all_its_values() {
        assert!(FeatureMap::new(2, 2, 2, vec![0.0; 7]).is_none());
        assert!(FeatureMap::new(0, 2, 2, vec![]).is_none());
        assert!(FeatureMap::new(usize::MAX, 2, 2, vec![0.0; 4]).is_none());
    }
}
