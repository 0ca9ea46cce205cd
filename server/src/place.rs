//! The places of an address that a handler asks for.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// What stands at the places of an address. What is no id there names nothing: it is not found, and said as everything else is.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let places = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        places.map(|axum::extract::Path(places)| Self(places)).map_err(|_| Error::NotFound)
    }
}
