//! What the vector engine is told: vectors, graphs, the log, and how fields are indexed.

use qdrant_edge::{
    BinaryQuantizationConfig, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeVectorParams, HnswIndexConfig,
    KeywordIndexParams, MultiVectorComparator, MultiVectorConfig, PayloadSchemaParams, QuantizationConfig,
    ScalarQuantizationConfig, ScalarType, VectorStorageDatatype, WalOptions,
};

use super::embedded::PICTURE;
use super::{Compression, IndexOptions, Merging};

/// Size of one file of the engine's log.
const LOG_FILE: usize = 16 << 20;
/// A vector graph is built for parts with more bytes of vectors than this many KiB; smaller ones are scanned exactly.
const GRAPH_FROM_KIB: usize = 20_000;
/// Parts of an index that grows: every search walks over the graphs of all of them.
const MOST_PARTS: usize = 12;

/// Of a whole index.
pub(super) fn config(options: &IndexOptions) -> EdgeConfig {
    let multi = MultiVectorConfig { comparator: MultiVectorComparator::MaxSim };
    let tuning = options.tuning;
    let mut picture = EdgeVectorParams::builder(options.dims, Distance::Dot).multivector_config(multi).on_disk(true);
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
        full_scan_threshold: GRAPH_FROM_KIB,
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
        .optimizers(optimizers(Merging::Now))
        .wal_options(log)
        .build()
}

/// When the engine builds graphs, and what it does with those that there are.
pub(super) fn optimizers(merging: Merging) -> EdgeOptimizersConfig {
    // Fewer parts than it may have are left as they are. Of itself it has one for every two cores, two at least.
    let parts = match merging {
        Merging::Later => Some(MOST_PARTS),
        Merging::Now => None,
    };
    EdgeOptimizersConfig {
        indexing_threshold: Some(GRAPH_FROM_KIB),
        default_segment_number: parts,
        ..EdgeOptimizersConfig::default()
    }
}

/// How a column is indexed: read from the disk's cache, so that it takes memory only as it is used, and no time at a start.
pub(super) fn schema() -> PayloadSchemaParams {
    PayloadSchemaParams::Keyword(KeywordIndexParams { on_disk: Some(true), ..Default::default() })
}
