//! Canvases with a few products on them, their boxes known: what regions are measured on.

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use vetrina_engine::image::{Picture, Region};

use crate::data::{Clothing, Fashion};
use crate::features;

/// What is behind the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// White, pictures as they are; the box is the product's own.
    White,
    /// One colour at random, products cut out.
    Colour,
    /// A photo of `clothing`, products cut out.
    Photo,
    /// A photo of `clothing`, pictures with their white; the box is the picture's.
    Cards,
    /// The corner of a photo of `clothing`, on which is no product: a floor, a wall, a sheet; products cut out.
    Corner,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::White, Self::Colour, Self::Photo, Self::Cards, Self::Corner];

    pub fn name(self) -> &'static str {
        match self {
            Self::White => "white canvas",
            Self::Colour => "coloured canvas, cut out",
            Self::Photo => "on a photo, cut out",
            Self::Cards => "on a photo, with their white",
            Self::Corner => "on floors and walls, cut out",
        }
    }

    /// Whether nothing but what was put there is a product: on a photo is a garment whose place nobody told.
    pub fn is_empty(self) -> bool {
        !matches!(self, Self::Photo | Self::Cards)
    }
}

/// A canvas and the boxes of the products on it.
pub struct Composite {
    pub picture: Picture,
    pub boxes: Vec<Region>,
}

/// Canvas sizes.
pub const SIZES: [(u32, u32); 4] = [(640, 640), (720, 540), (540, 720), (800, 450)];
/// Pixels as light as this that reach the edge are a picture's white.
const WHITE: u8 = 238;

/// Makes the `number`th composite of a kind out of the pictures whose place is `half` modulo 2; the same number gives the same.
pub fn composite(kind: Kind, number: usize, half: usize, fashion: &Fashion, clothing: &Clothing) -> Result<Composite> {
    let seed = blake3::hash(format!("{} {half} {number}", kind.name()).as_bytes());
    let mut rng = fastrand::Rng::with_seed(u64::from_le_bytes(*seed.as_bytes().first_chunk().context("a seed")?));
    let (width, height) = SIZES[rng.usize(0..SIZES.len())];
    let mut canvas = match kind {
        Kind::White => RgbImage::from_pixel(width, height, Rgb([255; 3])),
        Kind::Colour => RgbImage::from_pixel(width, height, Rgb([rng.u8(..), rng.u8(..), rng.u8(..)])),
        Kind::Photo | Kind::Cards => {
            let place = rng.usize(0..clothing.photos.len() / 2) * 2 + half;
            let photo = rgb(&clothing.photos[place].path, 800)?;
            imageops::resize(&photo, width, height, FilterType::Triangle)
        }
        Kind::Corner => {
            let place = rng.usize(0..clothing.photos.len() / 2) * 2 + half;
            corner(&clothing.photos[place].path, (width, height), &mut rng)?
        }
    };
    let wanted = rng.usize(2..=5);
    let mut taken: Vec<[u32; 4]> = Vec::new();
    let mut boxes = Vec::new();
    for _ in 0..200 {
        if boxes.len() == wanted {
            break;
        }
        let place = rng.usize(0..fashion.products.len() / 2) * 2 + half;
        let picture = rgb(&fashion.products[place].image_link, 224)?;
        let room = if wanted <= 3 { 1.25 } else { 1.0 };
        let side = (0.25 + 0.25 * rng.f32()) * width.min(height) as f32 * room;
        let scale = side / picture.width().max(picture.height()) as f32;
        let scaled = |length: u32| ((length as f32 * scale) as u32).max(8);
        let picture =
            imageops::resize(&picture, scaled(picture.width()), scaled(picture.height()), FilterType::CatmullRom);
        let (left, top) = (rng.u32(0..=width - picture.width()), rng.u32(0..=height - picture.height()));
        let own = [left, top, left + picture.width(), top + picture.height()];
        if !apart(&own, &taken) {
            continue;
        }
        let mask = product(&picture);
        let Some([x0, y0, x1, y1]) = extent(&mask, picture.width()) else { continue };
        for (x, y, pixel) in picture.enumerate_pixels() {
            if matches!(kind, Kind::White | Kind::Cards) || mask[(y * picture.width() + x) as usize] {
                canvas.put_pixel(left + x, top + y, *pixel);
            }
        }
        let frame = if kind == Kind::Cards { own } else { [left + x0, top + y0, left + x1, top + y1] };
        boxes.push(boxed(frame, (width, height))?);
        taken.push(own);
    }
    let picture = Picture::from_rgb(width, height, canvas.into_raw()).context("a canvas")?;
    Ok(Composite { picture, boxes })
}

