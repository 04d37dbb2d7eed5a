//! Pictures: embedded, fetched, shown.

use std::path::Path;

use super::looking::Want;
use super::{EmbedTimes, Engine, EngineError, StoredImage};
use crate::fetch::{Source, Sources};
use crate::image::{Format, ImageHash, Region, decode, probe, thumbnail_jpeg};
use crate::space::{Embedding, Space};

/// Widths of thumbnails: a wish is answered by the next larger one, so that there are few of each picture.
pub(super) const WIDTHS: [u32; 6] = [80, 160, 320, 640, 960, 1280];
/// Quality of thumbnails, 1 to 100.
const QUALITY: u8 = 82;

impl Engine {
    /// The embedding of a picture, or of a region of it, in the space of the build.
    ///
    /// # Errors
    /// [`EngineError::Picture`] when it cannot be read; errors of model and space.
    pub fn embed(&self, bytes: &[u8], region: Option<&Region>) -> Result<(Embedding, EmbedTimes), EngineError> {
        self.embed_in(&self.space, bytes, region)
    }

    /// As [`Engine::embed`], in another space of the same model.
    ///
    /// # Errors
    /// As [`Engine::embed`].
    pub fn embed_in(
        &self,
        space: &Space,
        bytes: &[u8],
        region: Option<&Region>,
    ) -> Result<(Embedding, EmbedTimes), EngineError> {
        self.embed_called(space, bytes, region, "the picture")
    }

    /// As [`Engine::embed_in`]; `name` stands for the picture in errors.
    pub(super) fn embed_called(
        &self,
        space: &Space,
        bytes: &[u8],
        region: Option<&Region>,
        name: &str,
    ) -> Result<(Embedding, EmbedTimes), EngineError> {
        let look = self.look(bytes, region, name, Want::Feature, space.sees_colours())?;
        Ok((space.embed_with(&look.feature, look.colours.as_ref())?, look.times))
    }

    /// Reads a file, or fetches an address, within the limit for pictures.
    ///
    /// # Errors
    /// [`EngineError::Source`], [`EngineError::Fetch`].
    pub fn read_picture(&self, source: &str) -> Result<Vec<u8>, EngineError> {
        let failed = |error| EngineError::Source { item: source.to_owned(), error };
        let sources = Sources::beside(Path::new("."));
        let limit = self.options.limits.file_bytes;
        match sources.resolve(source).map_err(failed)? {
            Source::Remote(url) => self.fetch_picture(&url),
            other => sources.read(&other, source, limit).map_err(failed),
        }
    }

    /// Fetches a picture from an address.
    ///
    /// # Errors
    /// [`EngineError::Fetch`].
    pub fn fetch_picture(&self, url: &str) -> Result<Vec<u8>, EngineError> {
        Ok(self.fetcher.get(url)?.bytes)
    }

    /// A stored picture as it came.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`].
    pub fn image(&self, hash: &ImageHash) -> Result<StoredImage, EngineError> {
        let bytes = self.image_bytes(hash)?;
        let media_type =
            probe(&bytes, &self.options.limits).map_or(Format::Pixels, |header| header.format).media_type();
        Ok(StoredImage { bytes, media_type })
    }

    /// A stored picture as JPEG, at least `width` pixels wide where the picture is (one of a few widths), turned and in sRGB.
    ///
    /// # Errors
    /// [`EngineError::NoSuchImage`].
    pub fn thumbnail(&self, hash: &ImageHash, width: u32) -> Result<Vec<u8>, EngineError> {
        let width = WIDTHS.into_iter().find(|each| *each >= width).unwrap_or(WIDTHS[WIDTHS.len() - 1]);
        let failed = EngineError::io("cannot read a thumbnail under", &self.options.data);
        if let Some(bytes) = self.files.thumbnail(hash, width).map_err(failed)? {
            return Ok(bytes);
        }
        let bytes = self.image_bytes(hash)?;
        let failed = |error| EngineError::Picture { item: hash.to_string(), error };
        let picture = decode(&bytes, &self.options.limits).map_err(failed)?;
        let small = thumbnail_jpeg(&picture, width, QUALITY).map_err(failed)?;
        if let Err(error) = self.files.put_thumbnail(hash, width, &small) {
            tracing::warn!(%hash, %error, "a thumbnail could not be kept; it is made again the next time");
        }
        Ok(small)
    }

    fn image_bytes(&self, hash: &ImageHash) -> Result<Vec<u8>, EngineError> {
        let failed = EngineError::io("cannot read a picture under", &self.options.data);
        self.files.get(hash).map_err(failed)?.ok_or(EngineError::NoSuchImage { hash: *hash })
    }
}
