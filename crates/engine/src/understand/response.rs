//! The answer of `understand` in `docs/api.md`, also part of a search's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Understanding;
use crate::image::{Finding, PaletteColour, Quality, Region, Repair, findings};
use crate::region::RegionSeen;

/// What was understood of a picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Understood {
    /// Where products may be, surest first; the whole picture is always one of them.
    pub regions: Vec<RegionSeen>,
    /// Category paths of the catalogue, likeliest first; empty where nothing is sure enough, or nothing was learned yet.
    pub categories: Vec<CategoryGuess>,
    /// Attributes of the catalogue's products and their likeliest values; left out where nothing is sure enough.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub attributes: BTreeMap<String, Vec<Guess>>,
    /// Colours of the subject, largest share first.
    pub colours: Vec<PaletteColour>,
    /// What the picture shows in ImageNet's 1,000 names, likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<NamedThing>,
    /// What was undone before the model looked at the photo; absent where nothing was wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repair: Option<Repair>,
    /// Where the photo was looked at a second time: at its one small product, or at the middle of a busy photo. The whole photo counts too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second_look: Option<Region>,
    /// Measures of the picture; not in a search's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<Quality>,
    /// What the measures mean; not in a search's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub findings: Option<Vec<Finding>>,
}

/// A category path and how likely it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CategoryGuess {
    /// Steps joined by ` > `, broadest first.
    pub path: String,
    /// Between 0 and 1.
    pub probability: f32,
}

/// A value of an attribute and how likely it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// As products of the catalogue have it.
    pub value: String,
    /// Between 0 and 1.
    pub probability: f32,
}

/// A name and how likely it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedThing {
    /// In English.
    pub name: String,
    /// Between 0 and 1.
    pub probability: f32,
}

impl Understood {
    /// What is understood whatever the catalogue.
    #[must_use]
    pub fn of(understanding: Understanding) -> Self {
        let Understanding { regions, names, colours, quality, repair, second_look } = understanding;
        let findings = quality.as_ref().map(findings);
        Self {
            regions,
            names,
            colours: colours.into_colours(),
            findings,
            quality,
            repair,
            second_look,
            ..Self::default()
        }
    }
}
