//! Choosing the columns of a list.

use axum::extract::{Query, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use sync_core::schema::Kind;

use super::asked::Asked;
use super::shape::{COLUMNS_MAX, Shape, every_column};
use crate::console::desk::Desk;
use crate::console::typed::Typed;
use crate::error::Error;
use crate::place::Path;

/// A column that can be chosen: name, label, whether it is.
pub type Choosable = (String, String, bool);

/// All columns: the chosen ones first, in their order.
pub fn choosable(desk: &Desk, kind: &Kind, shape: &Shape) -> Vec<Choosable> {
    let chosen = |name: &str| shape.columns.iter().position(|column| column == name);
    let mut all: Vec<Choosable> = every_column(desk, kind)
        .into_iter()
        .map(|column| (column.word().to_owned(), column.label(desk), chosen(column.word()).is_some()))
        .collect();
    all.sort_by_key(|(name, ..)| chosen(name).unwrap_or(usize::MAX));
    all
}

/// `GET /records/{kind}/columns`: the list with the columns that were ticked, in the order they came.
pub async fn choose(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, RawQuery(raw): RawQuery) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let typed = Typed::new(super::filter::pairs(&raw.unwrap_or_default()));
    let ticked: Vec<&str> = typed.all("column").into_iter().take(COLUMNS_MAX).collect();
    let columns = Some(ticked.join(",")).filter(|_| !typed.has("usual"));
    Ok(Redirect::to(&Asked { columns, ..asked.closed() }.address(&kind)).into_response())
}