/// Whether a frame (left, top, right, bottom) keeps four pixels from all that are taken.
pub fn apart(own: &[u32; 4], taken: &[[u32; 4]]) -> bool {
    taken.iter().all(|other| {
        own[2] + 4 <= other[0] || other[2] + 4 <= own[0] || own[3] + 4 <= other[1] || other[3] + 4 <= own[1]
    })
}

/// A frame as a part of a canvas of this width and height.
pub fn boxed([left, top, right, bottom]: [u32; 4], (width, height): (u32, u32)) -> Result<Region> {
    let (x, y) = (left as f32 / width as f32, top as f32 / height as f32);
    Ok(Region::new(x, y, right as f32 / width as f32 - x, bottom as f32 / height as f32 - y)?)
}

pub fn rgb(path: &std::path::Path, side: u32) -> Result<RgbImage> {
    let picture = features::decode(path, side)?;
    RgbImage::from_raw(picture.width(), picture.height(), picture.into_rgb()).context("no pixels")
}

/// A corner of a photo, of 15 to 30 % of its sides, at another size: what is behind the products, mostly without one.
pub fn corner(path: &std::path::Path, (width, height): (u32, u32), rng: &mut fastrand::Rng) -> Result<RgbImage> {
    let photo = rgb(path, 2000)?;
    let part = 0.15 + 0.15 * rng.f32();
    let side = |length: u32| ((length as f32 * part) as u32).max(8);
    let (wide, tall) = (side(photo.width()), side(photo.height()));
    let left = if rng.bool() { 0 } else { photo.width() - wide };
    let top = if rng.bool() { 0 } else { photo.height() - tall };
    let mut corner = imageops::crop_imm(&photo, left, top, wide, tall).to_image();
    if rng.bool() {
        imageops::flip_horizontal_in_place(&mut corner);
    }
    Ok(imageops::resize(&corner, width, height, FilterType::Triangle))
}

/// Which pixels are not white that reaches the edge.
pub fn product(picture: &RgbImage) -> Vec<bool> {
    let (width, height) = picture.dimensions();
    let white = |x: u32, y: u32| picture.get_pixel(x, y).0.iter().all(|value| *value >= WHITE);
    let mut behind = vec![false; (width * height) as usize];
    let edge =
        (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
    let mut open: Vec<(u32, u32)> = edge.collect();
    while let Some((x, y)) = open.pop() {
        let place = (y * width + x) as usize;
        if behind[place] || !white(x, y) {
            continue;
        }
        behind[place] = true;
        let around = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        open.extend(around.into_iter().filter(|(x, y)| *x < width && *y < height));
    }
    behind.into_iter().map(|behind| !behind).collect()
}

/// The smallest box around a mask, when it has a twentieth of the pixels or more.
pub fn extent(mask: &[bool], width: u32) -> Option<[u32; 4]> {
    let own: Vec<(u32, u32)> =
        (0..).zip(mask).filter(|(_, own)| **own).map(|(place, _)| (place % width, place / width)).collect();
    if own.len() * 20 < mask.len() {
        return None;
    }
    let (left, right) = (own.iter().map(|(x, _)| *x).min()?, own.iter().map(|(x, _)| *x).max()?);
    let (top, bottom) = (own.iter().map(|(_, y)| *y).min()?, own.iter().map(|(_, y)| *y).max()?);
    Some([left, top, right + 1, bottom + 1])
}
