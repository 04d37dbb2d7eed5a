//! Pictures understood: one that is asked about, and those of the catalogue that were learned before there was any understanding.

use std::time::{Duration, Instant};

use half::f16;
use rayon::prelude::*;

use super::catalogue::Catalogue;
use super::looking::Want;
use super::spaces::MOST_LAYERED;
use super::{CatalogueName, Engine, EngineError};
use crate::catalogue::store::{put_colours, put_layers, put_understanding};
use crate::image::{ColourDescriptor, ImageHash};
use crate::understand::{self, Understanding, Understood};

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

    /// Looks at images of the catalogues that nothing is understood of yet, or whose colours or layers are not kept, for about `time`, and brings what it finds into
    /// store and index. Returns whether there may be more. Does nothing while the model is not loaded: who does not need it
    /// does not wait for it.
    pub(super) fn catch_up_understanding(&self, time: Duration) -> Result<bool, EngineError> {
        let started = Instant::now();
        if !self.model.is_open() {
            return Ok(false);
        }
        let Some(_alone) = self.understanding.try_lock() else { return Ok(true) };
        let mut catalogues = self.open_catalogues();
        // Small ones are done in no time, and do not wait hours for a large one.
        catalogues.sort_by_key(|catalogue| catalogue.snapshot().index.table().len());
        for catalogue in catalogues {
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

    /// Looks at all images of a catalogue that nothing is understood of yet, on as many threads as the settings allow, and learns the categories
    /// and attributes of a small catalogue. A server does so by itself, a little at a time; this is for a program that ends after an import.
    /// `watch` is told how many images were understood so far, and says whether to go on; what is left is understood later.
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
        if self.model.is_open() && watch(count) {
            self.fit_labels_now(&open, &|| watch(count) && !self.closing())?;
        }
        Ok(count)
    }

    /// Whether a pass over the pictures of a catalogue has ended in this process and none is going on.
    pub(super) fn is_understood(&self, catalogue: &Catalogue) -> bool {
        self.understanding.try_lock().is_some()
            && self.caught_up.lock().get(&catalogue.key).is_some_and(|at| at.after == 0 && at.since > 0)
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
