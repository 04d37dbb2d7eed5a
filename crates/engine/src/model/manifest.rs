//! The manifest: what a model is, what it expects and what it answers.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ModelError;

/// A model's manifest, read from TOML and checked: what is here can be worked with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the model, for people and in spaces.
    pub name: String,
    /// Version of the pack.
    pub version: String,
    /// SPDX expression of the licence of the weights.
    pub licence: String,
    /// Where the weights come from.
    pub source: String,
    /// SHA-256 of the network's ONNX file, 64 lower-case hexadecimal digits: what features and heads belong to.
    pub sha256: String,
    /// SHA-256 of the file that is run, where outputs were added to that network which change nothing of what it answers.
    #[serde(default)]
    pub file_sha256: Option<String>,
    /// SHA-256 of the file that first told of inner layers, where a later one tells the same and something more: what those who see
    /// them belong to.
    #[serde(default)]
    pub layers_sha256: Option<String>,
    /// What the model expects.
    pub input: Input,
    /// What it answers.
    pub outputs: Outputs,
}

/// What the model expects: a batch of square pictures as 32-bit floats.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the input in the ONNX graph.
    pub name: String,
    /// Side of the square in pixels, 16 to 4096.
    pub size: u32,
    /// Order of the axes.
    pub layout: Layout,
    /// Order of the colour channels.
    pub colour: ColourOrder,
    /// How a picture that is not square comes to the square.
    pub framing: Framing,
    /// Colour around the picture, red, green, blue.
    pub fill: [u8; 3],
    /// Resize filter.
    pub filter: Filter,
    /// Per channel red, green, blue: `(value − mean) / std` for values 0–255.
    pub mean: [f32; 3],
    /// Per channel red, green, blue; greater than 0.
    pub std: [f32; 3],
}

/// Order of the axes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// [batch, channel, height, width]
    Nchw,
    /// [batch, height, width, channel]
    Nhwc,
}

/// Order of the colour channels of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// How a picture that is not square comes to the model's square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// Centred on a square of its longer side, surrounded by `fill`: nothing is cut off, nothing is distorted.
    Letterbox,
}

/// Resize filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Catmull-Rom (a = −0.5), widened for the scale when shrinking, as Pillow does.
    Bicubic,
}

/// What the model answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// The pooled vector: [batch, dim].
    pub pooled: PooledOutput,
    /// The map under it: [batch, channels, height, width]; not every model has one.
    pub features: Option<FeaturesOutput>,
    /// What layers before the last one say, [batch, dim], scaled to stand beside a pooled vector of unit length; not every model
    /// has it. Features end with it.
    #[serde(default)]
    pub layers: Option<PooledOutput>,
    /// A map of an earlier layer, which has more positions: [batch, channels, height, width]; not every model has one.
    #[serde(default)]
    pub finer: Option<FeaturesOutput>,
}

/// The pooled output.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledOutput {
    /// Name of the output in the ONNX graph.
    pub name: String,
    /// Length of the vector, at least 1.
    pub dim: usize,
}

