//! Looking at a picture: with the model, and with what its pixels say by themselves.
//!
//! A search waits for this longer than for anything else, so pixels are looked at on all cores: while the model runs, or before it where
//! it has all cores to itself.

use std::sync::LazyLock;
use std::time::Instant;

use super::{EmbedTimes, Engine, EngineError};
use crate::image::{Behind, ColourDescriptor, Picture, Region, Repair, decode_at_least};
use crate::model::{Feature, ImageModel, preprocess};
use crate::photo::{Ready, SecondLook, first_look};
use crate::understand::{Seen, Understanding};

/// Cores that this process may use.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// Whether a photo with this feature is found as it is, so that no second look is needed.
pub(super) type Known<'a> = &'a (dyn Fn(&[f32], Option<&ColourDescriptor>) -> Result<bool, EngineError> + Sync);

/// Gives a part of a photo with as many pixels as there are.
pub(super) type Closer<'a> = &'a dyn Fn(&Region) -> Result<Picture, EngineError>;

/// A picture that was looked at.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) feature: Feature,
    /// Where it was wanted.
    pub(super) understanding: Option<Understanding>,
    /// Where they were wanted.
    pub(super) colours: Option<ColourDescriptor>,
    /// What is behind its subject.
    pub(super) behind: Behind,
    /// What was done to a shopper's photo.
    pub(super) done: Done,
    pub(super) times: EmbedTimes,
}

/// What was done to a shopper's photo so that it is found better.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Done {
    /// What was undone before the model saw it.
    pub(super) repair: Option<Repair>,
    /// The part that was looked at once more.
    pub(super) second_look: Option<Region>,
}

/// What is to be understood of a picture, besides its feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Nothing.
    Feature,
    /// What a search answers: all but the measures of quality.
    Search,
    /// All.
    All,
}

impl Want {
    /// How many pixels a side a picture should have: noise and the blocks of compression are gone from one read at a reduced scale.
    fn side(self, model: u32) -> u32 {
        if self == Self::All { model * 2 } else { model }
    }
}

impl Engine {
    /// Decodes a picture, has the model look at it and, at the same time, looks at its pixels; at its `colours` too where a
    /// space sees them. `name` stands for the picture in errors.
    pub(super) fn look(
        &self,
        bytes: &[u8],
        region: Option<&Region>,
        name: &str,
        want: Want,
        colours: bool,
    ) -> Result<Look, EngineError> {
        let model = self.model()?;
        let started = Instant::now();
        let picture = self.decoded(bytes, region, want.side(model.manifest().input.size), name)?;
        let decoded = Instant::now();
        let (feature, understanding) = look_at(model.as_ref(), &picture, want)?;
        let colours = colours.then(|| ColourDescriptor::of(&picture));
        Ok(Look {
            feature,
            understanding,
            colours,
            behind: Behind::Busy,
            done: Done::default(),
            times: times(started, decoded),
        })
    }

    /// The same for a shopper's photo: what is wrong with it is undone first, and a part of it is looked at once more where that
    /// helps (see [`crate::photo`]), unless the shopper chose a region.
    pub(super) fn look_at_photo(
        &self,
        bytes: &[u8],
        region: Option<&Region>,
        name: &str,
        want: Want,
        colours: bool,
        known: Known<'_>,
    ) -> Result<Look, EngineError> {
        let side = want.side(self.model()?.manifest().input.size);
        let started = Instant::now();
        let picture = self.decoded(bytes, region, side, name)?;
        let decoded = Instant::now();
        // What was read at a reduced scale may have more to show.
        let whole = picture.original_size() == (picture.width(), picture.height());
        let closer = |part: &Region| {
            if whole { Ok(picture.crop(part)) } else { self.decoded(bytes, Some(part), side, name) }
        };
        let closer: Option<Closer<'_>> = if region.is_none() { Some(&closer) } else { None };
        let look = self.photo(&picture, closer, want, colours, known)?;
        Ok(Look { times: times(started, decoded), ..look })
    }

