//! Pictures understood: one that is asked about, and those of the catalogue that were learned before there was any understanding.

use std::time::{Duration, Instant};

use half::f16;
use rayon::prelude::*;

use super::catalogue::Catalogue;
use super::spaces::MOST_LAYERED;
use super::{CatalogueName, EmbedTimes, Engine, EngineError};
use crate::catalogue::store::{put_colours, put_layers, put_understanding};
use crate::image::{Behind, ColourDescriptor, ImageHash, Picture, Region, Repair, decode_at_least};
use crate::model::{Feature, ImageModel, preprocess};
use crate::photo::{SecondLook, first_look};
use crate::understand::{self, Seen, Understanding, Understood};

/// Products that are caught up with in one step.
const PAGE: usize = 16;

/// Up to where a catalogue's pictures were looked at in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct CaughtUp {
    /// Products of this revision and before have been looked at.
    since: i64,
    /// The revision when the pass began that is going on.
    until: i64,
    /// The last product of it, in the order of their numbers; 0 when none is going on.
    after: u64,
    /// Pictures of the pass going on of which nothing could be understood, and what was wrong with the last of them.
    lost: (u64, String),
}

/// What was seen of a stored picture: colours and, where the model looked at it, its feature as it is kept, where that is wanted, and what was
/// understood.
struct Stored {
    colours: Option<ColourDescriptor>,
    seen: Option<(Option<Vec<f16>>, Understanding)>,
}

