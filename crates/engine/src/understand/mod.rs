//! What one picture shows: names, colours, quality, regions.
//!
//! `Picture → `[`Seen`]` (from the picture alone) + `[`FeatureMap`]` → `[`Understanding`]. What depends on no catalogue is made
//! once for each image and kept with it.

mod labels;
mod memory;
mod response;

use serde::{Deserialize, Serialize};

pub use labels::{Described, Field, Guesses, Labels, LeftOut, Linear, NO_VALUE, SEPARATOR, described, mixed, softmax};
pub use memory::{Memory, Neighbour};
pub use response::{CategoryGuess, Guess, NamedThing, Understood};

use crate::beside::beside;
use crate::image::{Behind, Palette, Picture, Quality, Region, Repair, Sketch, Subject};
use crate::model::{FeatureMap, ModelError, Recognition};
use crate::region::{Outlines, RegionSeen};

/// Version of what is understood: another one means that images are looked at again. Change it with the method.
pub const VERSION: &str = "2";
/// Names kept of a picture.
const NAMES: usize = 5;
/// Names less likely than this are not kept.
const UNLIKELY: f32 = 0.02;

/// What is understood of one image, whatever the catalogue. Kept as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Understanding {
    /// Where products may be, likeliest first; the whole picture is always one of them.
    pub regions: Vec<RegionSeen>,
    /// What the backbone calls it: ImageNet's names, likeliest first, at most five; empty for a model without a classifier.
    pub names: Vec<NamedThing>,
    /// Colours of the subject.
    pub colours: Palette,
    /// How good the picture is; absent where it was not asked for, as in a search.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<Quality>,
    /// What was undone before the model looked at a shopper's photo; never of a catalogue's picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repair: Option<Repair>,
    /// Where a shopper's photo was looked at a second time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second_look: Option<Region>,
}

/// What is seen in a picture without the model: can be made while the model runs.
#[derive(Debug, Clone)]
pub struct Seen {
    outlines: Outlines,
    behind: Behind,
    colours: Palette,
    quality: Option<Quality>,
}

impl Seen {
    /// Looks at a picture; at its quality too where it is asked for.
    #[must_use]
    pub fn of(picture: &Picture, quality: bool) -> Self {
        let sketch = Sketch::of(picture);
        let subject = Subject::of(&sketch);
        let quality = quality.then(|| Quality::of(picture, &sketch, &subject));
        let (behind, colours) = (Behind::of(&subject), Palette::of(&sketch, &subject));
        Self { outlines: Outlines::of(&sketch), behind, colours, quality }
    }

    /// What is behind the subject.
    #[must_use]
    pub fn behind(&self) -> Behind {
        self.behind
    }

    /// With what the model says of the same picture. A model without a map, or with another map than the built-in
    /// classifier was made for, gives no names.
    ///
    /// # Errors
    /// When the built-in classifier cannot be read; cannot happen in a build that passed its tests.
    pub fn with(self, map: Option<&FeatureMap>) -> Result<Understanding, ModelError> {
        let recognition = Recognition::builtin()?;
        let Self { outlines, colours, quality, .. } = self;
        let (regions, recognised) = match map.filter(|map| map.channels() == recognition.channels()) {
            Some(own) => beside(|| outlines.regions(map), || recognition.recognise(own, NAMES)),
            None => (outlines.regions(map), Ok(Vec::new())),
        };
        let likely = recognised?.into_iter().filter(|name| name.probability >= UNLIKELY);
        let names = likely.map(|name| NamedThing { name: name.name, probability: name.probability }).collect();
        Ok(Understanding { regions, names, colours, quality, repair: None, second_look: None })
    }
}
