//! The small learned map from feature to embedding, and its file.

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::SpaceError;
use super::embedding::to_unit;
use crate::image::ColourDescriptor;
use crate::linear::dot;

/// Says that a safetensors file is a head, and of which kind.
const FORMAT: &str = "vetrina-head-1";
/// The same with colours beside the feature.
const FORMAT_WITH_COLOURS: &str = "vetrina-head-2";
/// The same with inner layers beside it, and colours or none.
const FORMAT_WITH_LAYERS: &str = "vetrina-head-3";

/// No head is larger: 65,536 numbers in, 4,096 out.
const MAX_INPUT: usize = 65_536;
const MAX_OUTPUT: usize = 4_096;
/// Colours do not weigh more than this many times the feature.
const MAX_WEIGHT: f32 = 100.0;

/// A map from feature to embedding: `unit(projection · (x − mean))`, or `unit(feature)` alone. `x` is `unit(feature)`, where the feature is
/// the pooled vector; for a colour-fused head it is `unit([unit(feature), weight × unit(colours)])`, and for one that sees the layers before the
/// last one too, `[unit(feature), layers, weight × unit(colours)]`, the last part only with colours.
///
/// As a file: safetensors with the tensors `mean` `[input]` and `projection` `[output, input]`, each 16- or 32-bit floats,
/// and the metadata `format` = `vetrina-head-1` and `model` (SHA-256 of the ONNX file it was fitted for). A colour-fused head
/// has the format `vetrina-head-2`, which versions before it refuse, and the weight as `colours`; its tensors have
/// [`ColourDescriptor::DIM`] more columns, and `descriptor` is [`ColourDescriptor::KEY`]. One that sees layers has the format
/// `vetrina-head-3`, says as `layers` how many numbers they are, and `model` is the SHA-256 of the file that tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    model: Option<String>,
    /// Length of the pooled vectors.
    input: usize,
    /// Numbers of inner layers that are looked at.
    layers: usize,
    /// Weight of the colours, where they are looked at.
    colours: Option<f32>,
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
        Self { model: None, input, layers: 0, colours: None, linear: None }
    }

    /// A linear head for the model with this SHA-256. `projection` is `[output, input]`, row by row. Both are rounded to
    /// half precision, as in the file, so that a head is the same before and after saving.
    ///
    /// # Errors
    /// [`SpaceError::Head`] when sizes do not fit, are 0 or too large, or a number is not finite.
    pub fn linear(model: &str, mean: &[f32], projection: &[f32]) -> Result<Self, SpaceError> {
        Self::fused(model, Beside::default(), mean, projection)
    }

    /// A linear head that sees more than the pooled vector: `mean` and the rows of `projection` have as many numbers for it after those for
    /// the pooled vector, first of layers, then [`ColourDescriptor::DIM`] of colours. With layers `model` is the SHA-256 of the file that tells them.
    ///
    /// # Errors
    /// As [`Head::linear`], and when the weight is not above 0 or above 100.
    pub fn fused(model: &str, beside: Beside, mean: &[f32], projection: &[f32]) -> Result<Self, SpaceError> {
        Self::build(model, beside, mean, projection)
            .map_err(|reason| SpaceError::Head { origin: "a new head".into(), reason })
    }

    fn build(model: &str, beside: Beside, mean: &[f32], projection: &[f32]) -> Result<Self, String> {
        let Beside { layers, colours } = beside;
        let joint = mean.len();
        if joint == 0 || joint > MAX_INPUT {
            return Err(format!("`mean` has {joint} numbers, 1 to {MAX_INPUT} are possible"));
        }
        let output = projection.len() / joint;
        if output * joint != projection.len() || output == 0 || output > MAX_OUTPUT {
            return Err(format!("`projection` has {} numbers for {joint} inputs", projection.len()));
        }
        if let Some(weight) = colours
            && !(weight > 0.0 && weight <= MAX_WEIGHT)
        {
            return Err(format!("the weight of the colours is {weight}; above 0 and up to {MAX_WEIGHT} is possible"));
        }
        let input = joint
            .checked_sub(layers)
            .and_then(|rest| rest.checked_sub(colours.map_or(0, |_| ColourDescriptor::DIM)))
            .filter(|input| *input > 0)
            .ok_or_else(|| format!("`mean` has {joint} numbers, which leaves none for a feature"))?;
        let rounded =
            |values: &[f32]| -> Vec<f32> { values.iter().map(|&value| f16::from_f32(value).to_f32()).collect() };
        let (mean, projection) = (rounded(mean), rounded(projection));
        if !mean.iter().chain(&projection).all(|value| value.is_finite()) {
            return Err("a number is not finite in half precision".into());
        }
        let offset = projection.chunks_exact(joint).map(|row| dot(row, &mean)).collect();
        let linear = Some(Linear { output, projection, offset, mean });
        Ok(Self { model: Some(model.to_owned()), input, layers, colours, linear })
    }

    /// This head with the first `directions` of another one below its own, times `scale`. The other sees the pooled vector alone; what this
    /// one sees besides counts nothing there.
    pub(super) fn stacked(&self, other: &Self, directions: usize, scale: f32) -> Result<Self, SpaceError> {
        let wrong = |reason: &str| SpaceError::Head { origin: "a head beside another".into(), reason: reason.into() };
        let (Some(own), Some(model)) = (&self.linear, &self.model) else {
            return Err(wrong("only a linear head can have another one beside it"));
        };
        let below = other.linear.as_ref().filter(|_| other.layers == 0 && other.colours.is_none());
        let below =
            below.ok_or_else(|| wrong("only a linear head that sees the pooled vector alone can be beside it"))?;
        if self.input != other.input {
            return Err(SpaceError::Dimension { expected: self.input, found: other.input });
        }
        let mut projection = own.projection.clone();
        for row in below.projection.chunks_exact(other.input).take(directions) {
            projection.extend(row.iter().map(|value| value * scale));
            projection.resize(projection.len() + own.mean.len() - other.input, 0.0);
        }
        Self::fused(model, Beside { layers: self.layers, colours: self.colours }, &own.mean, &projection)
    }

    /// SHA-256 of the model this head was fitted for; `None` when any will do.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Length of the pooled vectors it takes.
    #[must_use]
    pub fn input_dim(&self) -> usize {
        self.input
    }

    /// Length of the embeddings it gives.
    #[must_use]
    pub fn output_dim(&self) -> usize {
        self.linear.as_ref().map_or(self.input, |linear| linear.output)
    }

    /// How many numbers of inner layers it looks at; 0 for a head that sees the pooled vector alone.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Weight of the colours beside the feature; `None` for a head that does not look at them.
    #[must_use]
    pub fn colour_weight(&self) -> Option<f32> {
        self.colours
    }

    /// `projection`, `[output, input]`, and `projection · mean` of it; `None` for a head that only brings features to unit length.
    pub(super) fn parts(&self) -> Option<(&[f32], &[f32])> {
        self.linear.as_ref().map(|linear| (linear.projection.as_slice(), linear.offset.as_slice()))
    }

    /// `projection · (x − mean)`, not yet of unit length.
    pub(super) fn apply(&self, feature: &[f32], colours: Option<&ColourDescriptor>) -> Result<Vec<f32>, SpaceError> {
        let input = self.joined(feature, colours)?;
        let Some(linear) = &self.linear else { return Ok(input) };
        let rows = linear.projection.chunks_exact(input.len());
        Ok(rows.zip(&linear.offset).map(|(row, offset)| dot(row, &input) - offset).collect())
    }

    /// What the linear map is applied to.
    pub(super) fn joined(&self, feature: &[f32], colours: Option<&ColourDescriptor>) -> Result<Vec<f32>, SpaceError> {
        let expected = self.input + self.layers;
        if feature.len() < expected {
            return Err(SpaceError::Dimension { expected, found: feature.len() });
        }
        let (pooled, layers) = feature.split_at(self.input);
        let mut joint = pooled.to_vec();
        to_unit(&mut joint)?;
        joint.extend(layers.iter().take(self.layers));
        if let Some(weight) = self.colours {
            let mut colours = colours.ok_or(SpaceError::NoColours)?.values();
            to_unit(&mut colours)?;
            joint.extend(colours.iter().map(|value| value * weight));
            if self.layers == 0 {
                to_unit(&mut joint)?;
            }
        }
        if joint.iter().all(|value| value.is_finite()) { Ok(joint) } else { Err(SpaceError::NotFinite) }
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
        let weight = || -> Result<f32, String> {
            let descriptor = metadata.get("descriptor");
            if descriptor.map(String::as_str) != Some(ColourDescriptor::KEY) {
                return Err(format!("its colours are {descriptor:?}, not {}", ColourDescriptor::KEY));
            }
            let weight = metadata.get("colours").and_then(|weight| weight.parse::<f32>().ok());
            Ok(weight.ok_or("it does not say how much colours weigh")?)
        };
        let beside = match metadata.get("format").map(String::as_str) {
            Some(FORMAT) => Beside::default(),
            Some(FORMAT_WITH_COLOURS) => Beside { layers: 0, colours: Some(weight()?) },
            Some(FORMAT_WITH_LAYERS) => {
                let layers = metadata.get("layers").and_then(|layers| layers.parse().ok()).filter(|layers| *layers > 0);
                let layers = layers.ok_or("it does not say how many numbers of layers it sees")?;
                let colours = if metadata.contains_key("colours") { Some(weight()?) } else { None };
                Beside { layers, colours }
            }
            other => {
                let known = [FORMAT, FORMAT_WITH_COLOURS, FORMAT_WITH_LAYERS].join(", ");
                return Err(format!("its format is {other:?}, not one of {known}"));
            }
        };
        let model = metadata.get("model").ok_or("it does not say for which model it is")?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let tensor = |name: &str| file.tensor(name).map_err(|error| error.to_string());
        let (mean, projection) = (tensor("mean")?, tensor("projection")?);
        match (mean.shape(), projection.shape()) {
            ([input], [_, columns]) if input == columns => {
                Self::build(model, beside, &numbers("mean", &mean)?, &numbers("projection", &projection)?)
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
            ("mean", view(vec![linear.mean.len()], &mean)?),
            ("projection", view(vec![linear.output, linear.mean.len()], &projection)?),
        ];
        let mut own = vec![("model".to_owned(), model.clone())];
        let format = match (self.layers, self.colours) {
            (0, None) => FORMAT,
            (0, Some(_)) => FORMAT_WITH_COLOURS,
            _ => FORMAT_WITH_LAYERS,
        };
        own.push(("format".into(), format.into()));
        if self.layers > 0 {
            own.push(("layers".into(), self.layers.to_string()));
        }
        if let Some(weight) = self.colours {
            own.push(("descriptor".into(), ColourDescriptor::KEY.into()));
            // Rust writes the shortest decimal that is read as the same number.
            own.push(("colours".into(), weight.to_string()));
        }
        let metadata = notes.iter().cloned().chain(own).collect();
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))
    }

    /// The numbers that make the map, without notes: the same map has the same bytes.
    pub(super) fn to_bytes_for_identity(&self) -> Vec<u8> {
        let Some(linear) = &self.linear else { return b"unit".to_vec() };
        let mut bytes = match self.colours {
            None => b"linear".to_vec(),
            Some(weight) => [b"colours".as_slice(), ColourDescriptor::KEY.as_bytes(), &weight.to_le_bytes()].concat(),
        };
        if self.layers > 0 {
            // Which file tells them; without layers the space's model says it.
            bytes.extend(
                [
                    b"layers".as_slice(),
                    &self.layers.to_le_bytes(),
                    self.model.as_deref().unwrap_or_default().as_bytes(),
                ]
                .concat(),
            );
        }
        let numbers = linear.mean.iter().chain(&linear.projection);
        bytes.extend(numbers.flat_map(|&value| f16::from_f32(value).to_le_bytes()));
        bytes
    }
}

