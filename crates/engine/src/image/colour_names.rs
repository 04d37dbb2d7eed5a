//! Names of colours: a table of shades, each of one of twelve families.

use std::sync::LazyLock;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::colour_words::{english, words};
use super::sketch::oklab;

/// A shade that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shade {
    /// Its name in English, lower case: `navy`.
    pub name: &'static str,
    /// The basic colour it belongs to, one of [`FAMILIES`].
    pub family: &'static str,
    /// A typical value in sRGB.
    pub rgb: [u8; 3],
}

/// The basic colours: the eleven of Berlin and Kay (1969), and beige, which shops use as often.
pub const FAMILIES: [&str; 12] =
    ["black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "beige"];

/// Shades as shops name them. Where CSS or the xkcd survey (Munroe 2010) has the name, the value is near to theirs; a few
/// are moved to what cloth and leather look like in photographs rather than on a screen.
pub const SHADES: [Shade; 46] = [
    shade("black", "black", [0x12, 0x12, 0x14]),
    shade("charcoal", "grey", [0x3c, 0x3e, 0x42]),
    shade("grey", "grey", [0x80, 0x80, 0x80]),
    shade("silver", "grey", [0xbc, 0xbd, 0xbe]),
    shade("white", "white", [0xfa, 0xfa, 0xfa]),
    shade("cream", "beige", [0xf3, 0xe9, 0xcf]),
    shade("beige", "beige", [0xda, 0xc9, 0xa8]),
    shade("tan", "beige", [0xc8, 0xa8, 0x7c]),
    shade("khaki", "beige", [0xa3, 0x96, 0x72]),
    shade("taupe", "brown", [0x8a, 0x7a, 0x6c]),
    shade("camel", "brown", [0xb5, 0x80, 0x4e]),
    shade("brown", "brown", [0x7b, 0x4f, 0x2f]),
    shade("chocolate", "brown", [0x4a, 0x2e, 0x22]),
    shade("rust", "brown", [0xa5, 0x48, 0x1f]),
    shade("maroon", "red", [0x6a, 0x14, 0x1d]),
    shade("burgundy", "red", [0x7d, 0x1a, 0x38]),
    shade("red", "red", [0xc8, 0x1f, 0x2b]),
    shade("scarlet", "red", [0xee, 0x24, 0x24]),
    shade("coral", "orange", [0xf9, 0x74, 0x5a]),
    shade("salmon", "pink", [0xf2, 0x93, 0x8a]),
    shade("peach", "orange", [0xf8, 0xc3, 0xa0]),
    shade("orange", "orange", [0xf5, 0x82, 0x1f]),
    shade("amber", "orange", [0xf3, 0xa8, 0x2c]),
    shade("mustard", "yellow", [0xcb, 0x9b, 0x22]),
    shade("gold", "yellow", [0xcf, 0xb0, 0x5a]),
    shade("yellow", "yellow", [0xf7, 0xde, 0x25]),
    shade("lemon", "yellow", [0xf6, 0xf0, 0x86]),
    shade("lime", "green", [0xa6, 0xd6, 0x22]),
    shade("olive", "green", [0x68, 0x6a, 0x34]),
    shade("green", "green", [0x2f, 0x8f, 0x3c]),
    shade("dark green", "green", [0x16, 0x44, 0x2c]),
    shade("mint", "green", [0xa3, 0xe4, 0xc0]),
    shade("sage", "green", [0x92, 0xa8, 0x88]),
    shade("teal", "green", [0x12, 0x7a, 0x78]),
    shade("turquoise", "blue", [0x3f, 0xc8, 0xcc]),
    shade("sky blue", "blue", [0x8c, 0xc4, 0xea]),
    shade("denim", "blue", [0x55, 0x73, 0x98]),
    shade("blue", "blue", [0x22, 0x5f, 0xc4]),
    shade("royal blue", "blue", [0x28, 0x39, 0xa8]),
    shade("navy", "blue", [0x1e, 0x28, 0x4a]),
    shade("purple", "purple", [0x6d, 0x35, 0x93]),
    shade("plum", "purple", [0x66, 0x2c, 0x55]),
    shade("lavender", "purple", [0xbd, 0xac, 0xe0]),
    shade("magenta", "pink", [0xc8, 0x20, 0x7c]),
    shade("hot pink", "pink", [0xf5, 0x5a, 0xa2]),
    shade("pink", "pink", [0xf3, 0xb4, 0xc8]),
];

const fn shade(name: &'static str, family: &'static str, rgb: [u8; 3]) -> Shade {
    Shade { name, family, rgb }
}

/// [`SHADES`] in OKLab, and whether each is a neutral one: without colour.
static LABS: LazyLock<[([f32; 3], bool); SHADES.len()]> = LazyLock::new(|| {
    SHADES.map(|shade| {
        let lab = oklab(shade.rgb);
        (lab, lab[1].hypot(lab[2]) < NEUTRAL)
    })
});

/// Below this chroma in OKLab a colour is named by its lightness alone.
const NEUTRAL: f32 = 0.022;
/// How much lightness counts beside hue and chroma.
const LIGHTNESS: f32 = 0.75;

/// The shade that a colour in OKLab is called by: the nearest, lightness counting a little less than the rest; among the
/// neutral ones only for a colour with next to no chroma.
#[must_use]
pub fn name_of(lab: [f32; 3]) -> Shade {
    let chroma = lab[1].hypot(lab[2]);
    let mut best = (f32::INFINITY, SHADES[0]);
    for (shade, (own, neutral)) in SHADES.into_iter().zip(LABS.iter()) {
        if chroma < NEUTRAL && !neutral {
            continue;
        }
        let far = distance(*own, lab);
        if far < best.0 {
            best = (far, shade);
        }
    }
    best.1
}

/// Distance of two colours in OKLab, lightness counting a little less than the rest; about 0.02 is just noticed.
#[must_use]
pub fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let lightness = (a[0] - b[0]) * LIGHTNESS;
    (lightness * lightness + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// A colour that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    lab: [f32; 3],
    rgb: [u8; 3],
    shade: Shade,
    /// Asked for by a name.
    named: bool,
    /// Asked for by the name of a family: any shade of it will do.
    whole_family: bool,
}

/// The text names no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("`{text}` is not a colour; {hint}")]
pub struct ColourError {
    /// What was given.
    pub text: String,
    /// What to write instead.
    pub hint: String,
    /// Known names that are like it, best first; at most three.
    pub near: Vec<&'static str>,
}

impl Colour {
    /// A colour from its value in sRGB.
    #[must_use]
    pub fn of_rgb(rgb: [u8; 3]) -> Self {
        let lab = oklab(rgb);
        Self { lab, rgb, shade: name_of(lab), named: false, whole_family: false }
    }

    /// A colour from `#rgb`, `#rrggbb` or a name, in any case: of [`SHADES`] or [`FAMILIES`], or in another language (German,
    /// French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Russian, Arabic, Chinese, Japanese, Korean: the
    /// basic colours and some shades). `gray` is `grey`, and underscores and hyphens are spaces.
    ///
    /// # Errors
    /// [`ColourError`] with the names that are nearest.
    pub fn parse(text: &str) -> Result<Self, ColourError> {
        let shortened = || text.chars().take(LONGEST_SHOWN).collect();
        let error = |hint: String, near| ColourError { text: shortened(), hint, near };
        if text.len() > LONGEST_NAME {
            return Err(error("write a name or #rrggbb".to_owned(), Vec::new()));
        }
        let lower = text.nfkc().flat_map(char::to_lowercase).nfc().collect::<String>();
        let spaced = lower.replace(['_', '-'], " ").replace("gray", "grey");
        let wanted = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(digits) = wanted.strip_prefix('#') {
            return hex(digits).map(Self::of_rgb).ok_or_else(|| error("write #rgb or #rrggbb".to_owned(), Vec::new()));
        }
        let named = |name: &str| SHADES.iter().find(|shade| shade.name == name);
        let Some(shade) = named(&wanted).or_else(|| named(english(&wanted)?)) else {
            let near = similar(&wanted);
            let hint = if near.is_empty() {
                format!("write #rrggbb, or a name such as {}", FAMILIES.join(", "))
            } else {
                format!("did you mean {}?", near.join(" or "))
            };
            return Err(error(hint, near));
        };
        let whole_family = FAMILIES.contains(&shade.name);
        Ok(Self { lab: oklab(shade.rgb), rgb: shade.rgb, shade: *shade, named: true, whole_family })
    }

    /// Whether it was asked for by a name, rather than by its value.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Whether it was asked for by the name of a family: any shade of it will do.
    #[must_use]
    pub fn is_family(&self) -> bool {
        self.whole_family
    }

    /// In OKLab.
    #[must_use]
    pub fn lab(&self) -> [f32; 3] {
        self.lab
    }

    /// As `#rrggbb`.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(self.rgb)
    }

    /// What it is called.
    #[must_use]
    pub fn shade(&self) -> Shade {
        self.shade
    }

    /// How near another colour comes, 0 to 1: 1 within what a shopper would call the same, falling to 0 where it is
    /// another colour. Asked for by a family's name, every shade of the family is 1.
    #[must_use]
    pub fn nearness(&self, lab: [f32; 3], family: &str) -> f32 {
        if self.whole_family && family == self.shade.family {
            return 1.0;
        }
        nearness_at(distance(self.lab, lab))
    }
}

