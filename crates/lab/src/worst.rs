//! The worst cases as pictures: what was asked, what came first, what would have been right.
//!
//! Only of `groceries` (MIT) and `clothing` (CC0): the pictures of `fashion` belong to their shops.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use vetrina_engine::learn::Rows;

use crate::data::{Clothing, Groceries, Picture};
use crate::features::{self, Features};
use crate::tasks::{embed, given_spaces};

/// Side of a picture on a sheet, and cases on one.
const SIDE: u32 = 88;
const CASES: usize = 14;
const FOLDER: &str = "docs/pictures/evaluation";

/// A query and two pictures of the gallery, as places.
struct Case {
    query: usize,
    first: usize,
    right: usize,
    /// How much more similar the wrong one is.
    gap: f32,
}

/// Writes `g-studio.jpg` and `c-kind.jpg`: a case a column; above the query, then what came first, then the most similar
/// right answer. In the default space. At most one case for each label, the widest gaps first.
pub fn write(groceries: &Groceries, clothing: &Clothing, features: &mut Features) -> Result<()> {
    let paths = |pictures: &[Picture]| pictures.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
    let labels = |pictures: &[Picture]| pictures.iter().map(|picture| picture.label).collect::<Vec<_>>();
    let [_, (_, space)] = given_spaces()?;
    let mut rows = |paths: &[PathBuf]| embed(&space, &features.of(paths)?);
    fs::create_dir_all(FOLDER)?;

    let (photos, studio) = (paths(&groceries.photos), paths(&groceries.studio));
    let cases =
        worst(&rows(&photos)?, &labels(&groceries.photos), &rows(&studio)?, &labels(&groceries.studio), |_, _| true);
    sheet("g-studio.jpg", &cases, &photos, &studio)?;

    let photos = paths(&clothing.photos);
    let (all, kinds) = (rows(&photos)?, labels(&clothing.photos));
    let other_fold = |query: usize, place: usize| clothing.folds[query] != clothing.folds[place];
    sheet("c-kind.jpg", &worst(&all, &kinds, &all, &kinds, other_fold), &photos, &photos)
}

fn worst(
    queries: &Rows,
    wanted: &[u32],
    gallery: &Rows,
    labels: &[u32],
    compared: impl Fn(usize, usize) -> bool,
) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (query, row) in queries.iter().enumerate() {
        let similarity = |other: &[f32]| row.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
        let similarities: Vec<(usize, f32)> = gallery
            .iter()
            .enumerate()
            .filter(|(place, _)| compared(query, *place))
            .map(|(place, other)| (place, similarity(other)))
            .collect();
        let best = |right: bool| {
            let of_kind = similarities.iter().filter(|(place, _)| (labels[*place] == wanted[query]) == right);
            of_kind.max_by(|a, b| a.1.total_cmp(&b.1)).copied()
        };
        if let (Some((first, wrong)), Some((right, own))) = (best(false), best(true))
            && wrong > own
        {
            cases.push(Case { query, first, right, gap: wrong - own });
        }
    }
    cases.sort_by(|a, b| b.gap.total_cmp(&a.gap));
    let mut seen = std::collections::HashMap::<u32, usize>::new();
    // With few labels a label has more cases.
    let each = CASES.div_ceil(wanted.iter().collect::<std::collections::HashSet<_>>().len().max(1));
    cases.retain(|case| {
        let count = seen.entry(wanted[case.query]).or_default();
        *count += 1;
        *count <= each
    });
    cases.truncate(CASES);
    cases
}

fn sheet(name: &str, cases: &[Case], queries: &[PathBuf], gallery: &[PathBuf]) -> Result<()> {
    let step = SIDE + 4;
    let mut sheet = RgbImage::from_pixel(step * cases.len().max(1) as u32, step * 3 + 6, Rgb([255; 3]));
    for (column, case) in (0_u32..).zip(cases) {
        let shown = [(&queries[case.query], 0), (&gallery[case.first], step + 6), (&gallery[case.right], 2 * step + 6)];
        for (path, top) in shown {
            imageops::replace(&mut sheet, &tile(path)?, i64::from(column * step + 2), i64::from(top + 2));
        }
    }
    let file = BufWriter::new(File::create(Path::new(FOLDER).join(name))?);
    JpegEncoder::new_with_quality(file, 82).encode_image(&sheet)?;
    Ok(())
}

/// The middle of a picture, square.
fn tile(path: &Path) -> Result<RgbImage> {
    let picture = features::decode(path, SIDE)?;
    let (width, height) = (picture.width(), picture.height());
    let image = RgbImage::from_raw(width, height, picture.into_rgb()).context("no pixels")?;
    let side = width.min(height);
    let square = imageops::crop_imm(&image, (width - side) / 2, (height - side) / 2, side, side).to_image();
    Ok(imageops::resize(&square, SIDE, SIDE, FilterType::Triangle))
}
