//! The same record through automerge itself, the reference for the format.
//!
//! Used by `rapport check`, by exports and by tests, on changes that were admitted before. Never on the
//! path of a change from outside: automerge 0.12 is not safe on hostile bytes.

use std::collections::BTreeMap;

use automerge::{Automerge, ObjType, ROOT, ReadDoc, ScalarValue, Value};

use super::doc::{Doc, Put};
use super::text::genesis;
use crate::id::Name;
use crate::value::Scalar;

/// Automerge and we read the same changes differently, or automerge refuses them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Automerge refuses the changes, or the document that it saved.
    #[error("automerge refuses the record: {0}")]
    Refused(String),
    /// The two have other heads.
    #[error("the heads differ")]
    Heads,
    /// The two have other values at a path.
    #[error("`{path}` is {ours} here and {theirs} in automerge")]
    Value {
        /// The root path.
        path: String,
        /// All its visible values as we read them.
        ours: String,
        /// The same in automerge.
        theirs: String,
    },
}

/// The automerge document that these changes make. `texts` as for [`Doc::apply`].
///
/// # Errors
/// [`Difference::Refused`] when automerge does not take a change, or does not load what it saved.
pub fn automerge_document<'a>(changes: impl IntoIterator<Item = &'a [u8]>, texts: &[Name]) -> Result<Automerge, Difference> {
    let refused = |error: automerge::AutomergeError| Difference::Refused(error.to_string());
    let mut all = Vec::new();
    let parse = |bytes: &[u8]| automerge::Change::from_bytes(bytes.to_vec()).map_err(|error| Difference::Refused(error.to_string()));
    let changes = changes.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    for first in texts.iter().map(genesis) {
        if changes.iter().any(|change| change.deps().iter().any(|dep| dep.0 == first.hash.0)) {
            all.push(parse(&first.bytes)?);
        }
    }
    all.extend(changes);
    let count = all.len();
    let mut document = Automerge::new();
    document.apply_changes(all).map_err(refused)?;
    let reloaded = Automerge::load(&document.save()).map_err(refused)?;
    if reloaded.get_changes(&[]).len() != count {
        return Err(Difference::Refused(format!("{count} changes became {}", reloaded.get_changes(&[]).len())));
    }
    Ok(reloaded)
}

/// Proves that automerge reads these changes as `doc` does: heads, every visible value, every text.
///
/// # Errors
/// The first [`Difference`].
pub fn compare<'a>(doc: &Doc, changes: impl IntoIterator<Item = &'a [u8]>, texts: &[Name]) -> Result<(), Difference> {
    let document = automerge_document(changes, texts)?;
    let mut heads: Vec<[u8; 32]> = document.get_heads().iter().map(|head| head.0).collect();
    heads.sort_unstable();
    if heads != doc.heads().iter().map(|head| head.0).collect::<Vec<_>>() {
        return Err(Difference::Heads);
    }
    let (ours, theirs) = (our_values(doc), their_values(&document)?);
    for path in ours.keys().chain(theirs.keys()) {
        let (ours, theirs) = (ours.get(path), theirs.get(path));
        if ours != theirs {
            return Err(Difference::Value { path: path.clone(), ours: format!("{ours:?}"), theirs: format!("{theirs:?}") });
        }
    }
    Ok(())
}

fn our_values(doc: &Doc) -> BTreeMap<String, Vec<String>> {
    let shown = |put: &Put| match &put.value {
        Scalar::Counter(start) => format!("Counter({})", start + put.added),
        other => format!("{other:?}"),
    };
    let mut values: BTreeMap<String, Vec<String>> =
        doc.paths().map(|(path, puts)| (path.to_owned(), puts.iter().map(shown).collect())).collect();
    values.extend(doc.texts().map(|(path, text)| (path.to_owned(), vec![format!("text {text:?}")])));
    values.values_mut().for_each(|shown| shown.sort());
    values
}

fn their_values(document: &Automerge) -> Result<BTreeMap<String, Vec<String>>, Difference> {
    let refused = |error: automerge::AutomergeError| Difference::Refused(error.to_string());
    let mut values = BTreeMap::new();
    for path in document.keys(ROOT) {
        let mut shown = Vec::new();
        for (value, id) in document.get_all(ROOT, path.as_str()).map_err(refused)? {
            shown.push(match value {
                Value::Object(ObjType::Text) => format!("text {:?}", document.text(&id).map_err(refused)?),
                Value::Object(other) => format!("{other:?}"),
                Value::Scalar(scalar) => format!("{:?}", to_scalar(&scalar)),
            });
        }
        shown.sort();
        values.insert(path, shown);
    }
    Ok(values)
}

fn to_scalar(scalar: &ScalarValue) -> Scalar {
    match scalar {
        ScalarValue::Boolean(flag) => Scalar::Bool(*flag),
        ScalarValue::Int(number) => Scalar::Int(*number),
        ScalarValue::F64(number) => Scalar::Float(*number),
        ScalarValue::Str(text) => Scalar::Text(text.as_str().into()),
        ScalarValue::Counter(counter) => Scalar::Counter(i64::from(counter)),
        ScalarValue::Null | ScalarValue::Uint(_) | ScalarValue::Timestamp(_) | ScalarValue::Bytes(_) | ScalarValue::Unknown { .. } => {
            Scalar::Null
        }
    }
}
