//! From a product to what is written: its pictures found (`picture_sources`) and brought into the catalogue's space.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::{Catalogue, EmbeddedPicture, NewPicture, Prepared};
use super::looking::Want;
use super::picture_sources::{AtWork, Looking, Problem, Remote, fatal, file_key, is_fresh, item, stat};
use super::snapshot::embed;
use super::{Engine, EngineError, ItemError};
use crate::catalogue::store::{KnownProduct, SourceRow};
use crate::catalogue::{ImageRef, Product};
use crate::fetch::{Source, Sources};
use crate::image::ImageHash;
use crate::space::SpaceError;

/// A product of a feed on its way.
pub(super) struct Candidate<'a> {
    pub(super) line: u64,
    pub(super) product: Product,
    pub(super) sources: &'a Sources,
    /// Whether an address is looked at again although it was looked at lately.
    pub(super) revalidate: bool,
    /// Whether its pictures are understood at once. That takes as long as embedding them; a job leaves it for afterwards
    /// ([`Engine::catch_up_understanding`]).
    pub(super) understand: bool,
    /// What was fetched for it ahead, by address.
    pub(super) fetched: HashMap<String, Result<Remote, Problem>>,
}

/// What became of a candidate.
#[derive(Debug)]
pub(super) enum Readied {
    /// To be written; the warnings are pictures that were left out.
    Write(Box<Prepared>, Vec<ItemError>),
    /// The same as what is there; the warnings are pictures that still cannot be had.
    Unchanged {
        /// As it is there.
        product: Box<Product>,
        /// What was learnt about the places its pictures come from.
        sources: Vec<(String, SourceRow)>,
        /// Pictures that are left out.
        left_out: Vec<ItemError>,
    },
    /// Cannot be written.
    Failed(ItemError),
}

impl Engine {
    /// Finds a product's pictures and embeds them in the catalogue's active space.
    ///
    /// # Errors
    /// Only what is not the product's fault: the model, the disk, the store.
    pub(super) fn prepare(
        &self,
        catalogue: &Catalogue,
        candidate: Candidate<'_>,
        at_work: &AtWork,
    ) -> Result<Readied, EngineError> {
        let Candidate { line, mut product, sources, revalidate, understand, mut fetched } = candidate;
        let snapshot = catalogue.snapshot();
        let want = if understand { Want::All } else { Want::Feature };
        let colours = understand || snapshot.space.sees_colours();
        let looking = Looking { sources, revalidate, want, colours, at_work };
        for image in &mut product.images {
            // What a client says about bytes is not believed.
            *image = ImageRef { source: std::mem::take(&mut image.source), ..ImageRef::default() };
        }
        if let Err(problem) = product.check() {
            let id = Some(product.id).filter(|id| !id.is_empty());
            let (field, reason) = (Some(problem.field.clone()), problem.to_string());
            let (code, hint) = (problem.code.to_owned(), problem.hint.to_owned());
            return Ok(Readied::Failed(ItemError { line, id, field, code, reason, hint, warning: false }));
        }
        let mut left_out = Vec::new();
        let given = fingerprint(&product);
        let known = self.store.known(catalogue.key, &product.id)?.filter(|known| known.given == given);
        if let Some(known) = &known
            // A picture that could not be had may be there now.
            && known.product.images.len() == product.images.len()
            && self.pictures_stand(known, sources, revalidate, snapshot.space.sees_layers())?
        {
            let product = Box::new(known.product.clone());
            return Ok(Readied::Unchanged { product, sources: Vec::new(), left_out });
        }
        let mut prepared = Prepared {
            given,
            embedded_pictures: Vec::with_capacity(product.images.len()),
            pictures: Vec::new(),
            sources: Vec::new(),
            palette: None,
            embedded: 0,
            product: Product::default(),
        };
        for image in &mut product.images {
            let found = self.picture(&image.source, &looking, &mut fetched).and_then(|mut found| {
                if !snapshot.space.is_enough(found.learned.feature.len()) {
                    found = self.learned_anew(found, &looking)?;
                }
                if snapshot.space.sees_colours() {
                    self.complete(&mut found)?;
                }
                let learned = &found.learned;
                let embedding = embed(&snapshot.space, &learned.feature, learned.colours.as_deref());
                let embedding = embedding.map_err(|error| match error {
                    EngineError::Space(SpaceError::Zero | SpaceError::NotFinite) => {
                        item("no-feature", &error, "the picture shows nothing the model can tell apart; take another")
                    }
                    EngineError::Space(SpaceError::NoColours) => item(
                        "no-colours",
                        &"the space of this catalogue sees colours, and those of this picture could not be looked at",
                        "send the picture again, saved anew",
                    ),
                    error => fatal(error),
                })?;
                Ok((found, embedding))
            });
            match found {
                Ok((found, embedding)) => {
                    let row = found.learned.row;
                    (image.hash, image.width, image.height) =
                        (Some(found.hash.to_string()), Some(row.width), Some(row.height));
                    let (feature, colours) = (Arc::clone(&found.learned.feature), found.learned.colours.clone());
                    let hash = found.hash;
                    prepared.embedded_pictures.push(EmbeddedPicture { hash, feature, colours, embedding });
                    prepared.embedded += u64::from(found.embedded);
                    let understanding = found.learned.understanding;
                    if prepared.embedded_pictures.len() == 1 {
                        prepared.palette = understanding.as_ref().map(|main| main.colours.clone());
                    }
                    if found.new {
                        let (feature, colours) = (found.learned.feature, found.learned.colours);
                        prepared.pictures.push(NewPicture { hash: found.hash, row, feature, colours, understanding });
                    }
                    prepared.sources.extend(found.source);
                }
                Err(Problem::Item { code, reason, hint }) => {
                    let field = Some(shorten(&image.source));
                    let id = Some(product.id.clone());
                    left_out.push(ItemError { line, id, field, code, reason, hint, warning: true });
                }
                Err(Problem::Fatal(error)) => {
                    return Err(Arc::try_unwrap(error).unwrap_or_else(EngineError::Shared));
                }
            }
        }
        if !product.images.is_empty() && prepared.embedded_pictures.is_empty() {
            let count = left_out.len();
            let mut first = left_out.swap_remove(0);
            first.warning = false;
            if count > 1 {
                first.reason = format!("none of its {count} pictures can be used; the first: {}", first.reason);
            }
            return Ok(Readied::Failed(first));
        }
        product.images.retain(|image| image.hash.is_some());
        // Looked at again, and all as before: there is nothing to write but where it was looked.
        if prepared.pictures.is_empty() && known.is_some_and(|known| known.product == product) {
            return Ok(Readied::Unchanged { product: Box::new(product), sources: prepared.sources, left_out });
        }
        prepared.product = product;
        Ok(Readied::Write(Box::new(prepared), left_out))
    }

