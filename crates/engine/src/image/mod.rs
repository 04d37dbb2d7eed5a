//! Pictures: limits, decoding, orientation, colour, resizing; what they show apart from the background, its colours, and how good they are.
//!
//! `bytes → `[`decode`]` → `[`Picture`]` → `[`Picture::crop`]` → `[`letterbox`]` → model input`. Files come from strangers:
//! the format is told by content, sizes are checked before anything is allocated, and whatever goes wrong is a
//! [`PictureError`].

mod blur;
mod by_image_crate;
mod colour;
mod colour_descriptor;
mod colour_names;
mod colour_words;
mod covered;
mod deblur;
mod decode;
mod denoise;
mod error;
mod findings;
mod format;
mod frame;
mod hash;
mod jpeg;
mod jpeg_header;
mod limits;
mod luma;
mod noise;
mod orientation;
mod palette;
mod picture;
mod pixels;
mod quality;
mod region;
mod repair;
mod resize;
mod scaled_jpeg;
mod sketch;
mod subject;
mod text;
mod tiff;
mod webp;

pub use colour_descriptor::ColourDescriptor;
pub(crate) use colour_names::nearness_at;
pub use colour_names::{Colour, ColourError, FAMILIES, SHADES, Shade, distance, name_of};
pub use covered::covered;
pub use decode::{Header, decode, decode_at_least, probe};
pub use error::PictureError;
pub use findings::{Finding, findings};
pub use format::Format;
pub use hash::{ImageHash, ImageHashError};
pub use limits::Limits;
pub use palette::{MOST_COLOURS, Palette, PaletteColour};
pub use picture::{Note, Picture};
pub use quality::{BackgroundKind, Behind, Exposure, Quality, SubjectPlace};
pub use region::{Region, RegionError};
pub use repair::{Damage, Repair, repaired};
pub use resize::{letterbox, thumbnail_jpeg};
pub use sketch::{SKETCH_SIDE, Sketch};
pub use subject::{Background, Subject};
