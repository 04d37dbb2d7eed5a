//! Products one by one: read, written, removed.

use std::collections::HashMap;

use super::catalogue::Change;
use super::prepare::{AtWork, Candidate, Readied};
use super::{CatalogueName, Engine, EngineError, ItemError, Outcome, ProductPage, Written};
use crate::catalogue::Product;
use crate::fetch::Sources;

/// Most products of one page.
const LONGEST_PAGE: usize = 1_000;

impl Engine {
    /// One product.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`], [`EngineError::NoSuchProduct`]; errors of the store.
    pub fn product(&self, catalogue: &CatalogueName, id: &str) -> Result<Product, EngineError> {
        let open = self.catalogue(catalogue)?;
        match self.store.product(open.key, id)? {
            Some(stored) => Ok(stored.product),
            None => Err(EngineError::NoSuchProduct { catalogue: catalogue.to_string(), id: id.to_owned() }),
        }
    }

    /// A page of products in the order in which they came first; at most 1,000.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn products(&self, catalogue: &CatalogueName, limit: usize, offset: usize) -> Result<ProductPage, EngineError> {
        let open = self.catalogue(catalogue)?;
        let page = self.store.products_page(open.key, limit.min(LONGEST_PAGE), offset)?;
        let (total, _) = self.store.sizes(open.key)?;
        Ok(ProductPage { products: page.into_iter().map(|stored| stored.product).collect(), total })
    }

    /// Writes products, one outcome each, in order; the catalogue is made when it is not there. Those that can be written are
    /// written in one step: when this returns they survive and are found. Pictures are addresses and `data:` URIs; files of
    /// this machine are not read for a client.
    ///
    /// # Errors
    /// Only what is no product's fault: the model, the disk, the store. Nothing is written then.
    pub fn put_products(
        &self,
        catalogue: &CatalogueName,
        products: Vec<Product>,
    ) -> Result<Vec<Result<Written, EngineError>>, EngineError> {
        let open = self.catalogue_or_new(catalogue)?;
        let sources = Sources::nowhere();
        let at_work = AtWork::default();
        // The last of several products with one id is the one that stays.
        let mut outcomes: Vec<Option<Result<Written, EngineError>>> = Vec::with_capacity(products.len());
        let mut change = Change::default();
        let mut places = Vec::new();
        for product in products {
            let id = product.id.clone();
            let candidate =
                Candidate { line: 0, product, sources: &sources, revalidate: true, fetched: HashMap::new() };
            let outcome = match self.prepare(&open, candidate, &at_work)? {
                Readied::Unchanged(product) => {
                    let product = *product;
                    Some(Ok(Written { product, outcome: Outcome::Unchanged, warnings: Vec::new() }))
                }
                Readied::Failed(error) => Some(Err(refusal(id, error))),
                Readied::Write(prepared, warnings) => {
                    places.push((outcomes.len(), prepared.product.clone(), warnings));
                    change.put.push(*prepared);
                    None
                }
            };
            outcomes.push(outcome);
        }
        let changed = open.commit(&self.store, change, |_, _| Ok(()))?;
        for ((place, product, warnings), created) in places.into_iter().zip(changed.created) {
            let outcome = if created { Outcome::Created } else { Outcome::Updated };
            outcomes[place] = Some(Ok(Written { product, outcome, warnings }));
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Removes a product; false when it was not there. When this returns it is found no more.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store and the index.
    pub fn delete_product(&self, catalogue: &CatalogueName, id: &str) -> Result<bool, EngineError> {
        let open = self.catalogue(catalogue)?;
        let change = Change { put: Vec::new(), remove: vec![id.to_owned()] };
        let changed = open.commit(&self.store, change, |_, _| Ok(()))?;
        Ok(changed.removed.first().copied().unwrap_or(false))
    }
}

/// The error of one product that could not be prepared.
fn refusal(id: String, error: ItemError) -> EngineError {
    EngineError::Refused { id, error: Box::new(error) }
}
