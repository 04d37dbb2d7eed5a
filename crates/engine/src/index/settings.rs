//! What the vector engine is told: vectors, graphs, the log, and how fields are indexed.

use std::num::NonZero;

use qdrant_edge::{
    BinaryQuantizationConfig, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeVectorParams, HnswIndexConfig,
    KeywordIndexParams, MultiVectorComparator, MultiVectorConfig, PayloadSchemaParams, QuantizationConfig,
    ScalarQuantizationConfig, ScalarType, VectorStorageDatatype, WalOptions,
};

use super::embedded::PICTURE;
use super::{Compression, Merging, Tuning};

/// Size of one file of the engine's log.
const LOG_FILE: usize = 16 << 20;
/// A vector graph is built for parts with more numbers in their vectors than this many times 1,024; smaller ones are scanned exactly.
const GRAPH_FROM_KILO: usize = 5_000;
/// Parts are put together as long as they have less than this many times 1,024 numbers for each core: the engine's own bound with numbers
/// of 32 bits, which it has in bytes (and no longer raises from some eight cores on).
const PART_KILO: usize = 64_000;
/// Parts of an index that grows: every search walks over the graphs of all of them.
const MOST_PARTS: usize = 12;

/// What the engine sizes parts by: KiB of their vectors.
fn kib(tuning: Tuning, kilo: usize) -> usize {
    kilo * if tuning.half { 2 } else { 4 }
}

/// Of a whole index.
pub(super) fn config(dims: usize, tuning: Tuning) -> EdgeConfig {
    let multi = MultiVectorConfig { comparator: MultiVectorComparator::MaxSim };
    let mut picture = EdgeVectorParams::builder(dims, Distance::Dot).multivector_config(multi).on_disk(true);
    if tuning.half {
        picture = picture.datatype(VectorStorageDatatype::Float16);
    }
    let compression = match tuning.compression {
        Compression::None => None,
        Compression::Scalar => Some(QuantizationConfig::from(ScalarQuantizationConfig {
            r#type: ScalarType::Int8,
            // The few largest numbers are cut, so that the others keep their precision.
            quantile: Some(0.99),
            always_ram: Some(!tuning.mapped),
        })),
        Compression::Binary => Some(QuantizationConfig::from(BinaryQuantizationConfig {
            always_ram: Some(!tuning.mapped),
            encoding: None,
            query_encoding: None,
        })),
    };
    if let Some(compression) = compression {
        picture = picture.quantization_config(compression);
    }
    let picture = picture.build();
    let hnsw = HnswIndexConfig {
        m: tuning.links,
        ef_construct: tuning.build_effort,
        full_scan_threshold: kib(tuning, GRAPH_FROM_KILO),
        on_disk: Some(tuning.mapped),
        // No graphs of their own for what passes a filter: searches do not ask this graph with filters (`search/rank.rs`).
        payload_m: Some(0),
        ..HnswIndexConfig::default()
    };
    let log = WalOptions { segment_capacity: LOG_FILE, ..WalOptions::default() };
    EdgeConfig::builder()
        .on_disk_payload(true)
        .vector(PICTURE, picture)
        .hnsw_config(hnsw)
        .optimizers(optimizers(Merging::Now, tuning))
        .wal_options(log)
        .build()
}

/// When the engine builds graphs, and what it does with those that there are.
pub(super) fn optimizers(merging: Merging, tuning: Tuning) -> EdgeOptimizersConfig {
    // Fewer parts than it may have are left as they are. Of itself it has one for every two cores, two at least.
    let parts = match merging {
        Merging::Later => Some(MOST_PARTS),
        Merging::Now => None,
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    EdgeOptimizersConfig {
        indexing_threshold: Some(kib(tuning, GRAPH_FROM_KILO)),
        max_segment_size: Some(kib(tuning, PART_KILO * cores)),
        default_segment_number: parts,
        ..EdgeOptimizersConfig::default()
    }
}

/// How a column is indexed: read from the disk's cache, so that it takes memory only as it is used, and no time at a start.
pub(super) fn schema() -> PayloadSchemaParams {
    PayloadSchemaParams::Keyword(KeywordIndexParams { on_disk: Some(true), ..Default::default() })
}
