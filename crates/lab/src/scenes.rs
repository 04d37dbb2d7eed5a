//! Pictures with products in known places, made to be learned from: of all sizes, in other light, with soft edges and traces of
//! JPEG, before what products are seen before.

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use vetrina_engine::image::{Picture, Region};

use crate::composites::{Composite, SIZES, apart, boxed, corner, extent, product, rgb};
use crate::damage::jpeg_of;
use crate::data::{Clothing, Fashion, Groceries};

/// What is behind the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The corner of a photo of `clothing`: a floor, a wall, a sheet. No product.
    Corner,
    /// A photo of `clothing`, which shows a garment whose place nobody told.
    Photo,
    /// A photo of `groceries`, which shows products whose places nobody told.
    Shelf,
    /// White, or one colour at random.
    Plain,
}

impl Behind {
    /// Each with how many scenes are learned from.
    pub const ALL: [(Self, usize); 4] =
        [(Self::Corner, 4000), (Self::Photo, 2000), (Self::Shelf, 800), (Self::Plain, 800)];

    /// Whether nothing but what was put there is a product.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Corner | Self::Plain)
    }
}

/// What scenes are made of: of each set the pictures at even places.
pub struct Sets<'s> {
    pub fashion: &'s Fashion,
    pub clothing: &'s Clothing,
    pub groceries: &'s Groceries,
}

fn between(rng: &mut fastrand::Rng, from: f32, to: f32) -> f32 {
    from + (to - from) * rng.f32()
}

/// An even place of so many.
fn even(rng: &mut fastrand::Rng, of: usize) -> usize {
    rng.usize(0..of / 2) * 2
}

/// Makes the `number`th scene of a kind; the same number gives the same.
pub fn scene(behind: Behind, number: usize, sets: &Sets<'_>) -> Result<Composite> {
    let seed = blake3::hash(format!("scene {behind:?} {number}").as_bytes());
    let mut rng = fastrand::Rng::with_seed(u64::from_le_bytes(*seed.as_bytes().first_chunk().context("a seed")?));
    let (width, height) = SIZES[rng.usize(0..SIZES.len())];
    let mut canvas = background(behind, (width, height), &mut rng, sets)?;
    // One product is what most photos are taken of.
    let wanted = if behind == Behind::Plain { rng.usize(1..=5) } else { [1, 1, 1, 2, 2, 3, 4, 5][rng.usize(0..8)] };
    let cards = behind != Behind::Plain && rng.f32() < 0.15;
    let soft = rng.f32() < 0.8;
    let (mut taken, mut boxes): (Vec<[u32; 4]>, Vec<Region>) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        if boxes.len() == wanted {
            break;
        }
        let path = if rng.f32() < 0.2 {
            &sets.groceries.studio[even(&mut rng, sets.groceries.studio.len())].path
        } else {
            &sets.fashion.products[even(&mut rng, sets.fashion.products.len())].image_link
        };
        let picture = rgb(path, 450)?;
        let side = match wanted {
            1 => between(&mut rng, 0.4, 1.1),
            2 => between(&mut rng, 0.3, 0.6),
            _ => between(&mut rng, 0.22, 0.45),
        };
        let scale = side * width.min(height) as f32 / picture.width().max(picture.height()) as f32;
        let scaled = |length: u32| ((length as f32 * scale) as u32).max(8);
        let (wide, tall) = (scaled(picture.width()), scaled(picture.height()));
        if wide > width || tall > height {
            continue;
        }
        let mut picture = imageops::resize(&picture, wide, tall, FilterType::CatmullRom);
        if rng.bool() {
            imageops::flip_horizontal_in_place(&mut picture);
        }
        let (left, top) = (rng.u32(0..=width - wide), rng.u32(0..=height - tall));
        let own = [left, top, left + wide, top + tall];
        let mask = product(&picture);
        let Some([x0, y0, x1, y1]) = extent(&mask, wide).filter(|_| apart(&own, &taken)) else { continue };
        put(&mut canvas, (&picture, &mask), (left, top), (cards, soft), &mut rng);
        let frame = if cards { own } else { [left + x0, top + y0, left + x1, top + y1] };
        boxes.push(boxed(frame, (width, height))?);
        taken.push(own);
    }
    if soft {
        canvas = jpeg_of(&canvas, rng.u8(55..=95)).context("a JPEG")?;
    }
    Ok(Composite { picture: Picture::from_rgb(width, height, canvas.into_raw()).context("a canvas")?, boxes })
}

fn background(
    behind: Behind,
    (width, height): (u32, u32),
    rng: &mut fastrand::Rng,
    sets: &Sets<'_>,
) -> Result<RgbImage> {
    let photos = if behind == Behind::Shelf { &sets.groceries.photos } else { &sets.clothing.photos };
    let photo = match behind {
        Behind::Plain if rng.f32() < 0.4 => return Ok(RgbImage::from_pixel(width, height, Rgb([255; 3]))),
        Behind::Plain => {
            return Ok(RgbImage::from_pixel(width, height, Rgb([rng.u8(..), rng.u8(..), rng.u8(..)])));
        }
        Behind::Photo | Behind::Shelf => rgb(&photos[even(rng, photos.len())].path, 800)?,
        Behind::Corner => return corner(&photos[even(rng, photos.len())].path, (width, height), rng),
    };
    Ok(imageops::resize(&photo, width, height, FilterType::Triangle))
}

/// Puts a picture, or the product cut out of it, on the canvas; `soft`: with edges that are out of focus, and in other light.
fn put(
    canvas: &mut RgbImage,
    (picture, mask): (&RgbImage, &[bool]),
    (left, top): (u32, u32),
    (cards, soft): (bool, bool),
    rng: &mut fastrand::Rng,
) {
    let (wide, tall) = picture.dimensions();
    let own = |x: u32, y: u32| mask[(y * wide + x) as usize];
    // One pixel less all around: the edge has the white in it.
    let inner = |x: u32, y: u32| {
        let beside = x > 0 && y > 0 && x + 1 < wide && y + 1 < tall;
        own(x, y) && (!soft || (beside && own(x - 1, y) && own(x + 1, y) && own(x, y - 1) && own(x, y + 1)))
    };
    let mut cover = GrayImage::from_fn(wide, tall, |x, y| Luma([if cards || inner(x, y) { 255 } else { 0 }]));
    let (mut contrast, mut light) = (1.0, 0.0);
    if soft && !cards {
        cover = imageops::blur(&cover, between(rng, 0.6, 2.2));
        (contrast, light) = (between(rng, 0.6, 1.15), between(rng, -12.0, 12.0));
    }
    for (x, y, pixel) in picture.enumerate_pixels() {
        let part = f32::from(cover.get_pixel(x, y).0[0]) / 255.0;
        let behind = canvas.get_pixel_mut(left + x, top + y);
        for (to, from) in behind.0.iter_mut().zip(pixel.0) {
            let lit = (f32::from(from) * contrast + light).clamp(0.0, 255.0);
            *to = (part * lit + (1.0 - part) * f32::from(*to)).round() as u8;
        }
    }
}