/// How near colours at a distance are, 0 to 1.
pub(crate) fn nearness_at(distance: f32) -> f32 {
    ((FAR - distance) / (FAR - NEAR)).clamp(0.0, 1.0)
}

/// Longest name that is looked up, in bytes.
const LONGEST_NAME: usize = 100;
/// Characters of an unknown name that its error repeats.
const LONGEST_SHOWN: usize = 40;

/// The known names that are most like an unknown one, at most three.
fn similar(wanted: &str) -> Vec<&'static str> {
    let names = SHADES.iter().map(|shade| shade.name).chain(words());
    let mut near: Vec<(f64, &'static str)> = names
        .map(|name| (strsim::normalized_damerau_levenshtein(name, wanted), name))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Within this distance two colours are the same to a shopper.
const NEAR: f32 = 0.06;
/// From this distance on they have nothing to do with each other.
const FAR: f32 = 0.16;

fn hex(digits: &str) -> Option<[u8; 3]> {
    let value = u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    match digits.len() {
        6 => Some([(value >> 16) as u8, (value >> 8) as u8, value as u8]),
        3 => Some([(value >> 8 & 15) as u8 * 17, (value >> 4 & 15) as u8 * 17, (value & 15) as u8 * 17]),
        _ => None,
    }
}

pub(super) fn to_hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shade_has_its_own_name_and_every_family_its_shade() {
        for shade in SHADES {
            assert_eq!(name_of(oklab(shade.rgb)).name, shade.name);
            assert!(FAMILIES.contains(&shade.family), "{shade:?}");
        }
        for family in FAMILIES {
            let shade = SHADES.iter().find(|shade| shade.name == family).unwrap();
            assert_eq!(shade.family, family);
        }
    }

    #[test]
    fn well_known_colours_of_css_are_called_what_people_call_them() {
        for (rgb, family) in [
            ([0, 0, 0], "black"),
            ([255, 255, 255], "white"),
            ([128, 128, 128], "grey"),
            ([220, 20, 60], "red"),
            ([255, 165, 0], "orange"),
            ([255, 255, 0], "yellow"),
            ([0, 128, 0], "green"),
            ([50, 205, 50], "green"),
            ([0, 0, 255], "blue"),
            ([0, 0, 128], "blue"),
            ([135, 206, 235], "blue"),
            ([128, 0, 128], "purple"),
            ([255, 192, 203], "pink"),
            ([255, 105, 180], "pink"),
            ([139, 69, 19], "brown"),
            ([245, 245, 220], "beige"),
            ([210, 180, 140], "beige"),
            ([128, 0, 0], "red"),
        ] {
            assert_eq!(name_of(oklab(rgb)).family, family, "{rgb:?} is {:?}", name_of(oklab(rgb)));
        }
    }

    #[test]
    fn colours_are_read_from_names_and_numbers() {
        assert_eq!(Colour::parse(" Navy ").unwrap().shade().family, "blue");
        assert_eq!(Colour::parse("Gray").unwrap().shade().name, "grey");
        assert_eq!(Colour::parse("sky-blue").unwrap().hex(), "#8cc4ea");
        assert_eq!(Colour::parse("#F00").unwrap().hex(), "#ff0000");
        assert_eq!(Colour::parse("#aa2233").unwrap().shade().family, "red");
        for (named, shade) in
            [("ROT", "red"), ("bleu  marine", "navy"), ("紺色", "navy"), ("أزرق", "blue"), ("Ｒｅｄ", "red")]
        {
            assert_eq!(Colour::parse(named).unwrap().shade().name, shade);
            assert_eq!(Colour::parse(named).unwrap().is_family(), shade != "navy");
        }
        let long = "x".repeat(1_000_000);
        for (bad, says) in [
            ("purpel", "purple"),
            ("#12", "#rrggbb"),
            ("#gggggg", "#rrggbb"),
            ("", "#rrggbb"),
            ("#+12345", "#rrggbb"),
            ("grüün", "grün"),
            ("qwxyz", "black"),
            (&long, "#rrggbb"),
        ] {
            let error = Colour::parse(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_family_takes_its_shades_and_a_value_only_what_is_near() {
        let navy = oklab([0x1e, 0x28, 0x4a]);
        assert_eq!(Colour::parse("blue").unwrap().nearness(navy, "blue"), 1.0);
        assert_eq!(Colour::parse("navy").unwrap().nearness(navy, "blue"), 1.0);
        assert_eq!(Colour::parse("sky blue").unwrap().nearness(navy, "blue"), 0.0);
        assert_eq!(Colour::parse("#1e284a").unwrap().nearness(navy, "blue"), 1.0);
        assert!(Colour::parse("red").unwrap().nearness(navy, "blue") < 0.01);
    }
}
