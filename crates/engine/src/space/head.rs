//! The small learned map from feature to embedding, and its file.

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::SpaceError;
use super::embedding::{dot, to_unit};

/// Says that a safetensors file is a head, and of which kind.
const FORMAT: &str = "vetrina-head-1";

/// No head is larger: 65,536 numbers in, 4,096 out.
const MAX_INPUT: usize = 65_536;
const MAX_OUTPUT: usize = 4_096;

/// A map from feature to embedding: `unit(projection · (unit(feature) − mean))`, or `unit(feature)` alone.
///
/// As a file: safetensors with the tensors `mean` `[input]` and `projection` `[output, input]`, each 16- or 32-bit floats,
/// and the metadata `format` = `vetrina-head-1` and `model` (SHA-256 of the ONNX file it was fitted for).
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    model: Option<String>,
    input: usize,
    linear: Option<Linear>,
}

#[derive(Debug, Clone, PartialEq)]
struct Linear {
    output: usize,
    /// `[output, input]`, row by row, rounded to half precision.
    projection: Vec<f32>,
    /// `projection · mean`, so that centring costs nothing.
    offset: Vec<f32>,
    /// `[input]`
    mean: Vec<f32>,
}

impl Head {
    /// The head that only brings features to unit length, for any model with features of `input` numbers.
    #[must_use]
    pub fn identity(input: usize) -> Self {
        Self { model: None, input, linear: None }
    }

    /// A linear head for the model with this SHA-256. `projection` is `[output, input]`, row by row. Both are rounded to
    /// half precision, as in the file, so that a head is the same before and after saving.
    ///
    /// # Errors
    /// [`SpaceError::Head`] when sizes do not fit, are 0 or too large, or a number is not finite.
    pub fn linear(model: &str, mean: &[f32], projection: &[f32]) -> Result<Self, SpaceError> {
        Self::build(model, mean, projection).map_err(|reason| SpaceError::Head { origin: "a new head".into(), reason })
    }

    fn build(model: &str, mean: &[f32], projection: &[f32]) -> Result<Self, String> {
        let input = mean.len();
        if input == 0 || input > MAX_INPUT {
            return Err(format!("`mean` has {input} numbers, 1 to {MAX_INPUT} are possible"));
        }
        let output = projection.len() / input;
        if output * input != projection.len() || output == 0 || output > MAX_OUTPUT {
            return Err(format!("`projection` has {} numbers for {input} inputs", projection.len()));
        }
        let rounded =
            |values: &[f32]| -> Vec<f32> { values.iter().map(|&value| f16::from_f32(value).to_f32()).collect() };
        let (mean, projection) = (rounded(mean), rounded(projection));
        if !mean.iter().chain(&projection).all(|value| value.is_finite()) {
            return Err("a number is not finite in half precision".into());
        }
        let offset = projection.chunks_exact(input).map(|row| dot(row, &mean)).collect();
        Ok(Self { model: Some(model.to_owned()), input, linear: Some(Linear { output, projection, offset, mean }) })
    }

    /// SHA-256 of the model this head was fitted for; `None` when any will do.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Length of the features it takes.
    #[must_use]
    pub fn input_dim(&self) -> usize {
        self.input
    }

    /// Length of the embeddings it gives.
    #[must_use]
    pub fn output_dim(&self) -> usize {
        self.linear.as_ref().map_or(self.input, |linear| linear.output)
    }

    /// `projection · (unit(feature) − mean)`, not yet of unit length.
    pub(super) fn apply(&self, feature: &[f32]) -> Result<Vec<f32>, SpaceError> {
        if feature.len() != self.input {
            return Err(SpaceError::Dimension { expected: self.input, found: feature.len() });
        }
        let mut unit = feature.to_vec();
        to_unit(&mut unit)?;
        let Some(linear) = &self.linear else { return Ok(unit) };
        let rows = linear.projection.chunks_exact(self.input);
        Ok(rows.zip(&linear.offset).map(|(row, offset)| dot(row, &unit) - offset).collect())
    }

