//! Pictures: limits, decoding, orientation, colour, resizing.
//!
//! `bytes → `[`decode`]` → `[`Picture`]` → `[`Picture::crop`]` → `[`letterbox`]` → model input`. Files come from strangers:
//! the format is told by content, sizes are checked before anything is allocated, and whatever goes wrong is a
//! [`PictureError`].

mod by_image_crate;
mod colour;
mod colour_descriptor;
mod decode;
mod error;
mod format;
mod hash;
mod jpeg;
mod jpeg_header;
mod limits;
mod orientation;
mod picture;
mod pixels;
mod region;
mod resize;
mod tiff;
mod webp;

pub use colour_descriptor::ColourDescriptor;
pub use decode::{Header, decode, decode_at_least, probe};
pub use error::PictureError;
pub use format::Format;
pub use hash::{ImageHash, ImageHashError};
pub use limits::Limits;
pub use picture::{Note, Picture};
pub use region::{Region, RegionError};
pub use resize::{letterbox, thumbnail_jpeg};
