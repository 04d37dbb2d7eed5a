//! Where the products are in a picture.
//!
//! `Sketch → pieces → candidate boxes → measures (with the feature map) → probabilities → regions`. Boxes come from the
//! picture itself: pieces of like colour put together, the most alike first; and from the model's maps, on which a small
//! network finds the middles of products (`propose`). Another one says of each box how likely it frames one product, from how it differs
//! from what is around it, in colour, in edges and on the backbone's feature map, and from what was proposed.

mod group;
mod judge;
mod measure;
mod propose;
mod segment;
mod tensors;

pub use judge::Judge;
pub use measure::{MEASURES, OF_PIXELS, PROPOSED};
pub use propose::{Directions, Inputs, Proposal, Proposer, SAID};

use serde::{Deserialize, Serialize};

use crate::beside::beside;
use crate::image::{Region, Sketch};
use crate::model::FeatureMap;

/// Most regions besides the whole picture.
pub const MOST_REGIONS: usize = 8;
/// Regions less likely than this are not told.
const UNLIKELY: f32 = 0.2;
/// Of two boxes that overlap by more, the likelier stays (intersection over union).
const SAME: f32 = 0.4;
/// A box of which more than this lies in a likelier one is a part of it.
const PART: f32 = 0.75;

/// Of what the maps propose, as many boxes are judged at most,
const MOST_PROPOSED: usize = 16;
/// of this score or more,
const LEAST_SCORE: f32 = 0.1;
/// that overlap less than this.
const REPEATED: f32 = 0.6;

/// A place in a picture that may be a product.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegionSeen {
    /// Where.
    pub r#box: Region,
    /// How likely it frames one product, 0 to 1.
    pub confidence: f32,
}

/// A box that may be a region, and what speaks for and against it: for fitting a [`Judge`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where.
    pub r#box: Region,
    /// See [`MEASURES`]; those of the feature map are NaN without one.
    pub measures: [f32; MEASURES],
}

/// The boxes of a picture that may be regions, and what its pixels say of them: all that needs no feature map, so that it
/// can be made while the model runs.
#[derive(Debug, Clone)]
pub struct Outlines {
    size: (f32, f32),
    frames: Vec<group::Candidate>,
    measures: Vec<[f32; MEASURES]>,
    sums: measure::Sums,
}

impl Outlines {
    /// Looks for them.
    #[must_use]
    pub fn of(sketch: &Sketch) -> Self {
        let (frames, sums) = beside(|| group::candidates(sketch), || measure::Sums::of(sketch));
        let measures = measure::of_picture(&sums, &frames);
        Self { size: (sketch.width() as f32, sketch.height() as f32), frames, measures, sums }
    }

    /// The regions, likeliest first; the whole picture is always one of them. `map` is of the same picture, letterboxed as
    /// the model sees it.
    #[must_use]
    pub fn regions(self, map: Option<&FeatureMap>) -> Vec<RegionSeen> {
        let candidates = self.candidates(map);
        let proposed = candidates.first().is_some_and(|first| !first.measures[PROPOSED].is_nan());
        match Judge::builtin(proposed) {
            Some(judge) => chosen(judge, &candidates),
            None => chosen_with_whole(Vec::new()),
        }
    }

