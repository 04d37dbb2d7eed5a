//! Products whose pictures' features are known already: catalogues moved from elsewhere, and catalogues made for benches.

use std::sync::Arc;

use super::catalogue::{Catalogue, Change, EmbeddedPicture, NewPicture, Prepared};
use super::prepare::fingerprint;
use super::{CatalogueName, Engine, EngineError};
use crate::catalogue::Product;
use crate::catalogue::store::ImageRow;
use crate::image::ImageHash;
use crate::index::Merging;
use crate::model::Feature;

/// A product and the features of its pictures.
#[derive(Debug, Clone)]
pub struct FeaturedProduct {
    /// The product. Hash and size of its pictures are believed; a picture without a hash gets that of its feature.
    pub product: Product,
    /// One feature of the built-in model for each picture, in the product's order.
    pub features: Vec<Vec<f32>>,
}

impl Engine {
    /// Writes products without reading a picture: truth, then index, in one acknowledged step, as an import does. The
    /// catalogue is made when it is not there. Pictures that are not on disk are found but cannot be shown. Waits where the index is far
    /// behind ([`Engine::index_is_behind`]).
    ///
    /// # Errors
    /// [`EngineError::Request`] when a product is not as it has to be or has another number of features than pictures
    /// (nothing is written then); [`EngineError::Space`] where the catalogue's space sees colours, which do not come with features;
    /// errors of store and index.
    pub fn put_featured(&self, catalogue: &CatalogueName, products: Vec<FeaturedProduct>) -> Result<(), EngineError> {
        let open = self.catalogue_or_new(catalogue)?;
        let put = products.into_iter().map(|product| prepare(&open, product)).collect::<Result<_, _>>()?;
        self.wait_for_index(&open, &|| true);
        open.commit(&self.store, Change { put, ..Change::default() }, |_, _| Ok(()))?;
        Ok(())
    }

    /// Builds what searches of a catalogue are fast with, and brings its index to disk, now rather than when the keeper
    /// comes by. Searches and writes go on.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; when disk or index refuse.
    pub fn tidy(&self, catalogue: &CatalogueName) -> Result<(), EngineError> {
        let open = self.catalogue(catalogue)?;
        let snapshot = open.snapshot();
        snapshot.optimise(&self.store, &open.writing, Merging::Now)?;
        open.settle(&self.store, &snapshot)
    }
}

fn prepare(open: &Catalogue, featured: FeaturedProduct) -> Result<Prepared, EngineError> {
    let FeaturedProduct { mut product, features } = featured;
    let wrong = |reason: String| EngineError::Request { field: format!("product `{}`", product.id), reason };
    product.check().map_err(|problem| wrong(problem.to_string()))?;
    if features.len() != product.images.len() {
        return Err(wrong(format!("{} features for {} pictures", features.len(), product.images.len())));
    }
    let given = fingerprint(&product);
    let snapshot = open.snapshot();
    let (mut embedded_pictures, mut pictures) = (Vec::new(), Vec::new());
    for (image, numbers) in product.images.iter_mut().zip(features) {
        // Rounded before it is used, as in an import.
        let feature = open.rounded(&numbers);
        let known = image.hash.as_deref().and_then(|hash| hash.parse().ok());
        let hash = known.unwrap_or_else(|| {
            ImageHash::of(&feature.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
        });
        image.hash = Some(hash.to_string());
        let (width, height) = (image.width.unwrap_or(1), image.height.unwrap_or(1));
        (image.width, image.height) = (Some(width), Some(height));
        let rounded = Feature { pooled: feature.iter().map(|number| number.to_f32()).collect(), map: None };
        let embedding = snapshot.space.embed(&rounded)?;
        let row = ImageRow { width, height, bytes: 0 };
        let feature = Arc::new(feature);
        embedded_pictures.push(EmbeddedPicture { hash, feature: Arc::clone(&feature), colours: None, embedding });
        pictures.push(NewPicture { hash, row, feature, colours: None, understanding: None });
    }
    Ok(Prepared { product, given, embedded_pictures, pictures, palette: None, sources: Vec::new(), embedded: 0 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EngineOptions;
    use crate::search::SearchRequest;

    fn featured(id: &str, bright: usize) -> FeaturedProduct {
        let product = json!({"id": id, "title": "Lamp", "images": [{"source": "lamp.jpg"}]});
        let features = vec![(0..1280).map(|place| if place % 7 == bright { 1.0 } else { 0.1 }).collect()];
        FeaturedProduct { product: serde_json::from_value(product).unwrap(), features }
    }

    #[test]
    fn featured_products_are_found_by_likeness_and_after_the_index_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let shop = CatalogueName::default();
        let like = |engine: &Engine| -> Vec<String> {
            let request = SearchRequest { like: vec!["a".into()], ..SearchRequest::default() };
            let found = engine.search(&shop, &request, &[]).unwrap();
            found.hits.into_iter().map(|hit| hit.product.id).collect()
        };
        let engine = Engine::open(EngineOptions::new(folder.path())).unwrap();
        engine.put_featured(&shop, vec![featured("a", 1), featured("b", 1), featured("c", 4)]).unwrap();
        engine.tidy(&shop).unwrap();
        assert_eq!(like(&engine), ["b", "c"]);
        engine.close();
        drop(engine);
        std::fs::remove_dir_all(folder.path().join("index")).unwrap();
        let engine = Engine::open(EngineOptions::new(folder.path())).unwrap();
        assert_eq!(like(&engine), ["b", "c"]);
    }

    #[test]
    fn a_product_with_too_few_features_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let shop = CatalogueName::default();
        let engine = Engine::open(EngineOptions::new(folder.path())).unwrap();
        let without = FeaturedProduct { features: Vec::new(), ..featured("b", 2) };
        let error = engine.put_featured(&shop, vec![featured("a", 1), without]).unwrap_err();
        assert!(error.to_string().contains("0 features for 1 pictures"), "{error}");
        assert_eq!(engine.products(&shop, 10, 0).unwrap().total, 0);
    }
}
