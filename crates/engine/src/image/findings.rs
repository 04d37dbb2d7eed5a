//! What the measures of a picture mean, in words.

use serde::{Deserialize, Serialize};

use super::{Behind, Quality};

/// Something about a picture that its owner may want to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Kebab-case name that programs can rely on.
    pub code: String,
    /// What was found, with the figure.
    pub says: String,
    /// What to do.
    pub hint: String,
}

/// Longer sides below this are small for a shop.
const SMALL: u32 = 500;
/// See [`Quality::blur`].
const SOFT: f32 = 1.5;
/// See [`Quality::noise`].
const NOISY: f32 = 8.0;
/// See [`Quality::blocks`].
const BLOCKY: f32 = 1.6;
/// Where the lightest hundredth of a picture is darker than this, nothing in it is light.
const DARK: f32 = 0.72;
/// Share of the subject without drawing from which it is too light, or too dark.
const LOST: f32 = 0.3;
/// Spread from the darkest to the lightest below which a picture is flat.
const FLAT: f32 = 0.35;
/// Share of the picture below which a subject is small.
const LOST_IN_ROOM: f32 = 0.1;
/// See [`super::SubjectPlace::off_centre`].
const OFF_CENTRE: f32 = 0.3;
/// See [`Quality::text`].
const LETTERS: f32 = 0.0015;

/// What is to be said of a picture; nothing of a good one.
#[must_use]
pub fn findings(quality: &Quality) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code: &str, says: String, hint: &str| {
        found.push(Finding { code: code.to_owned(), says, hint: hint.to_owned() });
    };
    let Quality { width, height, exposure, background, subject, .. } = quality;
    if *width.max(height) < SMALL {
        let says = format!("{width} × {height} pixels");
        say("small", says, "shops ask for 500 pixels or more along the longer side; 1000 let shoppers zoom");
    }
    if let Some(blur) = quality.blur.filter(|blur| *blur >= SOFT) {
        say(
            "blurred",
            format!("the sharpest edges are {blur:.1} pixels wide (σ, at 512 pixels)"),
            "take it again, with the camera held still and in focus",
        );
    }
    if let Some(noise) = quality.noise.filter(|noise| *noise >= NOISY) {
        say("noisy", format!("noise of σ {noise:.0} of 255"), "take it again in more light");
    }
    if let Some(blocks) = quality.blocks.filter(|blocks| *blocks >= BLOCKY) {
        say(
            "compressed",
            format!("JPEG blocks show: their borders step {blocks:.1} times as much as the rest"),
            "save it again from the original, at quality 85 or more",
        );
    }
    if exposure.lightest < DARK {
        say(
            "dark",
            format!("nothing is lighter than {:.0} %", exposure.lightest * 100.0),
            "expose longer, or light it better",
        );
    }
    if exposure.burnt >= LOST && exposure.subject > 0.6 {
        say("burnt-out", format!("{:.0} % of the subject is burnt out", exposure.burnt * 100.0), "expose shorter");
    }
    if exposure.drowned >= LOST && exposure.lightest < 0.9 {
        say(
            "drowned",
            format!("{:.0} % of the subject is black without drawing", exposure.drowned * 100.0),
            "light it better",
        );
    }
    if exposure.lightest - exposure.darkest < FLAT {
        let spread = (exposure.lightest - exposure.darkest) * 100.0;
        say(
            "flat",
            format!("lightest and darkest are only {spread:.0} % apart"),
            "light it better, or raise the contrast",
        );
    }
    if background.kind == Behind::Busy {
        say(
            "busy-background",
            "the background is not of one colour".to_owned(),
            "take it before something plain; marketplaces ask for white",
        );
    }
    if subject.found {
        if subject.area < LOST_IN_ROOM {
            say(
                "small-subject",
                format!("the product fills {:.0} % of the picture", subject.area * 100.0),
                "cut the picture closer",
            );
        }
        if subject.off_centre > OFF_CENTRE && subject.sides_reached < 2 {
            say(
                "off-centre",
                format!("the product is {:.0} % off the middle", subject.off_centre * 100.0),
                "cut the picture so that the product is in the middle",
            );
        }
        if subject.sides_reached >= 2 && background.kind != Behind::Busy {
            say(
                "cut-off",
                format!("the product reaches {} sides of the picture", subject.sides_reached),
                "show all of it",
            );
        }
    } else {
        say("no-subject", "nothing stands out from the background".to_owned(), "look at the picture: it may be empty");
    }
    if quality.frame.iter().any(|side| *side > 0.0) {
        say("frame", "there is a frame or a bar around the picture".to_owned(), "cut it away");
    }
    if let Some(text) = quality.text.filter(|text| *text >= LETTERS) {
        say(
            "text",
            format!("what looks like text covers {:.1} % of the picture beside the product", text * 100.0),
            "marketplaces refuse pictures with text or watermarks",
        );
    }
    found
}
