//! F-robust. Who asks with a damaged picture asks as a shopper does, so it is looked at as a search looks at photos.

use anyhow::Result;
use vetrina_engine::image::Picture;
use vetrina_engine::learn::{Rows, rank_of_own};
use vetrina_engine::space::Space;

use super::{Asking, Figure, embed, given_spaces};
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
        let plain = features.of_changed(&asked, damage.name, change)?;
        let looked = features.of_photos(&asked, damage.name, change)?;
        let repaired = Features::repaired(&asked, change)?;
        let lost = lost.into_inner();
        anyhow::ensure!(lost == 0, "{}: {lost} pictures could not be damaged", damage.name);
        unrepaired.push(Asking { plain: plain.clone(), looked: plain.clone(), repaired: repaired.clone() });
        asking.push(Asking { plain, looked, repaired });
    }
    let as_is = |_: usize, picture: Picture| picture;
    let undamaged = Asking {
        plain: whole.select(own.iter().copied()),
        looked: features.of_photos(&asked, "", as_is)?,
        repaired: Features::repaired(&asked, as_is)?,
    };
    let [raw, default] = given_spaces()?;
    let value = recall(&default.1, &undamaged, &own, &embed(&default.1, &whole)?)?;
    let mut found = vec![Figure { task: "F-robust", column: default.0, measure: "undamaged (not in the mean)", value }];
    found.extend(recalls(raw.0, &raw.1, &asking, &whole, &own)?);
    found.extend(recalls(default.0, &default.1, &asking, &whole, &own)?);
    found.extend(recalls(UNREPAIRED, &default.1, &unrepaired, &whole, &own)?);
    Ok(found)
}

/// Share of photos that find their own picture first, in per cent.
fn recall(space: &Space, asking: &Asking, own: &[usize], gallery: &Rows) -> Result<f64> {
    let ranks = rank_of_own(&asking.embed(space, gallery)?, own, gallery);
    Ok(100.0 * ranks.iter().filter(|&&rank| rank == 0).count() as f64 / ranks.len() as f64)
}

/// R@1 of each damage, and their mean.
fn recalls(
    column: &'static str,
    space: &Space,
    damaged: &[Asking],
    whole: &Rows,
    own: &[usize],
) -> Result<Vec<Figure>> {
    let gallery = embed(space, whole)?;
    let (mut found, mut sum) = (Vec::new(), 0.0);
    for (damage, asking) in damage::ALL.iter().zip(damaged) {
        let value = recall(space, asking, own, &gallery)?;
        sum += value;
        found.push(Figure { task: "F-robust", column, measure: damage.name, value });
    }
    found.push(Figure { task: "F-robust", column, measure: "mean R@1", value: sum / damaged.len() as f64 });
    Ok(found)
}
