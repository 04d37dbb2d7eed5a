//! F-type, F-colour and F-words.

use anyhow::Result;
use rayon::prelude::*;
use vetrina_engine::image::ColourDescriptor;
use vetrina_engine::learn::{LdaOptions, Rows, WordsOptions, fit_lda, fit_words, nearest_votes};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::{Space, WordView};

use super::{BOTH, COLOURS, Figure, LAYERS, at, embed, embed_with_colours, fused_space, given_spaces, places};
use crate::data::Fashion;
use crate::features::{Features, decode};

/// Neighbours that vote, and the power of their similarity.
const NEIGHBOURS: usize = 9;
const POWER: i32 = 8;

pub fn run(data: &Fashion, features: &mut Features) -> Result<Vec<Figure>> {
    let paths: Vec<_> = data.products.iter().map(|product| product.image_link.clone()).collect();
    let whole = features.whole_of(&paths)?;
    let rows = features.pooled(&whole)?;
    let manifest = builtin_manifest()?;
    let colours = paths
        .par_iter()
        .map(|path| Ok(ColourDescriptor::of(&decode(path, manifest.input.size)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for (task, labels) in [("F-type", &data.types), ("F-colour", &data.colours)] {
        for (column, space) in given_spaces()? {
            found.push(accuracy(task, column, data, labels, &rows, &|_| Ok(space.clone()))?);
        }
        let learned = |known: &[usize]| -> Result<Space> {
            let known_rows = rows.select(known.iter().copied());
            let head = fit_lda(&manifest.sha256, &known_rows, &at(labels, known), &LdaOptions::default())?;
            Ok(Space::new(manifest, head)?)
        };
        found.push(accuracy(task, "learned head", data, labels, &rows, &learned)?);
        for (column, layers, coloured) in [(LAYERS, true, false), (COLOURS, false, true), (BOTH, true, true)] {
            let fused = |known: &[usize]| -> Result<Space> {
                let described: Vec<&ColourDescriptor> = known.iter().map(|&place| &colours[place]).collect();
                let known_rows = whole.select(known.iter().copied());
                fused_space(&known_rows, &at(labels, known), layers, coloured.then_some(described.as_slice()))
            };
            let embed = |space: &Space| embed_with_colours(space, &whole, &colours);
            found.push(accuracy_of(task, column, data, labels, &fused, &embed)?);
        }
    }
    found.extend(words(data, &rows)?);
    Ok(found)
}

fn accuracy(
    task: &'static str,
    column: &'static str,
    data: &Fashion,
    labels: &[u32],
    rows: &Rows,
    space_for: &dyn Fn(&[usize]) -> Result<Space>,
) -> Result<Figure> {
    accuracy_of(task, column, data, labels, space_for, &|space| embed(space, rows))
}

/// Accuracy over the folds, in the space that `space_for` fits to the places it is given and embedded by `embed`.
fn accuracy_of(
    task: &'static str,
    column: &'static str,
    data: &Fashion,
    labels: &[u32],
    space_for: &dyn Fn(&[usize]) -> Result<Space>,
    embed: &dyn Fn(&Space) -> Result<Rows>,
) -> Result<Figure> {
    let count = labels.len();
    let mut right = 0;
    for fold in 0..5 {
        let queries = places(count, |place| data.checksums[place] % 5 == fold);
        let gallery = places(count, |place| data.checksums[place] % 5 != fold);
        let embeddings = embed(&space_for(&gallery)?)?;
        let votes = nearest_votes(
            &embeddings.select(queries.iter().copied()),
            &embeddings.select(gallery.iter().copied()),
            &at(labels, &gallery),
            NEIGHBOURS,
            POWER,
        );
        right += votes.iter().zip(at(labels, &queries)).filter(|(vote, label)| **vote == Some(*label)).count();
    }
    Ok(Figure { task, column, measure: "accuracy", value: 100.0 * right as f64 / count as f64 })
}

fn words(data: &Fashion, rows: &Rows) -> Result<Vec<Figure>> {
    let [_, (_, space)] = given_spaces()?;
    let embeddings = embed(&space, rows)?;
    let asked = places(rows.len(), |place| data.checksums[place] % 10 < 3);
    let known = places(rows.len(), |place| data.checksums[place] % 10 >= 3);
    let titles: Vec<&str> = known.iter().map(|&place| data.products[place].title.as_str()).collect();
    let head = fit_words(space.id(), &titles, &embeddings.select(known.iter().copied()), &WordsOptions::default())?;
    let pictures = embeddings.select(asked.iter().copied());
    let gallery: Vec<Option<WordView>> = pictures.iter().map(|picture| head.view(picture)).collect();
    let types = at(&data.types, &asked);
    let found: Vec<(usize, f64)> = asked
        .par_iter()
        .enumerate()
        .map(|(own, &place)| {
            // A title of unknown words only finds nothing: its product counts as the last.
            let Some(query) = head.query(&data.products[place].title)? else { return Ok((gallery.len(), 0.0)) };
            let scores: Vec<f32> =
                gallery.iter().map(|view| view.as_ref().map_or(f32::MIN, |view| query.likeness(view))).collect();
            Ok((rank(&scores, own), share_of_type(&scores, &types, own)))
        })
        .collect::<Result<_>>()?;
    let mut ranks: Vec<usize> = found.iter().map(|(rank, _)| *rank).collect();
    let within =
        |places: usize| 100.0 * ranks.iter().filter(|&&rank| rank < places).count() as f64 / ranks.len() as f64;
    let same_type = 100.0 * found.iter().map(|(_, share)| share).sum::<f64>() / found.len() as f64;
    let figure = |measure, value| Figure { task: "F-words", column: "learned head", measure, value };
    let mut found = vec![figure("R@1", within(1)), figure("R@10", within(10)), figure("type in first 10", same_type)];
    ranks.sort_unstable();
    found.push(figure("median rank", (ranks[ranks.len() / 2] + 1) as f64));
    Ok(found)
}

/// Place of the right picture among all, from 0; those with the same score come before it.
fn rank(scores: &[f32], own: usize) -> usize {
    scores.iter().enumerate().filter(|(place, score)| *place != own && **score >= scores[own]).count()
}

/// Share of the ten best that are of the right type.
fn share_of_type(scores: &[f32], types: &[u32], own: usize) -> f64 {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    places.iter().take(10).filter(|&&place| types[place] == types[own]).count() as f64 / 10.0
}
