//! The ways to fit a head, behind one function.

use super::fused::{Besides, fused_map};
use super::lda::lda_map;
use super::pca::{LinearMap, pca_map};
use super::{FitError, LdaOptions, PcaOptions, Rows};
use crate::space::{Beside, Head};

/// How a head is fitted to a catalogue's features. (Words are another kind of head: [`super::fit_words`].)
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Method<'a> {
    /// Principal components, a little whitened: needs nothing but pictures.
    Unsupervised(PcaOptions),
    /// Linear discriminant analysis of labels, one a picture: products, groups, categories, brands, or what people
    /// confirmed. Where photos are to be found among a catalogue's own pictures, both belong into one fit: pictures that carry
    /// the same label teach what a shop's picture and a shopper's photo have in common (G-adapted mAP 71 without
    /// the catalogue's pictures, 94 with them).
    Supervised {
        /// The label of each picture.
        labels: &'a [u32],
        /// How it is fitted.
        options: LdaOptions,
    },
    /// The same over the pooled vector and more: colours for labels that are a matter of colour, layers before the last one for labels
    /// that the last one was not trained to tell apart.
    Fused {
        /// The label of each picture.
        labels: &'a [u32],
        /// What is seen beside the pooled vector.
        besides: Besides<'a>,
        /// How it is fitted; with layers: [`LdaOptions::with_layers`].
        options: LdaOptions,
    },
}

/// What colours weigh beside a feature of unit length in a colour-fused head. 0.5 was best of 0.5, 1 and 2 for F-colour, by little.
pub const COLOURS_WEIGH: f32 = 0.5;

