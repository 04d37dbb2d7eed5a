//! F-robust. Who asks with a damaged picture asks as a shopper does, so it is looked at as a search looks at photos.

use anyhow::Result;
use vetrina_engine::image::Picture;
use vetrina_engine::learn::{Rows, rank_of_own};

use super::{Asking, Figure, Shown, embed, given_spaces};
use crate::damage::{self, backgrounds};
use crate::data::{Clothing, Fashion};
use crate::features::Features;

/// The column of the default head on features of damaged pictures as they are.
pub const UNREPAIRED: &str = "default head, nothing repaired";

/// Damages every `step`-th picture and looks for it among all.
pub fn run(data: &Fashion, clothing: &Clothing, features: &mut Features, step: usize) -> Result<Vec<Figure>> {
    let paths: Vec<_> = data.products.iter().map(|product| product.image_link.clone()).collect();
    let photos = backgrounds(&clothing.photos.iter().map(|photo| photo.path.clone()).collect::<Vec<_>>())?;
    let whole = features.of(&paths)?;
    // Their places in the whole are what seeds the damage, so that a part is damaged as it is in the whole.
    let own: Vec<usize> = (0..whole.len()).step_by(step.max(1)).collect();
    let asked: Vec<_> = own.iter().map(|&place| paths[place].clone()).collect();
    let (mut unrepaired, mut asking) = (Vec::new(), Vec::new());
    for damage in &damage::ALL {
        // A picture the damage fails on stays as it is; none does on this data, and the check below says so.
        let lost = std::sync::atomic::AtomicUsize::new(0);
        let change = |place: usize, picture: Picture| {
            damage.apply(own[place], picture.clone(), &photos).unwrap_or_else(|| {
                lost.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                picture
            })
        };
        let damaged = Asking::of(features, &asked, damage.name, change)?;
        let lost = lost.into_inner();
        anyhow::ensure!(lost == 0, "{}: {lost} pictures could not be damaged", damage.name);
        unrepaired.push(damaged.plain.clone());
        asking.push(damaged);
    }
    let undamaged = Asking::of(features, &asked, "", |_, picture| picture)?;
    let colours = Features::colours(&paths)?;
    let [raw, default] = given_spaces()?;
    let shown = Shown::of(&default.1, &whole, &colours)?;
    let value = recall(&undamaged.scores(&default.1, &shown)?, &own);
    let mut found = vec![Figure { task: "F-robust", column: default.0, measure: "undamaged (not in the mean)", value }];
    for (column, space) in [raw, default.clone()] {
        let shown = Shown::of(&space, &whole, &colours)?;
        let each = asking.iter().map(|asking| Ok(recall(&asking.scores(&space, &shown)?, &own)));
        found.extend(recalls(column, &each.collect::<Result<Vec<_>>>()?));
    }
    let plain = |rows: &Rows| -> Result<f64> {
        let ranks = rank_of_own(&embed(&default.1, rows)?, &own, &shown.rows);
        Ok(share_of_first(ranks.iter().copied()))
    };
    found.extend(recalls(UNREPAIRED, &unrepaired.iter().map(plain).collect::<Result<Vec<_>>>()?));
    Ok(found)
}

/// Share of photos that find their own picture first, in per cent.
fn recall(scores: &[Vec<f32>], own: &[usize]) -> f64 {
    share_of_first(
        scores.iter().zip(own).map(|(scores, &own)| scores.iter().filter(|score| **score > scores[own]).count()),
    )
}

fn share_of_first(ranks: impl ExactSizeIterator<Item = usize>) -> f64 {
    let count = ranks.len();
    100.0 * ranks.filter(|&rank| rank == 0).count() as f64 / count as f64
}

/// R@1 of each damage, and their mean.
fn recalls(column: &'static str, each: &[f64]) -> Vec<Figure> {
    let figure = |measure, value| Figure { task: "F-robust", column, measure, value };
    let mut found: Vec<Figure> =
        damage::ALL.iter().zip(each).map(|(damage, value)| figure(damage.name, *value)).collect();
    found.push(figure("mean R@1", each.iter().sum::<f64>() / each.len() as f64));
    found
}