    /// What a search sees in a shopper's photo, without times; `closer` gives parts of it that are worth a second look.
    pub(super) fn photo(
        &self,
        picture: &Picture,
        closer: Option<Closer<'_>>,
        want: Want,
        colours: bool,
        known: Known<'_>,
    ) -> Result<Look, EngineError> {
        let model = self.model()?;
        let model = model.as_ref();
        let looking = model.looking();
        let (first, seen) = std::thread::scope(|scope| {
            let seeing = scope.spawn(|| Seen::of(picture, want == Want::All));
            let ready = Ready::of(model.manifest(), picture);
            // Who looks at pixels panics only over a mistake of ours: then there is an answer without understanding.
            let seen = || seeing.join().ok();
            // A model that has all cores is done sooner where the pixels come before it than where they take some of them.
            if looking.is_alone() && model.threads() >= *CORES {
                let seen = seen();
                (ready.look(model, picture), seen)
            } else {
                (ready.look(model, picture), seen())
            }
        });
        let mut first = first?;
        let behind = seen.as_ref().map(Seen::behind);
        // What looks like a cover may be the product itself.
        let mut found = false;
        if let Some(plain) = first.plain.take()
            && known(&plain, colours.then(|| ColourDescriptor::of(picture)).as_ref())?
        {
            (first.pooled, first.repair, first.cover, found) = (plain, None, None, true);
        }
        let mut pooled = first.corrected(model);
        // A repaired photo is known by what was repaired, which may be like many: it is looked at again all the same.
        let asks = closer.is_some() && !found && first.repair.is_none();
        let ((mut colours, found_early), understanding) = std::thread::scope(|scope| {
            let (first, pooled) = (&first, &pooled);
            let telling = scope.spawn(move || {
                let colours = colours.then(|| first.colours(picture));
                let busy = asks && behind == Some(Behind::Busy);
                let known = busy.then(|| known(pooled, colours.as_ref()));
                (colours, known)
            });
            let understanding = seen.map(|seen| seen.with(first.map.as_ref())).transpose();
            // As with who looks at pixels: a panic is a mistake of ours, and costs the colours only.
            (telling.join().unwrap_or_default(), understanding)
        });
        let mut understanding = understanding?;
        let mut done = Done { repair: first.repair, second_look: None };
        if let (Some(understanding), Some(behind)) = (&mut understanding, behind) {
            if let Some(closer) = closer
                && let Some(second) = SecondLook::at(&understanding.regions, behind)
                && !found
                && !(asks && found_early.unwrap_or_else(|| known(&pooled, colours.as_ref()))?)
            {
                let part = closer(&second.region)?;
                let look = first_look(model, &part)?;
                let dim = model.manifest().outputs.pooled.dim;
                pooled = second.joined(dim, &pooled, &look.corrected(model));
                if behind == Behind::Busy {
                    colours = colours.map(|_| look.colours(&part));
                }
                done.second_look = Some(second.region);
            }
            (understanding.repair, understanding.second_look) = (done.repair, done.second_look);
        }
        let feature = Feature { pooled, map: None };
        let understanding = understanding.filter(|_| want != Want::Feature);
        let behind = behind.unwrap_or(Behind::Busy);
        Ok(Look { feature, understanding, colours, behind, done, times: EmbedTimes::default() })
    }

    /// A picture, or a region of it, with at least `side` pixels a side where the file has them.
    fn decoded(&self, bytes: &[u8], region: Option<&Region>, side: u32, name: &str) -> Result<Picture, EngineError> {
        let failed = |error| EngineError::Picture { item: name.to_owned(), error };
        let limits = &self.options.limits;
        match region {
            // A small region of a large picture has its own size to be decoded at.
            Some(region) => {
                let part = region.width().min(region.height()).max(0.02);
                Ok(decode_at_least(bytes, limits, (side as f32 / part) as u32).map_err(failed)?.crop(region))
            }
            None => decode_at_least(bytes, limits, side).map_err(failed),
        }
    }
}

fn times(started: Instant, decoded: Instant) -> EmbedTimes {
    let milliseconds = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1000.0;
    EmbedTimes { decode: milliseconds(started, decoded), embed: milliseconds(decoded, Instant::now()) }
}

/// The feature of a picture, and what is understood of it. The pixels are looked at while the model runs.
pub(super) fn look_at(
    model: &dyn ImageModel,
    picture: &Picture,
    want: Want,
) -> Result<(Feature, Option<Understanding>), EngineError> {
    let tensor = preprocess(model.manifest(), picture);
    let run = || model.features(std::slice::from_ref(&tensor), want != Want::Feature);
    let (features, seen) = match want {
        Want::Feature => (run(), None),
        Want::Search | Want::All => std::thread::scope(|scope| {
            let seeing = scope.spawn(|| Seen::of(picture, want == Want::All));
            let features = run();
            // Who looks at pixels panics only over a mistake of ours: then there is an answer without understanding.
            (features, seeing.join().ok())
        }),
    };
    let feature = features?
        .pop()
        .ok_or_else(|| EngineError::Request { field: "picture".into(), reason: "the model gave no feature".into() })?;
    let understanding = seen.map(|seen| seen.with(feature.map.as_ref())).transpose()?;
    Ok((Feature { pooled: feature.pooled, map: None }, understanding))
}
