//! What the catalogue tells about itself: recommendations, audits.
