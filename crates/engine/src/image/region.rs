//! A box in an image, in fractions of width and height.

use serde::{Deserialize, Serialize};

/// A box in an oriented picture: left, top, width and height as fractions 0..=1 of the picture's width and height.
/// Always finite, inside the picture and not empty. In JSON: `[x, y, width, height]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 4]", into = "[f32; 4]")]
pub struct Region {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// Why four numbers are no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// A number is NaN or infinite.
    #[error("a region needs four finite numbers: x, y, width, height")]
    NotFinite,
    /// Width or height is zero or less.
    #[error("a region needs a width and a height above 0")]
    Empty,
    /// It reaches beyond the picture.
    #[error("a region must lie inside the picture: fractions of its width and height between 0 and 1")]
    Outside,
}

/// How far the far edge may lie beyond 1: sums of fractions with a few decimals round in `f32`.
const EDGE_TOLERANCE: f32 = 1e-4;

impl Region {
    /// The whole picture.
    pub const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };

    /// A region from fractions.
    ///
    /// # Errors
    /// When a number is not finite, the box is empty, or it reaches beyond the picture (by more than rounding).
    pub fn new(x: f32, y: f32, width: f32, height: f32) -> Result<Self, RegionError> {
        if ![x, y, width, height].iter().all(|value| value.is_finite()) {
            return Err(RegionError::NotFinite);
        }
        if width <= 0.0 || height <= 0.0 {
            return Err(RegionError::Empty);
        }
        let furthest = 1.0 + EDGE_TOLERANCE;
        if x < 0.0 || y < 0.0 || x >= 1.0 || y >= 1.0 || x + width > furthest || y + height > furthest {
            return Err(RegionError::Outside);
        }
        Ok(Self { x, y, width: width.min(1.0 - x), height: height.min(1.0 - y) })
    }

    /// Left edge, 0..1.
    #[must_use]
    pub fn x(&self) -> f32 {
        self.x
    }

    /// Top edge, 0..1.
    #[must_use]
    pub fn y(&self) -> f32 {
        self.y
    }

    /// Width, above 0 and at most 1.
    #[must_use]
    pub fn width(&self) -> f32 {
        self.width
    }

    /// Height, above 0 and at most 1.
    #[must_use]
    pub fn height(&self) -> f32 {
        self.height
    }

    /// Whether a point, in fractions of the picture, is inside.
    #[must_use]
    pub fn contains(&self, x: f32, y: f32) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    /// The region in pixels of a picture of this size: left, top, width, height, each at least one pixel and inside.
    #[must_use]
    pub fn to_pixels(&self, width: u32, height: u32) -> (u32, u32, u32, u32) {
        let (x, w) = span(self.x, self.width, width);
        let (y, h) = span(self.y, self.height, height);
        (x, y, w, h)
    }
}

/// Start and length in pixels of a span given in fractions of `size`.
fn span(start: f32, length: f32, size: u32) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ fraction ≤ 1 times a u32")]
    let pixel = |fraction: f32| (f64::from(fraction) * f64::from(size)).round() as u32;
    let first = pixel(start).min(size.saturating_sub(1));
    let end = pixel(start + length).clamp(first + 1, size.max(first + 1));
    (first, end - first)
}

impl TryFrom<[f32; 4]> for Region {
    type Error = RegionError;

    fn try_from([x, y, width, height]: [f32; 4]) -> Result<Self, Self::Error> {
        Self::new(x, y, width, height)
    }
}

impl From<Region> for [f32; 4] {
    fn from(region: Region) -> Self {
        [region.x, region.y, region.width, region.height]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_no_box_in_the_picture() {
        assert_eq!(Region::new(f32::NAN, 0.0, 1.0, 1.0), Err(RegionError::NotFinite));
        assert_eq!(Region::new(0.0, 0.0, 0.0, 1.0), Err(RegionError::Empty));
        assert_eq!(Region::new(0.5, 0.0, 0.6, 1.0), Err(RegionError::Outside));
        assert_eq!(Region::new(-0.1, 0.0, 0.6, 1.0), Err(RegionError::Outside));
        assert!(Region::new(0.3, 0.1, 0.7, 0.9).is_ok(), "0.3 + 0.7 is more than 1 in f32");
    }

    #[test]
    fn is_four_numbers_in_json() {
        let region: Region = serde_json::from_str("[0.25,0.5,0.5,0.25]").expect("a region");
        assert_eq!(region.to_pixels(100, 200), (25, 100, 50, 50));
        assert_eq!(serde_json::to_string(&region).expect("json"), "[0.25,0.5,0.5,0.25]");
        assert!(serde_json::from_str::<Region>("[0,0,2,1]").is_err());
    }

    proptest! {
        #[test]
        fn pixels_are_inside_and_never_empty(
            x in 0.0f32..1.0, y in 0.0f32..1.0, w in 0.0001f32..1.0, h in 0.0001f32..1.0,
            width in 1u32..30_000, height in 1u32..30_000,
        ) {
            if let Ok(region) = Region::new(x, y, w, h) {
                let (left, top, w, h) = region.to_pixels(width, height);
                prop_assert!(w >= 1 && h >= 1 && left + w <= width && top + h <= height);
            }
        }
    }
}