/// A map.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesOutput {
    /// Name of the output in the ONNX graph.
    pub name: String,
    /// Length of the vector at each position.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Manifest {
    /// Reads and checks a manifest; `origin` names it in errors (a path, or the pack's name).
    ///
    /// # Errors
    /// [`ModelError::Manifest`] with what is wrong and where.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ModelError> {
        let manifest: Self = toml::from_str(text)
            .map_err(|error| ModelError::Manifest { model: origin.to_owned(), reason: error.to_string() })?;
        manifest.check().map_err(|reason| ModelError::Manifest { model: origin.to_owned(), reason })?;
        Ok(manifest)
    }

    /// Numbers in one preprocessed picture: `3 * size * size`.
    #[must_use]
    pub fn input_len(&self) -> usize {
        3 * self.input.size as usize * self.input.size as usize
    }

    /// Numbers of a feature: the pooled vector, and what layers before the last one say.
    #[must_use]
    pub fn feature_len(&self) -> usize {
        self.outputs.pooled.dim + self.layers_len()
    }

    /// How many of them are of layers before the last one.
    #[must_use]
    pub fn layers_len(&self) -> usize {
        self.outputs.layers.as_ref().map_or(0, |layers| layers.dim)
    }

    /// SHA-256 of the file that is run.
    #[must_use]
    pub fn file(&self) -> &str {
        self.file_sha256.as_deref().unwrap_or(&self.sha256)
    }

    /// What heads belong to: those that see layers before the last one to the file that tells of them, others to the network.
    #[must_use]
    pub fn of_heads(&self, layers: bool) -> &str {
        if layers { self.layers_sha256.as_deref().unwrap_or(self.file()) } else { &self.sha256 }
    }

    /// Refuses a file that is not the one this manifest speaks of.
    ///
    /// # Errors
    /// [`ModelError::Checksum`].
    pub fn check_file(&self, bytes: &[u8]) -> Result<(), ModelError> {
        let found = hex(&Sha256::digest(bytes));
        if found == self.file() {
            return Ok(());
        }
        Err(ModelError::Checksum { model: self.name.clone(), expected: self.file().to_owned(), found })
    }

    /// Everything about the input that changes a feature, as text that is the same for the same preprocessing: part of
    /// a space's identity.
    #[must_use]
    pub fn preprocessing(&self) -> String {
        let Input { name: _, size, layout, colour, framing, fill, filter, mean, std } = &self.input;
        format!("{size} {layout:?} {colour:?} {framing:?} {fill:?} {filter:?} {mean:?} {std:?}")
    }

    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.len() > 100 {
            return Err("`name` must have 1 to 100 bytes".into());
        }
        let digits =
            |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if ![&self.sha256, self.file(), self.of_heads(true)].into_iter().all(digits) {
            return Err("`sha256`, `file_sha256` and `layers_sha256` must have 64 lower-case hexadecimal digits".into());
        }
        if !(16..=4096).contains(&self.input.size) {
            return Err(format!("`input.size` must be 16 to 4096, not {}", self.input.size));
        }
        if !self.input.mean.iter().all(|mean| mean.is_finite()) {
            return Err("`input.mean` must be finite".into());
        }
        if !self.input.std.iter().all(|std| std.is_normal() && *std > 0.0) {
            return Err("`input.std` must be finite and greater than 0".into());
        }
        if !(1..=65_536).contains(&self.outputs.pooled.dim) {
            return Err(format!("`outputs.pooled.dim` must be 1 to 65536, not {}", self.outputs.pooled.dim));
        }
        if let Some(layers) = &self.outputs.layers
            && !(1..=65_536).contains(&layers.dim)
        {
            return Err(format!("`outputs.layers.dim` must be 1 to 65536, not {}", layers.dim));
        }
        let sides = |map: &FeaturesOutput| [map.channels, map.height, map.width];
        for (name, map) in [("features", &self.outputs.features), ("finer", &self.outputs.finer)] {
            if map.as_ref().is_some_and(|map| sides(map).iter().any(|side| !(1..=65_536).contains(side))) {
                return Err(format!("`outputs.{name}` must have 1 to 65536 channels, rows and columns"));
            }
        }
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::builtin::MANIFEST;
    use super::*;

    fn with(from: &str, to: &str) -> Result<Manifest, ModelError> {
        assert!(MANIFEST.contains(from), "{from}");
        Manifest::from_toml(&MANIFEST.replace(from, to), "test")
    }

    #[test]
    fn the_builtin_manifest_says_what_the_notes_of_the_model_say() {
        let manifest = Manifest::from_toml(MANIFEST, "test").unwrap();
        assert_eq!(manifest.input.size, 260);
        assert_eq!(manifest.input_len(), 3 * 260 * 260);
        assert_eq!(manifest.outputs.pooled.dim, 1280);
        assert_eq!(manifest.outputs.features.as_ref().unwrap().channels, 1280);
        assert_eq!(manifest.feature_len(), 1280 + manifest.layers_len());
        assert!(manifest.layers_len() > 0 && manifest.file() != manifest.sha256);
    }

    #[test]
    fn impossible_manifests_are_refused_with_the_field() {
        for (from, to, field) in [
            ("size = 260", "size = 0", "input.size"),
            ("size = 260", "size = 100000", "input.size"),
            ("std = [128.0, 128.0, 128.0]", "std = [128.0, 0.0, 128.0]", "input.std"),
            ("mean = [127.0, 127.0, 127.0]", "mean = [nan, 127.0, 127.0]", "input.mean"),
            ("dim = 1280", "dim = 0", "outputs.pooled.dim"),
            ("filter = \"bicubic\"", "filter = \"nearest\"", "filter"),
            ("layout = \"nchw\"", "layout = \"chwn\"", "layout"),
            ("b25324c3", "B25324C3", "sha256"),
            ("file_sha256 = \"", "file_sha256 = \"0", "file_sha256"),
            ("dim = 3744", "dim = 0", "outputs.layers.dim"),
            ("channels = 1280", "channels = 0", "outputs.features"),
            ("channels = 120", "channels = 0", "outputs.finer"),
            ("layers_sha256 = \"", "layers_sha256 = \"0", "layers_sha256"),
            ("name = \"image\"", "named = \"image\"", "named"),
        ] {
            let error = with(from, to).unwrap_err().to_string();
            assert!(error.contains(field), "{to}: {error}");
        }
    }

    #[test]
    fn another_file_is_refused() {
        let manifest = Manifest::from_toml(MANIFEST, "test").unwrap();
        let error = manifest.check_file(b"something else").unwrap_err();
        assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
    }

    #[test]
    fn preprocessing_tells_manifests_apart() {
        let manifest = Manifest::from_toml(MANIFEST, "test").unwrap();
        assert_eq!(manifest.preprocessing(), manifest.clone().preprocessing());
        assert_ne!(manifest.preprocessing(), with("size = 260", "size = 224").unwrap().preprocessing());
        assert_ne!(
            manifest.preprocessing(),
            with("fill = [255, 255, 255]", "fill = [0, 0, 0]").unwrap().preprocessing()
        );
    }
}
