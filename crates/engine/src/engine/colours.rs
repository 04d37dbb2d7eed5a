//! Colours of stored pictures, for spaces that see them. What was imported before they were kept is looked at again in the
//! kept files; nothing stands in for colours that cannot be had.

use super::catalogue::Catalogue;
use super::image_files::ImageFiles;
use super::{Engine, EngineError};
use crate::catalogue::store::{Store, put_colours};
use crate::image::{ColourDescriptor, ImageHash, Limits, decode_at_least};
use crate::model::builtin_manifest;
use crate::space::Space;

/// Products that are looked at in one step.
const PAGE: usize = 64;

/// Where colours of stored pictures are had from: the store, else the kept files.
#[derive(Debug, Clone)]
pub(super) struct Colours {
    pub(super) files: ImageFiles,
    pub(super) limits: Limits,
}

impl Colours {
    /// Colours of stored pictures, in the order of `hashes`: as they were kept, else looked at now, and kept. `None` where the
    /// file is not there or cannot be read any more.
    pub(super) fn of(&self, store: &Store, hashes: &[ImageHash]) -> Result<Vec<Option<ColourDescriptor>>, EngineError> {
        let mut colours = store.colours(hashes)?;
        let mut found = Vec::new();
        for (hash, colours) in hashes.iter().zip(&mut colours).filter(|(_, colours)| colours.is_none()) {
            *colours = self.look(hash)?;
            found.extend(colours.clone().map(|colours| (hash, colours)));
        }
        if !found.is_empty() {
            store.write(|sql| found.iter().try_for_each(|(hash, colours)| put_colours(sql, hash, colours)))?;
        }
        Ok(colours)
    }

    /// What a space needs of stored pictures beside their features, in the order of `hashes`: their colours where it sees them,
    /// else none of any.
    pub(super) fn seen_by(
        &self,
        space: &Space,
        store: &Store,
        hashes: &[ImageHash],
    ) -> Result<Vec<Option<ColourDescriptor>>, EngineError> {
        if space.sees_colours() { self.of(store, hashes) } else { Ok(vec![None; hashes.len()]) }
    }

    /// Looks at a picture's kept file.
    pub(super) fn look(&self, hash: &ImageHash) -> Result<Option<ColourDescriptor>, EngineError> {
        let failed = |error| EngineError::Io { doing: "cannot read a picture", path: hash.to_string().into(), error };
        let Some(bytes) = self.files.get(hash).map_err(failed)? else { return Ok(None) };
        // At the size at which an import decodes it, so that both see the same pixels.
        let side = builtin_manifest()?.input.size;
        match decode_at_least(&bytes, &self.limits, side) {
            Ok(picture) => Ok(Some(ColourDescriptor::of(&picture))),
            Err(error) => {
                tracing::warn!(%hash, %error, "the colours of a stored picture could not be looked at");
                Ok(None)
            }
        }
    }
}

impl Engine {
    /// Where colours of stored pictures are had from.
    pub(super) fn colours(&self) -> Colours {
        Colours { files: self.files.clone(), limits: self.options.limits }
    }

    /// Looks at every picture of a catalogue whose colours are not known. False when `go_on` says no; it is told how many
    /// products were looked at.
    ///
    /// # Errors
    /// [`EngineError::ColoursLost`] where the file of one is gone or cannot be read any more; errors of the store.
    pub(super) fn look_at_all_colours(
        &self,
        open: &Catalogue,
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<bool, EngineError> {
        let colours = self.colours();
        let (mut after, mut done) = (0, 0);
        loop {
            let products = self.store.without_colours(open.key, after, PAGE)?;
            let Some(last) = products.last() else { return Ok(true) };
            after = *last;
            for stored in self.store.products_of(open.key, &products)? {
                let hashes = stored.product.image_hashes();
                let known = colours.of(&self.store, &hashes)?;
                if let Some((hash, _)) = hashes.iter().zip(known).find(|(_, colours)| colours.is_none()) {
                    return Err(EngineError::ColoursLost { hash: *hash });
                }
                done += 1;
                if !go_on(done) {
                    return Ok(false);
                }
            }
        }
    }
}
