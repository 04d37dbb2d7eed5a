//! Products that are remembered as they are: what is like one of them has what it has.

use half::f16;
use serde::{Deserialize, Serialize};

use crate::linear::dot;

/// Neighbours that are asked.
const NEIGHBOURS: usize = 9;
/// The power of their similarity that they count with.
const POWER: i32 = 8;

/// Rows of unit length, in half precision when they are kept: [count, dim].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Length of a row.
    pub dim: usize,
    #[serde(serialize_with = "halves::write", deserialize_with = "halves::read")]
    values: Vec<f32>,
}

/// A remembered row and how much it counts, above 0.
pub type Neighbour = (usize, f32);

impl Memory {
    /// Remembers rows; those of another length than the first, and those without length, become rows of zeros, which are
    /// like nothing.
    #[must_use]
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r [f32]>) -> Self {
        let mut memory = Self::default();
        for row in rows {
            if memory.dim == 0 {
                memory.dim = row.len();
            }
            match unit(row).filter(|row| row.len() == memory.dim) {
                Some(row) => memory.values.extend(row.iter().map(|value| f16::from_f32(*value).to_f32())),
                None => memory.values.resize(memory.values.len() + memory.dim, 0.0),
            }
        }
        memory
    }

    /// The nine rows that are most like `row`, by cosine, and how much they count.
    #[must_use]
    pub fn nearest(&self, row: &[f32]) -> Vec<Neighbour> {
        let Some(row) = unit(row).filter(|row| row.len() == self.dim && self.dim > 0) else { return Vec::new() };
        let likeness = |own: &[f32]| dot(own, &row);
        let mut near: Vec<Neighbour> = (0..).zip(self.values.chunks_exact(self.dim).map(likeness)).collect();
        if near.len() > NEIGHBOURS {
            near.select_nth_unstable_by(NEIGHBOURS - 1, |a, b| b.1.total_cmp(&a.1));
            near.truncate(NEIGHBOURS);
        }
        near.retain(|(_, likeness)| *likeness > 0.0);
        // Not in place: what nine of ten thousand are told in would go on being as long as all of them.
        near.iter().map(|(place, likeness)| (*place, likeness.powi(POWER))).collect()
    }
}

fn unit(row: &[f32]) -> Option<Vec<f32>> {
    let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    (length.is_finite() && length > 1e-6).then(|| row.iter().map(|value| value / length).collect())
}

/// Numbers as text of JSON: half precision in base64.
pub(super) mod halves {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use half::f16;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn write<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_are_found_and_nothing_is_like_nothing() {
        let rows: Vec<Vec<f32>> = (0..20).map(|i| vec![1.0, i as f32 / 10.0]).collect();
        let memory = Memory::of(rows.iter().map(Vec::as_slice).chain([[0.0, 0.0].as_slice()]));
        let near = memory.nearest(&[2.0, 0.0]);
        assert_eq!(near.len(), 9);
        assert!(near.iter().all(|(place, weight)| *place < 9 && *weight > 0.0 && *weight <= 1.001), "{near:?}");
        // A classifier is fitted with the neighbours of thousands at hand.
        assert!(near.capacity() < 20, "{}", near.capacity());
        assert!(memory.nearest(&[0.0, 0.0]).is_empty());
        assert!(memory.nearest(&[1.0, 0.0, 0.0]).is_empty());
    }

    #[test]
    fn it_comes_back_from_json() {
        let memory = Memory::of([[0.3_f32, 0.4].as_slice(), &[-1.0, 0.1]]);
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
        assert!(serde_json::from_str::<Memory>(r#"{"dim": 2, "values": "no base64!"}"#).is_err());
    }
}