/// What a head sees beside the pooled vector.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Beside {
    /// Numbers of layers before the last one; 0 for none.
    pub layers: usize,
    /// Weight of the colours, above 0 and up to 100.
    pub colours: Option<f32>,
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
        for (value, expected) in small().apply(&feature, None).unwrap().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-3, "{value} {expected}");
        }
    }

    fn coloured(weight: f32) -> Beside {
        Beside { layers: 0, colours: Some(weight) }
    }

    /// A head over features of two numbers and colours.
    fn fused() -> Head {
        let joint = 2 + ColourDescriptor::DIM;
        let projection: Vec<f32> = (0..2 * joint).map(|i| ((i * 7 % 13) as f32 - 6.0) / 8.0).collect();
        Head::fused("model", coloured(0.5), &vec![0.01; joint], &projection).unwrap()
    }

    fn colours(rgb: [u8; 3]) -> ColourDescriptor {
        ColourDescriptor::of(&crate::image::Picture::from_rgb(1, 1, rgb.to_vec()).unwrap())
    }

    #[test]
    fn a_colour_fused_head_sees_colours_and_is_the_same_after_saving() {
        let head = fused();
        assert_eq!((head.input_dim(), head.output_dim(), head.colour_weight()), (2, 2, Some(0.5)));
        let of = |rgb| head.apply(&[1.0, 2.0], Some(&colours(rgb))).unwrap();
        assert_ne!(of([255, 0, 0]), of([0, 0, 255]));
        assert_eq!(head.apply(&[1.0, 2.0], None), Err(SpaceError::NoColours));
        let read = Head::from_bytes(&head.to_bytes(&[]).unwrap(), "test").unwrap();
        assert_eq!(read, head);
        assert_ne!(head.to_bytes_for_identity(), small().to_bytes_for_identity());
        for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Head::fused("model", coloured(weight), &[0.0; 1200], &[0.0; 1200]).is_err(), "{weight}");
        }
        assert!(Head::fused("model", coloured(1.0), &[0.0; 20], &[0.0; 20]).is_err());
    }

    #[test]
    fn a_head_over_layers_sees_them_as_they_are_and_is_the_same_after_saving() {
        let beside = |colours| Beside { layers: 2, colours };
        let head = Head::fused("file", beside(None), &[0.0; 4], &[1.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0]).unwrap();
        assert_eq!((head.input_dim(), head.layers(), head.output_dim()), (2, 2, 2));
        let seen = head.apply(&[3.0, 4.0, 0.5, 0.25], None).unwrap();
        assert!((seen[0] - (0.6 + 0.5)).abs() < 1e-6 && (seen[1] - (0.8 + 0.5)).abs() < 1e-6, "{seen:?}");
        assert_eq!(head.apply(&[3.0, 4.0], None), Err(SpaceError::Dimension { expected: 4, found: 2 }));
        assert_eq!(head.apply(&[3.0, 4.0, f32::NAN, 0.0], None), Err(SpaceError::NotFinite));
        let joint = 4 + ColourDescriptor::DIM;
        let projection: Vec<f32> = (0..2 * joint).map(|i| ((i * 7 % 13) as f32 - 6.0) / 8.0).collect();
        let both = Head::fused("file", beside(Some(0.5)), &vec![0.01; joint], &projection).unwrap();
        for head in [&head, &both] {
            assert_eq!(&Head::from_bytes(&head.to_bytes(&[]).unwrap(), "test").unwrap(), head);
        }
        let of = |rgb| both.apply(&[1.0, 2.0, 0.0, 0.0], Some(&colours(rgb))).unwrap();
        assert_ne!(of([255, 0, 0]), of([0, 0, 255]));
        let other = Head::fused("other", beside(None), &[0.0; 4], &[1.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0]).unwrap();
        assert_ne!(head.to_bytes_for_identity(), other.to_bytes_for_identity());
        assert!(Head::fused("file", Beside { layers: 4, colours: None }, &[0.0; 4], &[0.0; 8]).is_err());
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
