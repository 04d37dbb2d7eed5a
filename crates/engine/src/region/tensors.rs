//! Networks as files: vectors of 32-bit floats by their names, in the format of safetensors.

use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

/// A file that was read.
pub(super) struct Tensors<'b>(SafeTensors<'b>);

impl<'b> Tensors<'b> {
    /// `None` for what is no such file.
    pub(super) fn of(bytes: &'b [u8]) -> Option<Self> {
        SafeTensors::deserialize(bytes).ok().map(Self)
    }

    /// The numbers of one; `None` where it is missing, of another type, or not finite.
    pub(super) fn read(&self, name: &str) -> Option<Vec<f32>> {
        let view = self.0.tensor(name).ok().filter(|view| view.dtype() == Dtype::F32)?;
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        values.iter().all(|value| value.is_finite()).then_some(values)
    }
}

/// The file of vectors with their names.
///
/// # Errors
/// When the format refuses one.
pub(super) fn written(parts: &[(&str, &[f32])]) -> Result<Vec<u8>, String> {
    let little_endian = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let bytes: Vec<Vec<u8>> = parts.iter().map(|(_, values)| little_endian(values)).collect();
    let mut views = Vec::with_capacity(parts.len());
    for ((name, values), bytes) in parts.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, vec![values.len()], bytes).map_err(|error| error.to_string())?;
        views.push((*name, view));
    }
    serialize(views, None).map_err(|error| error.to_string())
}
