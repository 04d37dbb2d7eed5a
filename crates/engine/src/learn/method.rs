//! The ways to fit a head, behind one function.

use super::colours::fused_map;
use super::lda::lda_map;
use super::pca::{LinearMap, pca_map};
use super::{FitError, LdaOptions, PcaOptions, Rows};
use crate::image::ColourDescriptor;
use crate::space::Head;

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
    /// The same over feature and colours: for labels that are a matter of colour.
    ColourFused {
        /// The label of each picture.
        labels: &'a [u32],
        /// The colours of each picture.
        colours: &'a [&'a ColourDescriptor],
        /// How much colours weigh beside a feature of unit length: [`COLOURS_WEIGH`].
        weight: f32,
        /// How it is fitted.
        options: LdaOptions,
    },
}

/// What colours weigh beside a feature of unit length in a colour-fused head. 0.5 was best of 0.5, 1 and 2 for F-colour, by little.
pub const COLOURS_WEIGH: f32 = 0.5;

/// Fits a head to features as the model gives them, one row a picture.
///
/// 100,000 features of 1,280 numbers take about half a gibibyte for themselves and a quarter more to fit.
///
/// # Errors
/// [`FitError`] says why there is nothing to be learned: too few pictures, all of them the same, one label, no label with
/// two different pictures, labels that contradict each other, numbers that are not finite.
pub fn fit(model_sha256: &str, features: &Rows, method: &Method<'_>) -> Result<Head, FitError> {
    match method {
        Method::Unsupervised(options) => head(model_sha256, &pca_map(features, options)?, None),
        Method::Supervised { labels, options } => head(model_sha256, &lda_map(features, labels, options)?, None),
        Method::ColourFused { labels, colours, weight, options } => {
            head(model_sha256, &fused_map(features, colours, *weight, labels, options)?, Some(*weight))
        }
    }
}

fn head(model_sha256: &str, map: &LinearMap, colours: Option<f32>) -> Result<Head, FitError> {
    let (mean, projection) = (&map.mean, &map.projection);
    let head = match colours {
        None => Head::linear(model_sha256, mean, projection),
        Some(weight) => Head::colour_fused(model_sha256, weight, mean, projection),
    };
    head.map_err(|error| FitError::Numerics { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Picture;
    use crate::model::{FakeModel, Feature, ImageModel};
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
        let method = Method::ColourFused { labels: &labels, colours: &described, weight: COLOURS_WEIGH, options };
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
        let method = Method::ColourFused { labels: &[1, 2], colours: &one, weight: 1.0, options };
        assert!(matches!(fit("model", &features, &method), Err(FitError::Data { .. })));
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
