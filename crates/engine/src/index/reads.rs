//! Reads of the embedded index: nearest pictures, words, counts, facets, values.

use std::collections::HashMap;

use qdrant_edge::{
    AcornSearchParams, Condition, CountRequest, FacetRequest, FacetValue, FieldCondition, Filter, Match, NamedQuery,
    PayloadSelector, PayloadSelectorInclude, PointId, QuantizationSearchParams, QueryEnum, Record, ScoredPoint,
    ScrollRequest, SearchParams, SearchRequest, TypedMultiDenseVector, VectorInternal, VectorStructInternal,
    WithPayloadInterface, WithVector,
};
use roaring::RoaringBitmap;
use serde_json::{Map, Value};

use super::embedded::{Embedded, PICTURE, guard};
use super::fields::Column;
use super::postings::{Said, add_up, stored};
use super::table::{BEGINNING, Table};
use super::words::Terms;
use super::{Compression, Effort, IndexError};

/// A product and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The store's number of the product.
    pub key: u64,
    /// Higher is better; the scale is the query's.
    pub score: f32,
}

impl Embedded {
    pub(super) fn nearest(
        &self,
        query: &[Vec<f32>],
        filter: Option<&Filter>,
        limit: usize,
        effort: Effort,
    ) -> Result<Vec<Scored>, IndexError> {
        self.check_query(query)?;
        if query.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let vectors =
            guard("reading a query", || TypedMultiDenseVector::try_from_flatten(query.concat(), self.options().dims))?;
        let tuning = self.options().tuning;
        let candidates = match effort {
            Effort::Usual | Effort::Exact => tuning.search_effort,
            Effort::Candidates(candidates) => candidates,
        };
        let walks = effort != Effort::Exact;
        // The plain walk stops at products that are gone: what only they led to is not found until the graph is built anew. This one steps
        // over them. The engine has it for filtered searches alone, so one without a filter says that everything passes.
        let acorn = walks.then(|| AcornSearchParams { enable: true, max_selectivity: Some(1.0.into()) });
        let params = SearchParams {
            exact: !walks,
            hnsw_ef: Some(candidates.max(limit)),
            quantization: compressed(tuning.compression, limit),
            acorn,
            ..SearchParams::default()
        };
        let filter = filter.cloned().or_else(|| walks.then(Filter::default));
        let query = VectorInternal::MultiDense(vectors);
        let shard = self.shard()?;
        let request = SearchRequest {
            query: QueryEnum::Nearest(NamedQuery { query, using: Some(PICTURE.into()) }),
            filter,
            params: Some(params),
            limit,
            offset: 0,
            with_payload: None,
            with_vector: None,
            score_threshold: None,
        };
        let found = guard("searching", || shard.search(request))?;
        let mut scored: Vec<Scored> = found.iter().filter_map(scored).collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        Ok(scored)
    }

    /// The products of the table that say any of these terms; see [`super::postings`].
    pub(super) fn said(&self, table: &Table, query: &Terms) -> Result<Said, IndexError> {
        add_up(&self.postings.read(), table, query, &self.dir)
    }

    pub(super) fn coded(&self, codes: &[String]) -> Result<Vec<u64>, IndexError> {
        const MOST: usize = 100;
        let Ok(key) = Column::Codes.to_string().parse() else { return Ok(Vec::new()) };
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let any = Condition::Field(FieldCondition::new_match(key, Match::from(codes.to_vec())));
        let (keys, more) = self.keys(Some(&Filter::new_must(any)), None, MOST)?;
        Ok(if more.is_some() { Vec::new() } else { keys })
    }

    pub(super) fn codes_starting_with(&self, prefix: &str) -> Result<Vec<String>, IndexError> {
        let Ok(key) = Column::Codes.to_string().parse() else { return Ok(Vec::new()) };
        let request = FacetRequest { key, limit: usize::MAX, filter: None, exact: true };
        let shard = self.shard()?;
        let found = guard("listing codes", || shard.facet(request))?;
        let codes = found.hits.into_iter().filter_map(|hit| match hit.value {
            FacetValue::Keyword(code) if hit.count > 0 && code.starts_with(prefix) => Some(code),
            _ => None,
        });
        Ok(codes.collect())
    }

