//! The CDNOW purchases, which are part of the program: real data for a demonstration.

use super::{ImportError, Report, Source, Spec, run};
use crate::app::App;
use crate::intake::Author;
use crate::jobs::Watch;

/// Every tenth customer of CDNOW.
pub const CDNOW_SAMPLE_CUSTOMERS: Source =
    Source::Embedded("cdnow sample-customers.csv", include_bytes!("../../../../tests/fixtures/cdnow/sample-customers.csv"));
/// Their orders.
pub const CDNOW_SAMPLE_ORDERS: Source =
    Source::Embedded("cdnow sample-orders.csv", include_bytes!("../../../../tests/fixtures/cdnow/sample-orders.csv"));

fn spec(kind: &str) -> Spec {
    Spec::new(kind.parse().expect("a built-in kind"))
}

/// How a file of CDNOW customers is brought in.
pub fn cdnow_customers() -> Spec {
    spec("party").map("customer_id", "external_id").set("type", "person").set("roles", "customer").set("source", "CDNOW")
}

/// How a file of CDNOW orders is brought in, once their customers are there.
pub fn cdnow_orders() -> Spec {
    spec("offer")
        .map("order_id", "external_id")
        .map("customer_id", "party:external_id")
        .set("amount.currency", "USD")
        .set("form", "order")
        .set("status", "completed")
        .set("title", "CDNOW {order_id}")
}

/// Brings in 2,357 customers and their 6,919 orders; what is there already stays as it is.
///
/// # Errors
/// As [`run`].
pub async fn cdnow_sample(app: &App, author: &Author, watch: Watch<'_>) -> Result<[Report; 2], ImportError> {
    let customers = run(app, author, &cdnow_customers(), &CDNOW_SAMPLE_CUSTOMERS, watch).await?;
    let orders = run(app, author, &cdnow_orders(), &CDNOW_SAMPLE_ORDERS, watch).await?;
    Ok([customers, orders])
}