    /// Every box that is judged.
    #[must_use]
    pub fn candidates(mut self, map: Option<&FeatureMap>) -> Vec<Candidate> {
        let (width, height) = self.size;
        if let Some(map) = map {
            let proposals = Proposer::builtin().map(|own| own.proposals(map)).unwrap_or_default();
            let proposals = self.in_pixels(proposals);
            let frames = self.proposed(&proposals);
            self.measures.extend(measure::of_picture(&self.sums, &frames));
            self.frames.extend(frames);
            measure::with_map(&mut self.measures, &self.frames, map, self.size);
            if let Some(fine) = map.finer().filter(|_| !proposals.is_empty()) {
                let longer = width.max(height);
                let place = |at: f32, own: f32, of: usize| {
                    (((at + (longer - own) / 2.0) / longer * of as f32) as usize).min(of - 1)
                };
                let middle = |x, y| place(y, height, fine.height()) * fine.width() + place(x, width, fine.width());
                measure::with_proposals(&mut self.measures, &self.frames, &proposals, middle);
            }
        }
        let region = |frame: &group::Candidate| {
            let (x, y) = (f32::from(frame.left) / width, f32::from(frame.top) / height);
            Region::new(x, y, f32::from(frame.right) / width - x, f32::from(frame.bottom) / height - y).ok()
        };
        let boxes = self.frames.iter().zip(self.measures);
        boxes.filter_map(|(frame, measures)| Some(Candidate { r#box: region(frame)?, measures })).collect()
    }

    /// Proposals, whose frames are parts of the square that the model sees, in pixels of the sketch, without what lies beyond it.
    fn in_pixels(&self, mut proposals: Vec<Proposal>) -> Vec<Proposal> {
        let (width, height) = self.size;
        let longer = width.max(height);
        for Proposal { frame, .. } in &mut proposals {
            let along = |at: f32, own: f32| (at * longer - (longer - own) / 2.0).clamp(0.0, own);
            let [left, top, right, bottom] = *frame;
            *frame = [along(left, width), along(top, height), along(right, width), along(bottom, height)];
        }
        proposals
    }

    /// Boxes around what is proposed, the best first, without repetitions and without those that are tiny or nearly the whole picture.
    fn proposed(&self, proposals: &[Proposal]) -> Vec<group::Candidate> {
        let mut best: Vec<&Proposal> = proposals.iter().filter(|proposal| proposal.score >= LEAST_SCORE).collect();
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut kept: Vec<&Proposal> = Vec::new();
        for proposal in best {
            if kept.len() < MOST_PROPOSED
                && kept.iter().all(|other| measure::overlap(other.frame, proposal.frame) < REPEATED)
            {
                kept.push(proposal);
            }
        }
        let whole = self.size.0 * self.size.1;
        let frames = kept.into_iter().map(|proposal| {
            let [left, top, right, bottom] = proposal.frame.map(|at| at.round() as u16);
            // Nobody knows which pixels belong to it; pieces have one at least.
            group::Candidate { left, top, right, bottom, pixels: 0 }
        });
        frames.filter(|frame| frame.right > frame.left && frame.bottom > frame.top && frame.fits(whole)).collect()
    }
}

/// The regions of a picture: [`Outlines`] and the map in one go.
#[must_use]
pub fn regions(sketch: &Sketch, map: Option<&FeatureMap>) -> Vec<RegionSeen> {
    Outlines::of(sketch).regions(map)
}

/// The likeliest of the candidates that do not frame the same.
#[must_use]
pub fn chosen(judge: &Judge, candidates: &[Candidate]) -> Vec<RegionSeen> {
    let mut scored: Vec<RegionSeen> = candidates
        .iter()
        .map(|candidate| {
            let confidence = judge.probability(judge.overlap(&candidate.measures));
            RegionSeen { r#box: candidate.r#box, confidence }
        })
        .filter(|region| region.confidence >= UNLIKELY)
        .collect();
    scored.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<RegionSeen> = Vec::new();
    for region in scored {
        let repeats = |other: &RegionSeen| {
            let common = common(&region.r#box, &other.r#box);
            let (own, others) = (area(&region.r#box), area(&other.r#box));
            common > SAME * (own + others - common) || common > PART * own
        };
        if !kept.iter().any(repeats) {
            kept.push(region);
        }
        if kept.len() == MOST_REGIONS {
            break;
        }
    }
    chosen_with_whole(kept)
}

/// With the whole picture: it frames one product where the likeliest region is most of it, or where there is none.
fn chosen_with_whole(mut kept: Vec<RegionSeen>) -> Vec<RegionSeen> {
    let confidence = match kept.first() {
        None => 1.0,
        Some(first) if area(&first.r#box) >= 0.5 => first.confidence,
        Some(first) => 1.0 - first.confidence,
    };
    let whole = RegionSeen { r#box: Region::WHOLE, confidence };
    let place = kept.partition_point(|region| region.confidence >= confidence);
    kept.insert(place, whole);
    kept
}

fn area(region: &Region) -> f32 {
    region.width() * region.height()
}

/// The area that two boxes share.
fn common(a: &Region, b: &Region) -> f32 {
    let frame = |region: &Region| {
        let (x, y) = (region.x(), region.y());
        [x, y, x + region.width(), y + region.height()]
    };
    measure::common(frame(a), frame(b))
}

/// Intersection over union of two boxes, 0 to 1.
#[must_use]
pub fn overlap(a: &Region, b: &Region) -> f32 {
    let common = common(a, b);
    common / (area(a) + area(b) - common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Picture;

    #[test]
    fn two_things_on_white_are_two_regions_beside_the_whole() {
        let rgb = (0..400 * 300_u32).flat_map(|place| match (place % 400, place / 400) {
            (40..140, 50..250) => [190, 30, 40],
            (240..370, 100..220) => [30, 50, 150],
            _ => [255, 255, 255],
        });
        let sketch = Sketch::of(&Picture::from_rgb(400, 300, rgb.collect()).unwrap());
        let found = regions(&sketch, None);
        assert!(found.iter().any(|region| region.r#box == Region::WHOLE));
        for wanted in [[0.1, 1.0 / 6.0, 0.25, 2.0 / 3.0], [0.6, 1.0 / 3.0, 0.325, 0.4]] {
            let wanted: Region = wanted.try_into().unwrap();
            let best = found.iter().map(|region| overlap(&region.r#box, &wanted)).fold(0.0, f32::max);
            assert!(best > 0.8, "{wanted:?}: {best}, {found:?}");
        }
        assert!(found.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence), "{found:?}");
    }

    #[test]
    fn an_empty_picture_is_one_region() {
        for side in [1, 3, 100] {
            let picture = Picture::from_rgb(side, side, vec![200; (side * side * 3) as usize]).unwrap();
            let found = regions(&Sketch::of(&picture), None);
            assert_eq!(found, [RegionSeen { r#box: Region::WHOLE, confidence: 1.0 }]);
        }
    }
}