    pub(super) fn starting_with(
        &self,
        table: &Table,
        column: &Column,
        prefix: &str,
    ) -> Result<RoaringBitmap, IndexError> {
        let mut rows = table.starting_with(column, prefix);
        if prefix.len() > BEGINNING && !rows.is_empty() {
            let keys: Vec<u64> = rows.iter().map(|row| table.key(row)).collect();
            let texts = self.values(&keys, std::slice::from_ref(column))?;
            let fits = |values: &Vec<Value>| {
                values.first().and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
            };
            let fitting = rows.iter().zip(&texts).filter(|(_, values)| fits(values)).map(|(row, _)| row);
            rows = fitting.collect();
        }
        Ok(rows)
    }

    pub(super) fn count(&self, filter: Option<&Filter>, exact: bool) -> Result<usize, IndexError> {
        let shard = self.shard()?;
        guard("counting", || shard.count(CountRequest { filter: filter.cloned(), exact }))
    }

    pub(super) fn vectors_of(&self, keys: &[u64]) -> Result<Vec<Vec<Vec<f32>>>, IndexError> {
        let records =
            self.retrieve(keys, WithPayloadInterface::Bool(false), WithVector::Selector(vec![PICTURE.into()]))?;
        Ok(keys.iter().map(|key| records.get(key).map_or_else(Vec::new, pictures)).collect())
    }

    pub(super) fn values(&self, keys: &[u64], columns: &[Column]) -> Result<Vec<Vec<Value>>, IndexError> {
        let include = columns.iter().filter_map(|column| column.to_string().parse().ok()).collect();
        let selector = PayloadSelector::Include(PayloadSelectorInclude::new(include));
        let records = self.retrieve(keys, WithPayloadInterface::Selector(selector), WithVector::Bool(false))?;
        let value = |key: &u64, column: &Column| {
            let payload = records.get(key).and_then(|record| record.payload.as_ref());
            let (top, name) = column.keys();
            let found = payload.and_then(|payload| payload.0.get(top));
            let found = match name {
                None => found,
                Some(name) => found.and_then(|group| group.get(name)),
            };
            found.cloned().unwrap_or(Value::Null)
        };
        Ok(keys.iter().map(|key| columns.iter().map(|column| value(key, column)).collect()).collect())
    }

    fn retrieve(
        &self,
        keys: &[u64],
        payload: WithPayloadInterface,
        vector: WithVector,
    ) -> Result<HashMap<u64, Record>, IndexError> {
        let shard = self.shard()?;
        let ids: Vec<PointId> = keys.iter().map(|key| PointId::NumId(*key)).collect();
        let records = guard("reading products", || shard.retrieve(&ids, Some(payload), Some(vector)))?;
        Ok(records.into_iter().filter_map(|record| key(record.id).map(|key| (key, record))).collect())
    }

    pub(super) fn keys(
        &self,
        filter: Option<&Filter>,
        from: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<u64>, Option<u64>), IndexError> {
        let shard = self.shard()?;
        let request = ScrollRequest {
            offset: from.map(PointId::NumId),
            limit: Some(limit.max(1)),
            filter: filter.cloned(),
            with_payload: Some(WithPayloadInterface::Bool(false)),
            with_vector: WithVector::Bool(false),
            order_by: None,
        };
        let (records, next) = guard("listing", || shard.scroll(request))?;
        Ok((records.into_iter().filter_map(|record| key(record.id)).collect(), next.and_then(key)))
    }

