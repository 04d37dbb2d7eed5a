//! F-robust.

use anyhow::{Context, Result};
use vetrina_engine::learn::rank_of_own;

use super::{Figure, embed, given_spaces};
use crate::damage::{self, backgrounds};
use crate::data::{Clothing, Fashion};
use crate::features::Features;

/// Damages every `step`-th picture and looks for it among all.
pub fn run(data: &Fashion, clothing: &Clothing, features: &mut Features, step: usize) -> Result<Vec<Figure>> {
    let paths: Vec<_> = data.products.iter().map(|product| product.image_link.clone()).collect();
    let photos = backgrounds(&clothing.photos.iter().map(|photo| photo.path.clone()).collect::<Vec<_>>())?;
    let whole = features.of(&paths)?;
    // Their places in the whole are what seeds the damage, so that a part is damaged as it is in the whole.
    let own: Vec<usize> = (0..whole.len()).step_by(step.max(1)).collect();
    let asked: Vec<_> = own.iter().map(|&place| paths[place].clone()).collect();
    let mut found = Vec::new();
    let mut damaged = Vec::new();
    for damage in &damage::ALL {
        // A picture the damage fails on stays as it is; none does on this data, and the check below says so.
        let lost = std::sync::atomic::AtomicUsize::new(0);
        damaged.push(features.of_changed(&asked, damage.name, |place, picture| {
            damage.apply(own[place], picture.clone(), &photos).unwrap_or_else(|| {
                lost.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                picture
            })
        })?);
        let lost = lost.into_inner();
        anyhow::ensure!(lost == 0, "{}: {lost} pictures could not be damaged", damage.name);
    }
    for (column, space) in given_spaces()? {
        let gallery = embed(&space, &whole)?;
        let mut sum = 0.0;
        for (damage, rows) in damage::ALL.iter().zip(&damaged) {
            let ranks = rank_of_own(&embed(&space, rows)?, &own, &gallery);
            let first = ranks.iter().filter(|&&rank| rank == 0).count();
            let value = 100.0 * first as f64 / ranks.len() as f64;
            sum += value;
            found.push(Figure { task: "F-robust", column, measure: damage.name, value });
        }
        found.push(Figure { task: "F-robust", column, measure: "mean R@1", value: sum / damaged.len() as f64 });
    }
    found.last().context("nothing was measured")?;
    Ok(found)
}
