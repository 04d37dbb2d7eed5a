//! Damaged copies of catalogue pictures: what shoppers' photos do to pictures, where a product has no second picture to ask
//! with. Their features are kept like those of pictures, so that each is made once.

use super::super::{Engine, EngineError};
use super::gather::Gathered;
use crate::catalogue::store::{put_colours, put_feature};
use crate::image::{ColourDescriptor, ImageHash, Picture, Region, decode_at_least};
use crate::learn::Random;
use crate::model::features_of;

/// Pictures that are copied; each takes some 30 ms a copy.
const PICTURES: usize = 120;
/// Side of a crop that leaves 60 % of the area: √0.6.
const CROP: f32 = 0.774_597;

/// A way to damage a picture; the name is part of what its feature is kept under.
const DAMAGES: [(&str, fn(&Picture) -> Option<Picture>); 2] =
    [("centre crop 60 %, dark", |picture| dark(&centre(picture)?)), ("mirrored, blurred", blurred)];

impl Engine {
    /// Adds damaged copies of some pictures to ask with. Pictures whose file is not there are left out.
    pub(super) fn add_copies(&self, gathered: &mut Gathered, go_on: &dyn Fn() -> bool) -> Result<(), EngineError> {
        let mut places: Vec<usize> = gathered.of_catalogue().collect();
        Random::new(super::assess::SEED).shuffle(&mut places);
        places.truncate(PICTURES);
        for place in places {
            if !go_on() {
                return Ok(());
            }
            let hash = gathered.hashes[place];
            for (name, damage) in DAMAGES {
                let kept_under = ImageHash::of(format!("{hash} {name}").as_bytes());
                let known = self.features(&[kept_under], true)?.pop().flatten();
                let known = known.filter(|known| !gathered.layered || known.len() == self.feature_key.len());
                let known = known.zip(self.store.colours(&[kept_under])?.pop().flatten());
                let (feature, colours) = match known {
                    Some(known) => known,
                    None => match self.damaged(&hash, damage)? {
                        Some((feature, colours)) => {
                            let rounded = self.feature_key.rounded(&feature);
                            self.store.write(|sql| {
                                put_colours(sql, &kept_under, &colours)?;
                                put_feature(sql, &kept_under, &self.feature_key, &rounded)
                            })?;
                            (feature, colours)
                        }
                        None => break,
                    },
                };
                gathered.push_copy(place, &feature, Some(colours));
            }
        }
        Ok(())
    }

    fn damaged(
        &self,
        hash: &ImageHash,
        damage: fn(&Picture) -> Option<Picture>,
    ) -> Result<Option<(Vec<f32>, ColourDescriptor)>, EngineError> {
        let bytes = match self.image(hash) {
            Ok(stored) => stored.bytes,
            Err(EngineError::NoSuchImage { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let model = self.model()?;
        let Ok(picture) = decode_at_least(&bytes, &self.options.limits, model.manifest().input.size * 2) else {
            return Ok(None);
        };
        let Some(picture) = damage(&picture) else { return Ok(None) };
        let colours = ColourDescriptor::of(&picture);
        let feature = features_of(model.as_ref(), &[picture], false)?.pop();
        Ok(feature.map(|feature| (feature.pooled, colours)))
    }
}

fn centre(picture: &Picture) -> Option<Picture> {
    let edge = (1.0 - CROP) / 2.0;
    Some(picture.crop(&Region::new(edge, edge, CROP, CROP).ok()?))
}

fn dark(picture: &Picture) -> Option<Picture> {
    let rgb = picture.rgb().iter().map(|value| (f32::from(*value) * 0.5) as u8).collect();
    Picture::from_rgb(picture.width(), picture.height(), rgb)
}

fn blurred(picture: &Picture) -> Option<Picture> {
    let image = image::RgbImage::from_raw(picture.width(), picture.height(), picture.rgb().to_vec())?;
    // A hundredth of the side: 2.6 pixels of 260, as a hand that moves.
    let sigma = picture.width().min(picture.height()) as f32 / 100.0;
    let blurred = image::imageops::fast_blur(&image::imageops::flip_horizontal(&image), sigma.max(0.5));
    Picture::from_rgb(blurred.width(), blurred.height(), blurred.into_raw())
}