    /// Reads a head file; `origin` names it in errors.
    ///
    /// # Errors
    /// [`SpaceError::Head`] when the bytes are damaged, truncated, of another format, or hold numbers that are not
    /// finite.
    pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self, SpaceError> {
        Self::parse(bytes).map_err(|reason| SpaceError::Head { origin: origin.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().as_ref().ok_or("it has no metadata")?;
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(format!("its format is {:?}, not {FORMAT}", metadata.get("format")));
        }
        let model = metadata.get("model").ok_or("it does not say for which model it is")?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let tensor = |name: &str| file.tensor(name).map_err(|error| error.to_string());
        let (mean, projection) = (tensor("mean")?, tensor("projection")?);
        match (mean.shape(), projection.shape()) {
            ([input], [_, columns]) if input == columns => {
                Self::build(model, &numbers("mean", &mean)?, &numbers("projection", &projection)?)
            }
            (mean, projection) => Err(format!("`mean` has shape {mean:?}, `projection` has shape {projection:?}")),
        }
    }

    /// The head as a file; `notes` (provenance) go into its metadata.
    ///
    /// # Errors
    /// [`SpaceError::Head`] for the identity, which needs no file.
    pub fn to_bytes(&self, notes: &[(String, String)]) -> Result<Vec<u8>, SpaceError> {
        let failed = |reason: String| SpaceError::Head { origin: "a head".into(), reason };
        let (Some(linear), Some(model)) = (&self.linear, &self.model) else {
            return Err(failed("it only brings features to unit length and has no file".into()));
        };
        let halves = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
        };
        let (mean, projection) = (halves(&linear.mean), halves(&linear.projection));
        let view = |shape: Vec<usize>, bytes| {
            TensorView::new(Dtype::F16, shape, bytes).map_err(|error| failed(error.to_string()))
        };
        let tensors = [
            ("mean", view(vec![self.input], &mean)?),
            ("projection", view(vec![linear.output, self.input], &projection)?),
        ];
        let own = [("format".to_owned(), FORMAT.to_owned()), ("model".to_owned(), model.clone())];
        let metadata = notes.iter().cloned().chain(own).collect();
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))
    }

    /// The numbers that make the map, without notes: the same map has the same bytes.
    pub(super) fn to_bytes_for_identity(&self) -> Vec<u8> {
        let Some(linear) = &self.linear else { return b"unit".to_vec() };
        let numbers = linear.mean.iter().chain(&linear.projection);
        b"linear".iter().copied().chain(numbers.flat_map(|&value| f16::from_f32(value).to_le_bytes())).collect()
    }
}

/// The numbers of a tensor of 16- or 32-bit floats.
fn numbers(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let bytes = tensor.data();
    match tensor.dtype() {
        Dtype::F16 => Ok(bytes.chunks_exact(2).map(|two| f16::from_le_bytes([two[0], two[1]]).to_f32()).collect()),
        Dtype::F32 => {
            Ok(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
        }
        other => Err(format!("`{name}` is {other:?}, not 16- or 32-bit floats")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> Head {
        Head::linear("model", &[0.1, 0.2, 0.3], &[1.0, 0.0, 0.5, 0.0, 2.0, 0.25]).unwrap()
    }

    #[test]
    fn a_head_is_the_same_after_saving() {
        let notes = [("method".to_owned(), "test".to_owned())];
        let bytes = small().to_bytes(&notes).unwrap();
        assert_eq!(Head::from_bytes(&bytes, "test").unwrap(), small());
    }

    #[test]
    fn the_map_is_the_formula() {
        let feature = [3.0, 0.0, 4.0];
        let expected = [(0.6 - 0.1) + 0.5 * (0.8 - 0.3), -2.0 * 0.2 + 0.25 * (0.8 - 0.3)];
        for (value, expected) in small().apply(&feature).unwrap().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-3, "{value} {expected}");
        }
    }

    #[test]
    fn truncated_heads_are_refused_at_every_length() {
        let bytes = small().to_bytes(&[]).unwrap();
        for length in 0..bytes.len() {
            assert!(matches!(Head::from_bytes(&bytes[..length], "test"), Err(SpaceError::Head { .. })), "{length}");
        }
    }

    #[test]
    fn foreign_and_impossible_heads_are_refused_with_the_reason() {
        let view =
            |dtype, shape: &[usize], bytes: &'static [u8]| TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        let file = |format: &str, mean: TensorView<'_>, projection: TensorView<'_>| {
            let metadata = [("format".into(), format.into()), ("model".into(), "m".into())].into();
            safetensors::serialize([("mean", mean), ("projection", projection)], Some(metadata)).unwrap()
        };
        static ZEROS: [u8; 64] = [0; 64];
        static NANS: [u8; 64] = [0xff; 64];
        let two = || view(Dtype::F32, &[2], &ZEROS[..8]);
        let square = || view(Dtype::F32, &[2, 2], &ZEROS[..16]);
        assert!(Head::from_bytes(&file(FORMAT, two(), square()), "test").is_ok());
        for (bytes, says) in [
            (file("another", two(), square()), "format"),
            (file(FORMAT, view(Dtype::F32, &[3], &ZEROS[..12]), square()), "shape"),
            (file(FORMAT, two(), view(Dtype::F32, &[4], &ZEROS[..16])), "shape"),
            (file(FORMAT, two(), view(Dtype::F32, &[0, 2], &[])), "projection"),
            (file(FORMAT, view(Dtype::F32, &[0], &[]), view(Dtype::F32, &[2, 0], &[])), "mean"),
            (file(FORMAT, two(), view(Dtype::I32, &[2, 2], &ZEROS[..16])), "floats"),
            (file(FORMAT, two(), view(Dtype::F32, &[2, 2], &NANS[..16])), "finite"),
            (b"not a head at all, but longer than eight bytes".to_vec(), ""),
        ] {
            let error = Head::from_bytes(&bytes, "the test head").unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("the test head"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Head::from_bytes(&bytes, "test");
        }

        #[test]
        fn a_flipped_byte_is_a_head_or_an_error(at in 0_usize..200, with in any::<u8>()) {
            let mut bytes = small().to_bytes(&[]).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= with;
            let _ = Head::from_bytes(&bytes, "test");
        }
    }
}