/// Whether a photo with this feature is found as it is, so that no second look is needed.
pub(super) type Known<'a> = &'a dyn Fn(&[f32], Option<&ColourDescriptor>) -> Result<bool, EngineError>;

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
    /// What a picture shows: names, colours, quality and, where a catalogue is given, its categories and attributes.
    ///
    /// # Errors
    /// [`EngineError::Picture`] when it cannot be read; [`EngineError::NoSuchCatalogue`]; errors of the model.
    pub fn understand(&self, catalogue: Option<&CatalogueName>, bytes: &[u8]) -> Result<Understood, EngineError> {
        let open = catalogue.map(|name| self.catalogue(name)).transpose()?;
        let look = self.look_at_photo(bytes, None, "the picture", Want::All, false, &|_, _| Ok(false))?;
        let understanding = look.understanding.ok_or_else(|| EngineError::Request {
            field: "image".into(),
            reason: "nothing was understood of it".into(),
        })?;
        match open {
            Some(open) => self.with_labels(&open, &look.feature, understanding),
            None => Ok(Understood::of(understanding)),
        }
    }

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
        // The pixels are looked at while the model runs.
        let (first, seen) = std::thread::scope(|scope| {
            let seeing = scope.spawn(|| Seen::of(picture, want == Want::All));
            let first = first_look(model.as_ref(), picture);
            // Who looks at pixels panics only over a mistake of ours: then there is an answer without understanding.
            (first, seeing.join().ok())
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
        let mut pooled = first.corrected(model.as_ref());
        let (mut colours, understanding) = std::thread::scope(|scope| {
            let colouring = colours.then(|| scope.spawn(|| first.colours(picture)));
            let understanding = seen.map(|seen| seen.with(first.map.as_ref())).transpose();
            // As above: a panic is a mistake of ours, and costs the colours only.
            (colouring.and_then(|colouring| colouring.join().ok()), understanding)
        });
        let mut understanding = understanding?;
        let mut done = Done { repair: first.repair, second_look: None };
        if let (Some(understanding), Some(behind)) = (&mut understanding, behind) {
            // A repaired photo is known by what was repaired, which may be like many: it is looked at again all the same.
            if let Some(closer) = closer
                && let Some(second) = SecondLook::at(&understanding.regions, behind)
                && !found
                && (first.repair.is_some() || !known(&pooled, colours.as_ref())?)
            {
                let part = closer(&second.region)?;
                let close = first_look(model.as_ref(), &part)?;
                let dim = model.manifest().outputs.pooled.dim;
                pooled = second.joined(dim, &pooled, &close.corrected(model.as_ref()));
                if behind == Behind::Busy {
                    colours = colours.map(|_| close.colours(&part));
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

    /// Looks at images of the catalogues that nothing is understood of yet, or whose colours or layers are not kept, for about `time`, and brings what it finds into
    /// store and index. Returns whether there may be more. Does nothing while the model is not loaded: who does not need it
    /// does not wait for it.
    pub(super) fn catch_up_understanding(&self, time: Duration) -> Result<bool, EngineError> {
        let started = Instant::now();
        if !self.model.is_open() {
            return Ok(false);
        }
        let Some(_alone) = self.understanding.try_lock() else { return Ok(true) };
        for catalogue in self.open_catalogues() {
            if self.imports_into(&catalogue.name) {
                continue;
            }
            while self.catch_up_page(&catalogue, PAGE, 1)?.is_some() {
                if started.elapsed() >= time || self.closing() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Looks at all images of a catalogue that nothing is understood of yet, on as many threads as the settings allow. A
    /// server does so by itself, a little at a time; this is for a program that ends after an import. `watch` is told how
    /// many images were understood so far, and says whether to go on; what is left is understood later.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of model, store and index.
    pub fn understand_all(&self, catalogue: &CatalogueName, watch: &dyn Fn(u64) -> bool) -> Result<u64, EngineError> {
        let open = self.catalogue(catalogue)?;
        let _alone = self.understanding.lock();
        let mut count = 0;
        while watch(count)
            && !self.closing()
            && let Some(more) = self.catch_up_page(&open, PAGE * 8, self.threads())?
        {
            count += more;
        }
        Ok(count)
    }

    /// Whether pictures of a catalogue are being caught up with.
    pub(super) fn catches_up_with(&self, catalogue: &Catalogue) -> bool {
        self.caught_up.lock().get(&catalogue.key).is_some_and(|at| at.after > 0)
    }

    /// Catches up with the next products of a catalogue; how many images were understood, `None` when none are left.
    fn catch_up_page(&self, catalogue: &Catalogue, most: usize, threads: usize) -> Result<Option<u64>, EngineError> {
        let mut at = self.caught_up.lock().get(&catalogue.key).cloned().unwrap_or_default();
        if at.after == 0 {
            at.until = self.store.revision(catalogue.key)?;
            if at.until == at.since {
                return Ok(None);
            }
        }
        let products = self.store.not_understood(
            catalogue.key,
            understand::VERSION,
            learns_layers(catalogue).then_some(&self.feature_key),
            (at.since, at.after),
            most,
        )?;
        let count = match products.last() {
            Some(last) => {
                at.after = *last;
                Some(self.catch_up_with(catalogue, &products, threads, &mut at.lost)?)
            }
            None => {
                if at.lost.0 > 0 {
                    let (pictures, last) = at.lost;
                    tracing::warn!(catalogue = %catalogue.name, pictures, last, "nothing could be understood of stored pictures; import them again");
                }
                at = CaughtUp { since: at.until, ..CaughtUp::default() };
                None
            }
        };
        self.caught_up.lock().insert(catalogue.key, at);
        Ok(count)
    }

    fn catch_up_with(
        &self,
        catalogue: &Catalogue,
        products: &[u64],
        threads: usize,
        lost: &mut (u64, String),
    ) -> Result<u64, EngineError> {
        let mut hashes: Vec<ImageHash> = Vec::new();
        for stored in self.store.products_of(catalogue.key, products)? {
            hashes.extend(stored.product.image_hashes());
        }
        hashes.sort_unstable();
        hashes.dedup();
        let known = self.store.understandings(&hashes, understand::VERSION)?;
        let layers = if learns_layers(catalogue) {
            self.store.have_layers(&hashes, &self.feature_key)?
        } else {
            vec![true; hashes.len()]
        };
        let colours = self.store.colours(&hashes)?;
        let known = known.into_iter().zip(layers).map(|(known, layers)| (known.is_some(), layers));
        let new = hashes.into_iter().zip(known).zip(colours);
        let new = new.filter(|((_, known), colours)| *known != (true, true) || colours.is_none());
        let new: Vec<(ImageHash, (bool, bool))> = new.map(|(picture, _)| picture).collect();
        let look = |(hash, (understood, layers)): (ImageHash, (bool, bool))| {
            // Of one that was understood before colours were kept, only these are missing: no need for the model.
            let seen = if understood && layers {
                self.colours().look(&hash).map(|colours| Stored { colours, seen: None })
            } else {
                self.understand_stored(&hash, !layers)
            };
            (hash, seen)
        };
        let seen: Vec<_> = if threads > 1 {
            new.into_par_iter().with_max_len(1).map(look).collect()
        } else {
            new.into_iter().map(look).collect()
        };
        let (mut found, mut colours) = (Vec::new(), Vec::with_capacity(seen.len()));
        for (hash, seen) in seen {
            match seen {
                Ok(stored) => {
                    found.extend(stored.seen.map(|seen| (hash, seen)));
                    colours.extend(stored.colours.map(|descriptor| (hash, descriptor)));
                }
                // One picture that is lost does not keep the others back; it is tried again at the next start.
                Err(error @ (EngineError::Picture { .. } | EngineError::NoSuchImage { .. })) => {
                    *lost = (lost.0 + 1, format!("{hash}: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        self.store.write(|sql| {
            for (hash, (feature, understanding)) in &found {
                put_understanding(sql, hash, understand::VERSION, understanding)?;
                if let Some(feature) = feature {
                    put_layers(sql, hash, &self.feature_key, feature)?;
                }
            }
            colours.iter().try_for_each(|(hash, colours)| put_colours(sql, hash, colours))
        })?;
        let done = found.len().max(colours.len()) as u64;
        // The index shows what is understood; of the colours it knows what the space makes of them.
        if !found.is_empty() {
            catalogue.refresh(&self.store, products)?;
        }
        Ok(done)
    }

    /// Looks at a stored picture; `layers` says whether what they say of it is to be kept. What an import kept of them stays: embeddings are made
    /// of it.
    fn understand_stored(&self, hash: &ImageHash, layers: bool) -> Result<Stored, EngineError> {
        let failed = EngineError::io("cannot read a picture under", &self.options.data);
        let bytes = self.files.get(hash).map_err(failed)?.ok_or(EngineError::NoSuchImage { hash: *hash })?;
        let look = self.look(&bytes, None, &hash.to_string(), Want::All, true)?;
        let understanding = look.understanding.ok_or(EngineError::NoSuchImage { hash: *hash })?;
        let feature = layers.then(|| self.feature_key.rounded(&look.feature.pooled));
        Ok(Stored { colours: look.colours, seen: Some((feature, understanding)) })
    }
}

/// Whether pictures of a version that kept pooled vectors alone are looked at again: only where something is learned from their layers. A
/// million pictures would keep a server busy for a day.
fn learns_layers(catalogue: &Catalogue) -> bool {
    let snapshot = catalogue.snapshot();
    snapshot.space.sees_layers() || snapshot.index.table().len() as u64 <= MOST_LAYERED
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