    /// Pictures and payloads by key, from a key on, at most `limit`, as far as the table and the lists of words need them; and where to go on.
    pub(super) fn payloads(
        &self,
        from: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<(u64, Vec<Vec<f32>>, Map<String, Value>)>, Option<u64>), IndexError> {
        let shard = self.shard()?;
        let columns = [
            Column::Id,
            Column::Title,
            Column::Price,
            Column::Stock,
            Column::AddedAt,
            Column::InStock,
            Column::Availability,
            Column::Currency,
            Column::Brand,
            Column::Category,
            Column::Group,
            Column::PictureColour,
            Column::Palette,
        ];
        let mut include: Vec<_> = columns.iter().filter_map(|column| column.to_string().parse().ok()).collect();
        include.extend(["shown", stored::KEY].into_iter().filter_map(|key| key.parse().ok()));
        let request = ScrollRequest {
            offset: from.map(PointId::NumId),
            limit: Some(limit.max(1)),
            filter: None,
            with_payload: Some(WithPayloadInterface::Selector(PayloadSelector::Include(PayloadSelectorInclude::new(
                include,
            )))),
            with_vector: WithVector::Selector(vec![PICTURE.into()]),
            order_by: None,
        };
        let (records, next) = guard("listing", || shard.scroll(request))?;
        let product = |record: Record| Some((key(record.id)?, pictures(&record), record.payload?.0));
        Ok((records.into_iter().filter_map(product).collect(), next.and_then(key)))
    }
}

/// At least so many are compared again by their whole vectors.
const COMPARED_AGAIN: usize = 64;

/// How compressed vectors are used: the best by their compressed form are compared again by their whole vectors.
fn compressed(compression: Compression, limit: usize) -> Option<QuantizationSearchParams> {
    let oversampling = match compression {
        Compression::None => return None,
        // Of ten by their compressed form three in a hundred are wrong, however many the walk looked at.
        Compression::Scalar => Some(COMPARED_AGAIN as f64 / limit as f64).filter(|times| *times > 1.0),
        Compression::Binary => Some(4.0),
    };
    Some(QuantizationSearchParams { ignore: false, rescore: Some(true), oversampling })
}

fn key(id: PointId) -> Option<u64> {
    match id {
        PointId::NumId(key) => Some(key),
        PointId::Uuid(_) => None,
    }
}

fn scored(point: &ScoredPoint) -> Option<Scored> {
    key(point.id).map(|key| Scored { key, score: point.score })
}

/// The image embeddings of a record.
fn pictures(record: &Record) -> Vec<Vec<f32>> {
    let Some(VectorStructInternal::Named(vectors)) = &record.vector else { return Vec::new() };
    match vectors.get(PICTURE) {
        Some(VectorInternal::MultiDense(multi)) if multi.dim > 0 => {
            multi.flattened_vectors.chunks_exact(multi.dim).map(<[f32]>::to_vec).collect()
        }
        Some(VectorInternal::Dense(vector)) => vec![vector.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::index::tests::{pictured, scattered};
    use crate::index::{Effort, Index, IndexOptions, IndexPoint, Tuning};

    /// Kinds of products, and products of each that look nearly the same.
    const KINDS: u64 = 120;
    const EACH: u64 = 24;

    #[test]
    fn what_only_products_led_to_that_are_gone_is_found() {
        // A part that gets a graph, in few pictures, with few links, so that those that are gone cut ways off.
        let dims = 4_096;
        let (mut random, mut centre) = (scattered(5), Vec::<f32>::new());
        let mut points = Vec::new();
        for key in 0..KINDS * EACH {
            if key % EACH == 0 {
                centre = (0..dims).map(|_| random()).collect();
            }
            points.push(pictured(key, centre.iter().map(|number| number + 0.37 * random())));
        }
        let folder = tempfile::tempdir().unwrap();
        let tuning = Tuning { links: 4, ..Tuning::default() };
        let index = Index::open(folder.path(), &IndexOptions { tuning, ..IndexOptions::new(dims) }).unwrap().index;
        index.upsert(&points).unwrap();
        while index.optimize().unwrap() {}
        let goes = |key: u64| key % EACH < 13;
        let gone: Vec<u64> = (0..KINDS * EACH).filter(|key| goes(*key)).collect();
        let found = |index: &Index| {
            let stay: Vec<&IndexPoint> = points.iter().filter(|point| !goes(point.key)).collect();
            let found = stay.iter().filter(|point| {
                let found = index.nearest_with(&point.vectors, None, 1, Effort::Candidates(64)).unwrap();
                found.first().is_some_and(|first| first.key == point.key)
            });
            (found.count(), stay.len())
        };
        let (before, all) = found(&index);
        index.delete(&gone).unwrap();
        let (after, _) = found(&index);
        assert!(after * 100 >= before * 98, "of {all} were found {before} before, {after} after others had gone");
    }
}
