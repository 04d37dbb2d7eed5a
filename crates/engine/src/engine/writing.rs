//! Products one by one: read, written, removed.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;

use super::catalogue::{Catalogue, Change};
use super::picture_sources::AtWork;
use super::prepare::{Candidate, Readied};
use super::{CatalogueName, Engine, EngineError, Outcome, ProductPage, Written};
use crate::catalogue::Product;
use crate::fetch::Sources;

/// Most products of one page.
const LONGEST_PAGE: usize = 1_000;
/// So many products or fewer that come together have their pictures understood at once; those of a batch afterwards.
const UNDERSTOOD_AT_ONCE: usize = 4;
/// How often it is asked whether the index has caught up.
const ASK_AGAIN: Duration = Duration::from_millis(200);

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
        let total = self.store.count(open.key)?;
        Ok(ProductPage { products: page.into_iter().map(|stored| stored.product).collect(), total })
    }

    /// Whether a catalogue's index is so far behind that who has many more products to write should wait: an optimisation runs, and
    /// 100,000 products came in since it began. Nothing is refused.
    #[must_use]
    pub fn index_is_behind(&self, catalogue: &CatalogueName) -> bool {
        self.catalogue(catalogue).is_ok_and(|open| self.is_behind(&open))
    }

    /// Who ends the process waits for nothing.
    fn is_behind(&self, open: &Catalogue) -> bool {
        open.snapshot().is_overtaken() && !self.closing()
    }

    /// Waits as long as the index of a catalogue is far behind, see [`Engine::index_is_behind`], and `go_on` says so.
    pub(super) fn wait_for_index(&self, open: &Catalogue, go_on: &dyn Fn() -> bool) {
        while self.is_behind(open) && go_on() {
            std::thread::sleep(ASK_AGAIN);
        }
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
        let mut outcomes = Vec::with_capacity(products.len());
        let mut products = products.into_iter().peekable();
        while products.peek().is_some() {
            // What a product is compared with has to be there: the second one of an id waits until the first is written.
            let mut ids = HashSet::new();
            let together = std::iter::from_fn(|| products.next_if(|product| ids.insert(product.id.clone()))).collect();
            outcomes.extend(self.put_together(&open, together)?);
        }
        Ok(outcomes)
    }

    /// Writes products of different ids in one step.
    fn put_together(
        &self,
        open: &Catalogue,
        products: Vec<Product>,
    ) -> Result<Vec<Result<Written, EngineError>>, EngineError> {
        let _referring = self.referring.read();
        let mut outcomes: Vec<Option<Result<Written, EngineError>>> = Vec::with_capacity(products.len());
        let mut change = Change::default();
        let mut places = Vec::new();
        for (id, readied) in self.prepare_all(open, products)? {
            let outcome = match readied {
                Readied::Unchanged { product, sources, left_out: warnings } => {
                    change.sources.extend(sources);
                    Some(Ok(Written { product: *product, outcome: Outcome::Unchanged, warnings }))
                }
                Readied::Failed(error) => Some(Err(EngineError::Refused { id, error: Box::new(error) })),
                Readied::Write(prepared, warnings) => {
                    places.push((outcomes.len(), prepared.product.clone(), warnings));
                    change.put.push(*prepared);
                    None
                }
            };
            outcomes.push(outcome);
        }
        if change.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        let changed = open.commit(&self.store, change, |_, _| Ok(()))?;
        for ((place, product, warnings), created) in places.into_iter().zip(changed.created) {
            let outcome = if created { Outcome::Created } else { Outcome::Updated };
            outcomes[place] = Some(Ok(Written { product, outcome, warnings }));
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Finds and embeds the pictures of products, on as many threads as the settings allow; in their order.
    fn prepare_all(
        &self,
        catalogue: &Catalogue,
        products: Vec<Product>,
    ) -> Result<Vec<(String, Readied)>, EngineError> {
        let (sources, at_work) = (Sources::nowhere(), AtWork::default());
        let understand = products.len() <= UNDERSTOOD_AT_ONCE;
        let prepare = |product: Product| {
            let (id, fetched) = (product.id.clone(), HashMap::new());
            let candidate = Candidate { line: 0, product, sources: &sources, revalidate: true, understand, fetched };
            self.prepare(catalogue, candidate, &at_work).map(|readied| (id, readied))
        };
        let threads = self.threads().min(products.iter().filter(|product| !product.images.is_empty()).count());
        if threads < 2 {
            return products.into_iter().map(prepare).collect();
        }
        let waiting = Mutex::new(products.into_iter().enumerate());
        let ready = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let Some((place, product)) = waiting.lock().next() else { return };
                        let readied = prepare(product);
                        ready.lock().push((place, readied));
                    }
                });
            }
        });
        let mut ready = ready.into_inner();
        ready.sort_by_key(|(place, _)| *place);
        ready.into_iter().map(|(_, readied)| readied).collect()
    }

    /// Removes a product; false when it was not there. When this returns it is found no more.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store and the index.
    pub fn delete_product(&self, catalogue: &CatalogueName, id: &str) -> Result<bool, EngineError> {
        let open = self.catalogue(catalogue)?;
        let change = Change { remove: vec![id.to_owned()], ..Change::default() };
        let changed = open.commit(&self.store, change, |_, _| Ok(()))?;
        Ok(changed.removed.first().copied().unwrap_or(false))
    }
}
