//! Where the products are in a picture.