/// Fits a head to pooled vectors as the model gives them, one row a picture. `model` is the SHA-256 of the model they are of; with layers, that
/// of the file that tells them.
///
/// 100,000 features of 1,280 numbers take about half a gibibyte for themselves and a quarter more to fit.
///
/// # Errors
/// [`FitError`] says why there is nothing to be learned: too few pictures, all of them the same, one label, no label with
/// two different pictures, labels that contradict each other, numbers that are not finite.
pub fn fit(model: &str, features: &Rows, method: &Method<'_>) -> Result<Head, FitError> {
    let (map, beside) = match method {
        Method::Unsupervised(options) => (pca_map(features, options)?, Beside::default()),
        Method::Supervised { labels, options } => (lda_map(features, labels, options)?, Beside::default()),
        Method::Fused { labels, besides, options } => {
            let beside = Beside {
                layers: besides.layers.map_or(0, Rows::dim),
                colours: besides.colours.map(|(_, weight)| weight),
            };
            (fused_map(features, besides, labels, options)?, beside)
        }
    };
    let LinearMap { mean, projection } = &map;
    Head::fused(model, beside, mean, projection).map_err(|error| FitError::Numerics { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ColourDescriptor, Picture};
    use crate::model::{FakeModel, Feature, ImageModel, PooledOutput};
    use crate::space::Space;

    fn colours(rgb: [u8; 3]) -> ColourDescriptor {
        ColourDescriptor::of(&Picture::from_rgb(1, 1, rgb.to_vec()).unwrap())
    }

    #[test]
    fn a_colour_fused_head_tells_apart_what_features_cannot() {
        let manifest = FakeModel::new().manifest().clone();
        let dim = manifest.outputs.pooled.dim;
        // The features say nothing of the label; the colours all.
        let rows: Vec<Vec<f32>> =
            (0..24).map(|i| (0..dim).map(|j| ((i * 31 + j * 17) % 23) as f32).collect()).collect();
        let features = Rows::from_vectors(rows.iter().map(Vec::as_slice)).unwrap();
        let labels: Vec<u32> = (0..24).map(|i| i % 2).collect();
        let described: Vec<ColourDescriptor> = (0..24_u8)
            .map(|i| if i % 2 == 0 { colours([200 + i, 10, 10]) } else { colours([10, 10, 200 + i]) })
            .collect();
        let options = LdaOptions::default();
        let described: Vec<&ColourDescriptor> = described.iter().collect();
        let besides = Besides { layers: None, colours: Some((&described, COLOURS_WEIGH)) };
        let method = Method::Fused { labels: &labels, besides, options };
        let space = Space::new(&manifest, fit(&manifest.sha256, &features, &method).unwrap()).unwrap();
        let embed = |feature: &[f32], rgb| {
            let feature = Feature { pooled: feature.to_vec(), map: None };
            space.embed_with(&feature, Some(&colours(rgb))).unwrap()
        };
        let red = embed(&rows[0], [210, 10, 10]);
        assert!(red.similarity(&embed(&rows[7], [205, 10, 10])).unwrap() > 0.9);
        assert!(red.similarity(&embed(&rows[0], [10, 10, 205])).unwrap() < 0.0);
    }

    #[test]
    fn colours_must_belong_to_the_features() {
        let features = Rows::from_vectors([[1.0_f32, 0.0].as_slice(), &[0.0, 1.0]]).unwrap();
        let colour = colours([1, 2, 3]);
        let one = [&colour];
        let options = LdaOptions::default();
        let besides = Besides { layers: None, colours: Some((&one, 1.0)) };
        let method = Method::Fused { labels: &[1, 2], besides, options: options.clone() };
        assert!(matches!(fit("model", &features, &method), Err(FitError::Data { .. })));
        let layers = Rows::from_vectors([[1.0_f32].as_slice()]).unwrap();
        let method =
            Method::Fused { labels: &[1, 2], besides: Besides { layers: Some(&layers), colours: None }, options };
        assert!(matches!(fit("model", &features, &method), Err(FitError::Data { .. })));
    }

    #[test]
    fn a_head_over_layers_tells_apart_what_pooled_vectors_cannot() {
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.outputs.layers = Some(PooledOutput { name: "layers".into(), dim: 8 });
        let (dim, layers) = (manifest.outputs.pooled.dim, manifest.layers_len());
        let number = |i: usize, j: usize| ((i * 31 + j * 17) % 23) as f32;
        let rows: Vec<Vec<f32>> = (0..24).map(|i| (0..dim).map(|j| number(i, j)).collect()).collect();
        let told = |label: usize, i: usize| -> Vec<f32> {
            (0..layers).map(|j| 0.2 * (label * (j % 2)) as f32 + 0.001 * number(i, j)).collect()
        };
        let told: Vec<Vec<f32>> = (0..24).map(|i| told(i % 2, i)).collect();
        let features = Rows::from_vectors(rows.iter().map(Vec::as_slice)).unwrap();
        let beside = Rows::from_vectors(told.iter().map(Vec::as_slice)).unwrap();
        let labels: Vec<u32> = (0..24).map(|i| i % 2).collect();
        let besides = Besides { layers: Some(&beside), colours: None };
        let method = Method::Fused { labels: &labels, besides, options: LdaOptions::with_layers(24) };
        let space = Space::new(&manifest, fit(manifest.of_heads(true), &features, &method).unwrap()).unwrap();
        let embed = |pooled: usize, layers: usize| {
            let pooled = rows[pooled].iter().chain(&told[layers]).copied().collect();
            space.embed(&Feature { pooled, map: None }).unwrap()
        };
        assert!(embed(0, 0).similarity(&embed(7, 2)).unwrap() > 0.9);
        assert!(embed(0, 0).similarity(&embed(0, 1)).unwrap() < 0.0);
    }

    #[test]
    fn each_method_is_the_function_of_its_name() {
        let rows: Vec<[f32; 3]> = (0..12).map(|i| [1.0, (i % 3) as f32, (i % 5) as f32]).collect();
        let features = Rows::from_vectors(rows.iter().map(<[f32; 3]>::as_slice)).unwrap();
        let labels: Vec<u32> = (0..12).map(|i| i % 3).collect();
        let options = PcaOptions::default();
        let unsupervised = fit("model", &features, &Method::Unsupervised(options.clone()));
        assert_eq!(unsupervised, super::super::fit_pca("model", &features, &options));
        let options = LdaOptions::default();
        let supervised = fit("model", &features, &Method::Supervised { labels: &labels, options: options.clone() });
        assert_eq!(supervised, super::super::fit_lda("model", &features, &labels, &options));
    }
}
