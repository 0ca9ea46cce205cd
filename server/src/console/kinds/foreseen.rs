//! What a kind would do to what people see that says otherwise whose its records are: shown before it is saved.

use serde_json::json;
use sync_core::schema::Kind;

use crate::console::desk::Desk;
use crate::console::roles::{EffectView, effect_view};
use crate::console::typed::Typed;
use crate::error::Error;
use crate::rights::{self, Change};

/// What a kind would do that says otherwise whose its records are.
pub struct Foreseen {
    /// What.
    pub effect: EffectView,
    /// What it says of that.
    pub says: String,
}

impl Foreseen {
    /// None where nobody would notice.
    pub async fn of(desk: &Desk, kind: &Kind) -> Result<Option<Self>, Error> {
        if !rights::is_regrouped(&desk.app.intake.rules(desk.caller.workspace), kind) {
            return Ok(None);
        }
        let effect = rights::effect(&desk.app, desk.caller.workspace, &Change::Kind(Box::new(kind.clone()))).await?;
        Ok((!effect.is_nothing()).then(|| Self { effect: effect_view(desk, &effect), says: says(kind) }))
    }

    /// The same, of what whoever saves was not shown yet.
    pub async fn unseen(desk: &Desk, kind: &Kind, typed: &Typed) -> Result<Option<Self>, Error> {
        if typed.raw("looked_at") == says(kind) { Ok(None) } else { Self::of(desk, kind).await }
    }
}

fn says(kind: &Kind) -> String {
    json!([kind.owner, kind.sharing]).to_string()
}
