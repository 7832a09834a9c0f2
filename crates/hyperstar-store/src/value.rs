//! Values: bytes, and JSON for the typed calls.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// The largest value, in bytes (64 MiB). A larger one is refused; split it, or keep it in a file
/// and its name here.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) fn encode<T: Serialize + ?Sized>(path: &str, value: &T) -> Result<Bytes, StoreError> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(bytes.into()),
        Err(source) => Err(StoreError::Encode {
            path: path.to_owned(),
            source,
        }),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Decode {
        path: path.to_owned(),
        type_name: std::any::type_name::<T>(),
        source,
    })
}