    /// Whether the pictures of a product that is given as before are as before, as far as can be told without reading them.
    fn pictures_stand(
        &self,
        known: &KnownProduct,
        sources: &Sources,
        revalidate: bool,
        layers: bool,
    ) -> Result<bool, EngineError> {
        for image in &known.product.images {
            let Some(hash) = image.hash.as_deref().and_then(|hash| hash.parse::<ImageHash>().ok()) else {
                return Ok(false);
            };
            if !self.store.has_feature(&hash, &self.feature_key, layers)? {
                // The database lost it, or an earlier version kept less: it is learned again.
                return Ok(false);
            }
            let stands = match sources.resolve(&image.source) {
                Ok(Source::File(path)) => {
                    let row = self.store.source(&file_key(&path))?;
                    row.is_some_and(|row| row.hash == hash && stat(&path) == (row.size, row.modified))
                }
                Ok(Source::Remote(url)) => {
                    let row = self.store.source(&url)?;
                    row.is_some_and(|row| row.hash == hash && !revalidate && is_fresh(&row))
                }
                // The bytes are in the product itself, which is as before.
                Ok(Source::Data) => true,
                Ok(Source::Archive(name)) => match sources.packed(&name) {
                    Some((key, size, sum)) => {
                        let row = self.store.source(&key)?;
                        row.is_some_and(|row| row.hash == hash && (row.size, row.modified) == (Some(size), Some(sum)))
                    }
                    None => false,
                },
                Err(_) => false,
            };
            if !stands {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// First 16 bytes of the hash of a product as it was given.
pub(super) fn fingerprint(product: &Product) -> [u8; 16] {
    // A product is plain data: it can always be written as JSON.
    let json = serde_json::to_vec(product).unwrap_or_default();
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(&json).as_bytes()[..16]);
    first
}

/// A source fit for an error message: `data:` URIs are long.
fn shorten(source: &str) -> String {
    if source.chars().count() <= 200 { source.to_owned() } else { source.chars().take(200).chain(['…']).collect() }
}
