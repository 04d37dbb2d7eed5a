//! Photos asking a gallery as [`Engine::search`](vetrina_engine::Engine::search) asks a catalogue: with what all looks at them
//! came to, or as they are; the first hits put in order anew by colours.

use std::path::PathBuf;

use anyhow::Result;
use rayon::prelude::*;
use vetrina_engine::image::{ColourDescriptor, Picture};
use vetrina_engine::learn::{Ranking, Rows};
use vetrina_engine::photo::ALIKE;
use vetrina_engine::search::{QueryColours, REORDERED};
use vetrina_engine::space::Space;

use super::embed;
use crate::features::Features;

/// Photos that ask: their features as they are, and as all looks at them came to; whether their pixels were repaired; their colours
/// for either.
#[derive(Clone)]
pub struct Asking {
    pub plain: Rows,
    pub looked: Rows,
    pub repaired: Vec<bool>,
    pub colours: Vec<[QueryColours; 2]>,
}

/// Pictures of a gallery: embeddings and colours, in the same order.
pub struct Shown {
    pub rows: Rows,
    pub colours: Vec<ColourDescriptor>,
}

impl Shown {
    /// From features and colours.
    pub fn of(space: &Space, features: &Rows, colours: &[ColourDescriptor]) -> Result<Self> {
        Ok(Self { rows: embed(space, features)?, colours: colours.to_vec() })
    }
}

impl Asking {
    /// Looks at photos after `change`, whose `name` tells it from all others.
    pub fn of(
        features: &mut Features,
        paths: &[PathBuf],
        name: &str,
        change: impl Fn(usize, Picture) -> Picture + Sync,
    ) -> Result<Self> {
        Ok(Self {
            plain: features.of_changed(paths, name, &change)?,
            looked: features.of_photos(paths, name, &change)?,
            repaired: Features::repaired(paths, &change)?,
            colours: features.colours_of_photos(paths, &change)?,
        })
    }

    /// Some of them.
    pub fn select(&self, places: &[usize]) -> Self {
        let rows = |rows: &Rows| rows.select(places.iter().copied());
        Self {
            plain: rows(&self.plain),
            looked: rows(&self.looked),
            repaired: places.iter().map(|&place| self.repaired[place]).collect(),
            colours: places.iter().map(|&place| self.colours[place].clone()).collect(),
        }
    }

    /// What a search asks a gallery with: the embedding of the photo as it is, where no pixel was repaired and the gallery has
    /// something alike enough; else of what all looks came to. And the colours that go with it.
    pub fn asks(&self, space: &Space, gallery: &Rows) -> Result<(Rows, Vec<&QueryColours>)> {
        let embedded = [embed(space, &self.plain)?, embed(space, &self.looked)?];
        let among = |photo| self.choice(&embedded, photo, gallery, &|_| true);
        let chosen: Vec<_> = (0..self.repaired.len()).into_par_iter().filter_map(among).collect();
        let mut rows = Rows::new(embedded[0].dim());
        chosen.iter().for_each(|(row, _)| {
            rows.push(row);
        });
        Ok((rows, chosen.into_iter().map(|(_, colours)| colours).collect()))
    }

    fn choice<'s, 'e>(
        &'s self,
        [plain, looked]: &'e [Rows; 2],
        photo: usize,
        gallery: &Rows,
        keep: &dyn Fn(usize) -> bool,
    ) -> Option<(&'e [f32], &'s QueryColours)> {
        let [own, close] = &self.colours[photo];
        let row = plain.iter().nth(photo)?;
        let alike = gallery.iter().enumerate().any(|(place, other)| keep(place) && dot(row, other) >= ALIKE);
        if alike && !self.repaired[photo] { Some((row, own)) } else { Some((looked.iter().nth(photo)?, close)) }
    }

    /// How well each photo fits each picture of the gallery, the first ones put in order anew as the search does it.
    pub fn scores(&self, space: &Space, gallery: &Shown) -> Result<Vec<Vec<f32>>> {
        self.scores_among(space, gallery, &|_, _| true)
    }

    /// The same, where a photo, by its place, sees only pictures at places that are to be kept; the others have `f32::MIN`.
    pub fn scores_among(
        &self,
        space: &Space,
        gallery: &Shown,
        keep: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> Result<Vec<Vec<f32>>> {
        let embedded = [embed(space, &self.plain)?, embed(space, &self.looked)?];
        let one = |photo: usize| {
            let (row, colours) = self.choice(&embedded, photo, &gallery.rows, &|place| keep(photo, place))?;
            let loss = |place: usize| colours.loss([&gallery.colours[place]]).map_or(0.0, |(loss, _)| loss);
            Some(reordered(row, &gallery.rows, &|place| keep(photo, place), &loss))
        };
        Ok((0..self.repaired.len()).into_par_iter().filter_map(one).collect())
    }

    /// [`Ranking`]s by [`Self::scores`]; a picture is right when its label is the photo's.
    pub fn rankings(&self, space: &Space, labels: &[u32], gallery: &Shown, shown: &[u32]) -> Result<Vec<Ranking>> {
        let scores = self.scores(space, gallery)?;
        Ok(scores.par_iter().zip(labels).map(|(scores, label)| ranking(scores, *label, shown)).collect())
    }
}

/// The scores of a gallery's pictures for one photo, the first ones put in order anew: by their cosine less what `loss` says of their
/// place. Those behind lose as much as the most losing of the first, so that they stay behind. What is not to be kept has `f32::MIN`.
pub fn reordered(row: &[f32], gallery: &Rows, keep: &dyn Fn(usize) -> bool, loss: &dyn Fn(usize) -> f32) -> Vec<f32> {
    let score = |(place, other)| if keep(place) { dot(row, other) } else { f32::MIN };
    let mut scores: Vec<f32> = gallery.iter().enumerate().map(score).collect();
    let mut order: Vec<usize> = (0..scores.len()).filter(|&place| keep(place)).collect();
    let first = REORDERED.min(order.len());
    if first == 0 {
        return scores;
    }
    order.select_nth_unstable_by(first - 1, |a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let losses: Vec<f32> = order[..first].iter().map(|&place| loss(place)).collect();
    let most = losses.iter().copied().fold(f32::MIN, f32::max);
    for (at, &place) in order.iter().enumerate() {
        scores[place] -= losses.get(at).copied().unwrap_or(most);
    }
    scores
}

/// What a photo found by its scores; equal ones keep the gallery's order.
pub fn ranking(scores: &[f32], wanted: u32, labels: &[u32]) -> Ranking {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let right: Vec<usize> = (0..order.len()).filter(|&place| labels[order[place]] == wanted).collect();
    let precisions = right.iter().zip(1..).map(|(place, found)| found as f32 / (place + 1) as f32);
    Ranking { first: right.first().copied(), average_precision: precisions.sum::<f32>() / right.len().max(1) as f32 }
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
