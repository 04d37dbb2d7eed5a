//! What is understood of a picture.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A picture to be understood.
#[derive(Serialize, ToSchema)]
pub struct ImageForm {
    /// The file.
    #[schema(format = Binary)]
    image: String,
}

/// What was understood of a picture.
#[derive(Serialize, ToSchema)]
pub struct Understood {
    /// Where products may be, surest first; the whole picture is always one of them.
    regions: Vec<RegionSeen>,
    /// Category paths of the catalogue, likeliest first; empty where nothing is sure enough.
    categories: Vec<CategoryGuess>,
    /// Attributes of the catalogue's products and their likeliest values.
    attributes: Option<BTreeMap<String, Vec<Guess>>>,
    /// Colours of the subject, largest share first.
    colours: Vec<PaletteColour>,
    /// What it looks like in ImageNet's 1,000 names, likeliest first.
    names: Option<Vec<NamedThing>>,
    /// What was undone before the model looked at the photo: `denoised`, `deblocked`, `sharpened`, `darkened` or `uncovered`; absent
    /// where nothing was wrong.
    #[schema(example = "denoised")]
    repair: Option<String>,
    /// Where the photo was looked at a second time, as its one small product or the middle of a busy photo: x, y, width, height in fractions of it.
    #[schema(example = json!([0.1, 0.2, 0.5, 0.6]))]
    second_look: Option<Vec<f32>>,
    /// Measures; not in a search's answer.
    quality: Option<Quality>,
    /// What the measures mean; not in a search's answer.
    findings: Option<Vec<Finding>>,
}

/// A place in a picture that may be a product.
#[derive(Serialize, ToSchema)]
pub struct RegionSeen {
    /// x, y, width, height in fractions of the picture.
    #[schema(example = json!([0.1, 0.2, 0.5, 0.6]))]
    r#box: Vec<f32>,
    /// How likely it frames one product, 0 to 1.
    confidence: f32,
}

/// A category and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct CategoryGuess {
    /// Steps joined by ` > `.
    #[schema(example = "Bags > Handbags")]
    path: String,
    /// 0 to 1.
    probability: f32,
}

/// A value and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct Guess {
    /// The value.
    value: String,
    /// 0 to 1.
    probability: f32,
}

/// A name and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct NamedThing {
    /// In English.
    #[schema(example = "running shoe")]
    name: String,
    /// 0 to 1.
    probability: f32,
}

/// A colour of the subject.
#[derive(Serialize, ToSchema)]
pub struct PaletteColour {
    /// The shade.
    #[schema(example = "navy")]
    name: String,
    /// The basic colour.
    #[schema(example = "blue")]
    family: String,
    /// Its value.
    #[schema(example = "#1e284a")]
    hex: String,
    /// Share of the subject, 0 to 1.
    share: f32,
}

/// Something its owner may want to change.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    /// Kebab-case name.
    #[schema(example = "blurred")]
    code: String,
    /// What was found, with the figure.
    says: String,
    /// What to do.
    hint: String,
}

/// Measures of a picture; docs/api.md says what they mean.
#[derive(Serialize, ToSchema)]
pub struct Quality {
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
    /// Width of the sharpest edges, σ in pixels at 512 pixels a side.
    blur: Option<f32>,
    /// Standard deviation of the noise, 0 to 255.
    noise: Option<f32>,
    /// Steps at the borders of JPEG's blocks against the others; 1 is none.
    blocks: Option<f32>,
    /// Light: `subject`, `lightest`, `darkest` as lightness 0 to 1; `burnt`, `drowned` as shares of the subject.
    exposure: Value,
    /// `kind` (white, plain, busy), `hex`, `unevenness` (0 is even).
    background: Value,
    /// `found`, `box`, `area`, `off_centre`, `sides_reached`.
    subject: Value,
    /// Thickness of a frame at top, right, bottom, left, in fractions.
    frame: Vec<f32>,
    /// Share of the picture under lines of text beside the subject.
    text: Option<f32>,
}
